/** What waits, and what was refused, as a page can see it and deal with it. */
import { EdgelogError } from '../../../src/core/errors.ts'
import { ConsumerRecord } from '../../consumer/consumer-record.ts'
import type { OutboxStore } from './outbox-store.ts'
import { recordsOf } from './row-batches.ts'

export interface ParkedRecord {
  readonly id: number
  /** Its offset is -1. */
  readonly record: ConsumerRecord
  readonly error: EdgelogError
  readonly parkedAtMs: number
}

export class Outbox {
  readonly #store: OutboxStore
  readonly #changed: () => void

  /** @internal Made by `BrowserClient`. */
  constructor(store: OutboxStore, changed: () => void) {
    this.#store = store
    this.#changed = changed
  }

  /**
   * Records that are not in the log yet, of all tabs, in the order of `send` within each partition.
   * They have no offset (-1); the partition is -1 as long as nothing is known of the topic.
   */
  async pending(topic?: string): Promise<ConsumerRecord[]> {
    const pending: ConsumerRecord[] = []
    for (const row of await this.#store.pending(topic)) {
      for (const record of await recordsOf(row.batch)) {
        pending.push(new ConsumerRecord(row.topic, row.partition, { ...record, offset: -1 }))
      }
    }
    return pending
  }

  /** Records that the log refused, the oldest first. */
  async parked(): Promise<ParkedRecord[]> {
    const parked: ParkedRecord[] = []
    for (const {
      id = -1,
      topic,
      partition,
      batch,
      error,
      parkedAtMs,
    } of await this.#store.parked()) {
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

  /** Queues parked records anew, behind all that waits; all or one. Resolves to how many. */
  async retry(id?: number): Promise<number> {
    return await this.#unpark(id, true)
  }

  /** Forgets parked records, all or one. Resolves to how many. */
  async discard(id?: number): Promise<number> {
    return await this.#unpark(id, false)
  }

  async #unpark(id: number | undefined, isRetried: boolean): Promise<number> {
    const count = await this.#store.unpark(id, isRetried)
    this.#changed()
    return count
  }
}
