/** The outbox in the database: each function is one transaction, which any tab may run at any time. */
import { EdgelogError } from '../../../src/core/errors.ts'
import type { Database, Store, Transaction } from '../store/database.ts'
import {
  type OutboxRow,
  type ParkedRow,
  type ProducerRow,
  type TopicRow,
  UNASSIGNED_PARTITION,
} from '../store/schema.ts'
import { recordsOf } from './row-batches.ts'
import { type NewEntry, type Place, RowWriter } from './row-writer.ts'

/** A record that got its partition: where it was, and where it is. */
export interface Move extends Place {
  readonly from: Place
}

export interface OutboxContext {
  readonly database: Database
  readonly newProducerId: () => bigint
  readonly random: () => number
  readonly now: () => number
}

export function pendingOf({ firstPosition, nextPosition }: ProducerRow): number {
  return nextPosition - firstPosition
}

export class OutboxStore {
  readonly #context: OutboxContext

  constructor(context: OutboxContext) {
    this.#context = context
  }

  /**
   * Stores records in the order given, each at the end of its partition; durable when it resolves.
   * A record that can never be sent gets an error in its place, and the others are stored.
   *
   * @throws {EdgelogError} `storage_full`, `storage_failed`: nothing is stored then.
   */
  async enqueue(entries: readonly NewEntry[]): Promise<Array<Place | EdgelogError>> {
    const stores: Store[] = ['topics', 'producers', 'outbox']
    const work = async (tx: Transaction) => {
      const writer = new RowWriter(tx, this.#context)
      const places: Array<Place | EdgelogError> = []
      for (const entry of entries) places.push(await writer.add(entry))
      await writer.finish()
      return places
    }
    return await this.#context.database.write(stores, work, true)
  }

  /** What is known of a topic, for tabs that have not asked the server. */
  async topic(topic: string): Promise<TopicRow | undefined> {
    return await this.#context.database.read(['topics'], (tx) =>
      tx.objectStore('topics').get(topic),
    )
  }

  /**
   * Takes what the server says of a topic; records that wait for a partition get one, and so do those
   * of partitions that are no longer there.
   */
  async learn(topic: TopicRow): Promise<Move[]> {
    const stores: Store[] = ['topics', 'producers', 'outbox']
    const work = async (tx: Transaction) => {
      await tx.objectStore('topics').put(topic)
      const writer = new RowWriter(tx, this.#context)
      const moves: Move[] = []
      const partitions = IDBKeyRange.bound([topic.topic], [topic.topic, []])
      for (const producer of await tx.objectStore('producers').getAll(partitions)) {
        const { partition } = producer
        if (partition >= 0 && partition < topic.partitions) continue
        const range = rowsOf(topic.topic, partition)
        for (const row of await tx.objectStore('outbox').getAll(range)) {
          for (const [index, record] of (await recordsOf(row.batch)).entries()) {
            const entry = { topic: topic.topic, record, partition: undefined }
            const place = await writer.add(entry)
            const from = { partition, position: row.position + index }
            if (!(place instanceof EdgelogError)) moves.push({ from, ...place })
          }
        }
        await tx.objectStore('outbox').delete(range)
        const empty = { firstPosition: producer.nextPosition, pendingBytes: 0 }
        await tx.objectStore('producers').put({ ...producer, ...empty })
      }
      await writer.finish()
      return moves
    }
    return await this.#context.database.write(stores, work, true)
  }

  /** All partitions that were ever written to. */
  async producers(): Promise<ProducerRow[]> {
    return await this.#context.database.read(['producers'], (tx) =>
      tx.objectStore('producers').getAll(),
    )
  }

  async parked(): Promise<ParkedRow[]> {
    return await this.#context.database.read(['parked'], (tx) => tx.objectStore('parked').getAll())
  }

  async countParked(): Promise<number> {
    return await this.#context.database.read(['parked'], (tx) => tx.objectStore('parked').count())
  }

  /** Takes parked records out, all or one, and queues them anew if they are to be tried again. */
  async unpark(id: number | undefined, isRetried: boolean): Promise<number> {
    const stores: Store[] = ['topics', 'producers', 'outbox', 'parked']
    const work = async (tx: Transaction) => {
      const parked = tx.objectStore('parked')
      const rows = id === undefined ? await parked.getAll() : [await parked.get(id)]
      const writer = new RowWriter(tx, this.#context)
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
    return await this.#context.database.write(stores, work, true)
  }

  async pending(topic: string | undefined): Promise<OutboxRow[]> {
    const range = topic === undefined ? undefined : IDBKeyRange.bound([topic], [topic, []])
    return await this.#context.database.read(['outbox'], (tx) =>
      tx.objectStore('outbox').getAll(range),
    )
  }

  /** When the oldest record of these partitions was queued; undefined: none waits. */
  async oldestQueuedAtMs(producers: readonly ProducerRow[]): Promise<number | undefined> {
    return await this.#context.database.read(['outbox'], async (tx) => {
      let oldestMs: number | undefined
      for (const { topic, partition, firstPosition } of producers) {
        const row = await tx.objectStore('outbox').get([topic, partition, firstPosition])
        if (row !== undefined) oldestMs = Math.min(oldestMs ?? row.queuedAtMs, row.queuedAtMs)
      }
      return oldestMs
    })
  }
}

function rowsOf(topic: string, partition: number): IDBKeyRange {
  return IDBKeyRange.bound([topic, partition], [topic, partition, []])
}
