/** InitProducerId: gives a producer its id and an epoch that fences all earlier instances. */
import {
  PRODUCER_EPOCH_MAX,
  TRANSACTION_TIMEOUT_MS_MAX,
  TRANSACTIONAL_ID_LENGTH_MAX,
} from '../limits.ts'
import type { ProducerIdAndEpoch } from './participant-api.ts'
import { fence } from './prepare.ts'
import type { InitProducerIdRequest } from './transaction-api.ts'
import {
  type Decision,
  type DecisionContext,
  isExhausted,
  isPrepared,
  isSameProducer,
  nextProducer,
  REFUSALS,
  refuse,
  type TransactionRecord,
} from './transaction-record.ts'

/**
 * Decides an InitProducerId. The checks are in Kafka's order.
 *
 * An open transaction is aborted first, and the producer tries again: the epoch of the abort is never given out.
 */
export function decideInit(
  record: TransactionRecord | undefined,
  request: InitProducerIdRequest,
  context: DecisionContext,
): Decision<ProducerIdAndEpoch> {
  const { transactionalId, timeoutMs, producer } = request
  if (transactionalId === '' || transactionalId.length > TRANSACTIONAL_ID_LENGTH_MAX) {
    const why = `transactionalId: 1 to ${TRANSACTIONAL_ID_LENGTH_MAX} characters are allowed`
    return refuse(record, 'invalid_request', why)
  }
  if (timeoutMs <= 0 || timeoutMs > TRANSACTION_TIMEOUT_MS_MAX) {
    const why = `timeoutMs: 1 to ${TRANSACTION_TIMEOUT_MS_MAX} is allowed, got ${timeoutMs}`
    return refuse(record, 'invalid_transaction_timeout', why)
  }
  if (record === undefined) return answer(newRecord(request, context))
  if (producer !== undefined && !hasValidId(record, producer)) return REFUSALS.fenced(record)
  if (isPrepared(record)) return REFUSALS.ending(record)
  if (record.state === 'Ongoing') return REFUSALS.ending(fence(record, context))
  return decideIdle(record, request, context)
}

function decideIdle(
  record: TransactionRecord,
  { timeoutMs, producer }: InitProducerIdRequest,
  { nowMs, newProducerId }: DecisionContext,
): Decision<ProducerIdAndEpoch> {
  if (producer === undefined || isSameProducer(producer, record)) {
    const { replaced: _, ...kept } = record
    const next = isExhausted(record)
      ? { producerId: newProducerId, producerEpoch: 0, number: 0 }
      : { producerEpoch: record.producerEpoch + 1 }
    const replaced = producer && { replaced: { ...producer, by: 'init' as const } }
    const empty = { state: 'Empty' as const, timeoutMs, updatedAtMs: nowMs, connection: 0 }
    return answer({ ...kept, ...next, ...replaced, ...empty })
  }
  const { replaced } = record
  // The producer did not receive the response that gave it the current epoch.
  const isRepeat = replaced !== undefined && isSameProducer(producer, replaced)
  return isRepeat && replaced.by !== 'fence' ? answer(record) : REFUSALS.fenced(record)
}

/** Returns whether a producer has the current id, or the one before it up to its last epoch. */
function hasValidId(
  { producerId, replaced }: TransactionRecord,
  given: ProducerIdAndEpoch,
): boolean {
  if (given.producerId === producerId) return true
  return replaced?.producerId === given.producerId && given.producerEpoch >= PRODUCER_EPOCH_MAX
}

function newRecord(
  { transactionalId, timeoutMs }: InitProducerIdRequest,
  { nowMs, newProducerId }: DecisionContext,
): TransactionRecord {
  return {
    transactionalId,
    producerId: newProducerId,
    producerEpoch: 0,
    timeoutMs,
    state: 'Empty',
    number: 0,
    version: 1,
    partitions: [],
    groups: [],
    startedAtMs: -1,
    updatedAtMs: nowMs,
    connection: 0,
  }
}

function answer(record: TransactionRecord): Decision<ProducerIdAndEpoch> {
  return { record, result: { ok: nextProducer(record) } }
}
