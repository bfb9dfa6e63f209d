/** Time alone changes a transactional id in two ways: an open transaction times out, an unused id expires. */
import type { Result } from '../errors.ts'
import { EdgelogError } from '../errors.ts'
import { TRANSACTIONAL_ID_EXPIRATION_MS } from '../limits.ts'
import { fence } from './prepare.ts'
import type { TransactionDescription, TransactionFate } from './transaction-api.ts'
import { type DecisionContext, isPrepared, type TransactionRecord } from './transaction-record.ts'

/** Returns when `passTime` changes the record; undefined while participants end the transaction. */
export function nextDeadlineMs(record: TransactionRecord): number | undefined {
  if (isPrepared(record)) return undefined
  return record.state === 'Ongoing'
    ? record.startedAtMs + record.timeoutMs
    : record.updatedAtMs + TRANSACTIONAL_ID_EXPIRATION_MS
}

/** Returns the record after its deadline: an aborted transaction, or undefined for an id that expired. */
export function passTime(
  record: TransactionRecord,
  context: DecisionContext,
): TransactionRecord | undefined {
  const deadlineMs = nextDeadlineMs(record)
  if (deadlineMs === undefined || context.nowMs < deadlineMs) return record
  return record.state === 'Ongoing' ? fence(record, context) : undefined
}

/** Returns what a participant should do with a transaction that it has had open for long. */
export function fateOf(
  record: TransactionRecord | undefined,
  producerId: bigint,
  transactionalId: string,
  number: number,
): TransactionFate {
  if (record === undefined) return 'unknown'
  const isThis =
    record.transactionalId === transactionalId &&
    record.producerId === producerId &&
    record.number === number
  return isThis && (record.state === 'Ongoing' || isPrepared(record)) ? 'pending' : 'unknown'
}

export function describe(record: TransactionRecord | undefined): Result<TransactionDescription> {
  if (record === undefined) {
    const why = 'transactionalId: the transactional id does not exist'
    return { error: new EdgelogError('transactional_id_not_found', why).toBody() }
  }
  const { transactionalId, producerId, producerEpoch, state, timeoutMs } = record
  const { startedAtMs, updatedAtMs, number, partitions, groups } = record
  const times = { timeoutMs, startedAtMs, updatedAtMs }
  const producer = { producerId, producerEpoch }
  return { ok: { transactionalId, ...producer, state, ...times, number, partitions, groups } }
}
