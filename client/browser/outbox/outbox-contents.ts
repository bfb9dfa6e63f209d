/** What lies in the outbox, record by record. */
import { EdgelogError } from '../../../src/core/errors.ts'
import { ConsumerRecord } from '../../consumer/consumer-record.ts'
import type { Store, Transaction } from '../store/database.ts'
import { UNASSIGNED_PARTITION } from '../store/schema.ts'
import type { OutboxContext } from './outbox-store.ts'
import { recordsOf } from './row-batches.ts'
import { RowWriter } from './row-writer.ts'

export interface ParkedRecord {
  readonly id: number
  /** Its offset is -1. */
  readonly record: ConsumerRecord
  readonly error: EdgelogError
  readonly parkedAtMs: number
}

/** Of one topic, or of all, in the order of `send` within each partition. */
export async function pendingRecords(
  { database }: OutboxContext,
  topic: string | undefined,
): Promise<ConsumerRecord[]> {
  const range = topic === undefined ? undefined : IDBKeyRange.bound([topic], [topic, []])
  const rows = await database.read(['outbox'], (tx) => tx.objectStore('outbox').getAll(range))
  const pending: ConsumerRecord[] = []
  for (const row of rows) {
    for (const record of await recordsOf(row.batch)) {
      pending.push(new ConsumerRecord(row.topic, row.partition, { ...record, offset: -1 }))
    }
  }
  return pending
}

export async function parkedRecords({ database }: OutboxContext): Promise<ParkedRecord[]> {
  const rows = await database.read(['parked'], (tx) => tx.objectStore('parked').getAll())
  const parked: ParkedRecord[] = []
  for (const { id = -1, topic, partition, batch, error, parkedAtMs } of rows) {
    for (const record of await recordsOf(batch)) {
      parked.push({
        id,
        record: new ConsumerRecord(topic, partition, { ...record, offset: -1 }),
        error: EdgelogError.fromBody(error),
        parkedAtMs,
      })
    }
  }
  return parked
}

/** Takes parked records out, all or one, and queues them anew if they are to be tried again. */
export async function unpark(
  context: OutboxContext,
  id: number | undefined,
  isRetried: boolean,
): Promise<number> {
  const stores: Store[] = ['topics', 'producers', 'outbox', 'parked']
  const work = async (tx: Transaction) => {
    const parked = tx.objectStore('parked')
    const rows = id === undefined ? await parked.getAll() : [await parked.get(id)]
    const writer = new RowWriter(tx, context)
    let count = 0
    for (const row of rows) {
      if (row?.id === undefined) continue
      count += 1
      await parked.delete(row.id)
      if (!isRetried) continue
      for (const record of await recordsOf(row.batch)) {
        const { topic, partition } = row
        const place = await writer.add({
          topic,
          record,
          partition: partition === UNASSIGNED_PARTITION ? undefined : partition,
        })
        if (place instanceof EdgelogError) throw place
      }
    }
    await writer.finish()
    return count
  }
  return await context.database.write(stores, work, true)
}
