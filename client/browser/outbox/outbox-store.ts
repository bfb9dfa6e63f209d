/** The outbox in the database. Each function is one transaction, which any tab may run at any time. */
import type { EdgelogError } from '../../../src/core/errors.ts'
import type { Database, Store, Transaction } from '../store/database.ts'
import type { OutboxPosition, ParkedRow, ProducerRow } from '../store/schema.ts'
import { type NewEntry, RowWriter } from './row-writer.ts'

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
   * Stores records in order, each at the end of its partition; durable when it resolves. A
   * record that can never be sent gets an error in its place, and the others are stored.
   *
   * @throws {EdgelogError} `storage_full`, `storage_failed`: nothing is stored then
   */
  async enqueue(entries: readonly NewEntry[]): Promise<Array<OutboxPosition | EdgelogError>> {
    const stores: Store[] = ['topics', 'producers', 'outbox']
    const work = async (tx: Transaction) => {
      const writer = new RowWriter(tx, this.#context)
      const places: Array<OutboxPosition | EdgelogError> = []
      for (const entry of entries) places.push(await writer.add(entry))
      // Without `tx.commit()`: if the quota is exceeded, Chromium may then abort the transaction without an error.
      await writer.finish()
      return places
    }
    return await this.#context.database.write(stores, work, true)
  }

  /** Returns all partitions that were ever written to. */
  async producers(): Promise<ProducerRow[]> {
    return await this.#context.database.read(['producers'], (tx) =>
      tx.objectStore('producers').getAll(),
    )
  }

  /** Returns the parked records, to reject their promises. */
  async parkedRows(): Promise<ParkedRow[]> {
    return await this.#context.database.read(['parked'], (tx) => tx.objectStore('parked').getAll())
  }

  async countParked(): Promise<number> {
    return await this.#context.database.read(['parked'], (tx) => tx.objectStore('parked').count())
  }

  /** Returns when the oldest record of these partitions was queued; undefined if none waits. */
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
