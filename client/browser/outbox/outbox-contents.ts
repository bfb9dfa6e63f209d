/** Reads the outbox record by record. */
import type { NewRecord } from '../../../src/core/batch/record.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { ConsumerRecord } from '../../consumer/consumer-record.ts'
import type { Store, Transaction } from '../store/database.ts'
import { type ParkedRow, TRANSACTIONS_TOPIC, UNASSIGNED_PARTITION } from '../store/schema.ts'
import type { OutboxContext } from './outbox-store.ts'
import { recordsOf } from './row-batches.ts'
import { RowWriter } from './row-writer.ts'
import { recordsInTransaction, renewed } from './stored-transaction.ts'

export interface ParkedRecord {
  /** The records of a transaction have one id: they are queued again or discarded together. */
  readonly id: number
  /** Its offset is -1. */
  readonly record: ConsumerRecord
  readonly error: EdgelogError
  readonly parkedAtMs: number
}

export interface RetryOptions {
  readonly timestamp?: number
}

/** Returns the records of one topic, or of all, in the order of `send` within each partition. */
export async function pendingRecords(
  { database }: OutboxContext,
  topic: string | undefined,
): Promise<ConsumerRecord[]> {
  const rangeOf = (name: string) => IDBKeyRange.bound([name], [name, []])
  const rows = await database.read(['outbox'], async (tx) => {
    const outbox = tx.objectStore('outbox')
    if (topic === undefined) return await outbox.getAll()
    const ranges = [rangeOf(topic), rangeOf(TRANSACTIONS_TOPIC)]
    return (await Promise.all(ranges.map((range) => outbox.getAll(range)))).flat()
  })
  const pending: ConsumerRecord[] = []
  for (const row of rows) {
    // An unreadable record is parked when it is to be sent.
    for (const record of await recordsOf(row.batch).catch(() => [])) {
      pending.push(...shownRecords(row, record).filter((one) => (topic ?? one.topic) === one.topic))
    }
  }
  return pending
}

export async function parkedRecords({ database }: OutboxContext): Promise<ParkedRecord[]> {
  const rows = await database.read(['parked'], (tx) => tx.objectStore('parked').getAll())
  const parked: ParkedRecord[] = []
  for (const { id = -1, topic, partition, batch, error, parkedAtMs } of rows) {
    const damaged = { offset: -1, timestamp: -1, key: null, value: batch, headers: [] }
    for (const record of await recordsOf(batch).catch(() => [damaged])) {
      for (const shown of shownRecords({ topic, partition }, record)) {
        parked.push({ id, record: shown, error: EdgelogError.fromBody(error), parkedAtMs })
      }
    }
  }
  return parked
}

/** Returns the record, or the records of the transaction that it stands for. */
function shownRecords(
  { topic, partition }: Pick<ParkedRow, 'topic' | 'partition'>,
  record: NewRecord,
): ConsumerRecord[] {
  // A damaged transaction has no key.
  if (topic === TRANSACTIONS_TOPIC && record.key !== null) return recordsInTransaction(record)
  return [new ConsumerRecord(topic, partition, { ...record, offset: -1 })]
}

/** Removes parked records, all or one, and queues them again if `retry` is given. */
export async function unpark(
  context: OutboxContext,
  id: number | undefined,
  retry: RetryOptions | undefined,
): Promise<number> {
  const { timestamp } = retry ?? {}
  if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
    const why = `timestamp: must be a whole number of ms since 1970, got ${timestamp}`
    throw new EdgelogError('invalid_timestamp', why)
  }
  const stores: Store[] = ['topics', 'producers', 'outbox', 'parked']
  const work = async (tx: Transaction) => {
    const parked = tx.objectStore('parked')
    const rows = id === undefined ? await parked.getAll() : [await parked.get(id)]
    const writer = new RowWriter(tx, context)
    let count = 0
    for (const row of rows) {
      if (row?.id === undefined) continue
      if (retry === undefined || (await queueAgain(writer, row, timestamp))) {
        count += 1
        await parked.delete(row.id)
      }
    }
    await writer.finish()
    return count
  }
  return await context.database.write(stores, work, true)
}

/** @returns false for a record that still cannot be sent; a record whose partition is gone gets another */
async function queueAgain(
  writer: RowWriter,
  { topic, partition, batch, error }: ParkedRow,
  timestamp: number | undefined,
): Promise<boolean> {
  const [parked] = await recordsOf(batch).catch(() => [])
  if (parked === undefined) return false
  const isForItsTime = timestamp !== undefined && error.code === 'invalid_timestamp'
  if (topic === TRANSACTIONS_TOPIC) {
    const record = renewed(parked, isForItsTime ? timestamp : undefined)
    return !((await writer.add({ topic, record, partition })) instanceof EdgelogError)
  }
  const record = isForItsTime ? { ...parked, timestamp } : parked
  for (const chosen of [partition === UNASSIGNED_PARTITION ? undefined : partition, undefined]) {
    if (!((await writer.add({ topic, record, partition: chosen })) instanceof EdgelogError))
      return true
  }
  return false
}
