/** Queues records: durable in the browser first, in the log once the server is reachable. */
import type { NewRecord } from '../../../src/core/batch/record.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { PARTITIONS_MAX } from '../../../src/core/limits.ts'
import { parseTopicName } from '../../../src/core/topic/topic-name.ts'
import type { RecordMetadata } from '../../producer/produced-batch.ts'
import { encodeRecordInput, type ProducerRecord } from '../../producer/record-input.ts'
import { ENQUEUE_RECORDS_MAX, EVICTIONS_MAX, GATHERED_RECORDS_MAX } from '../limits.ts'
import type { OutboxPosition } from '../store/schema.ts'
import type { AckWaiters } from './ack-waiters.ts'
import type { OutboxStore } from './outbox-store.ts'
import type { NewEntry } from './row-writer.ts'

/** A record that is durable in this browser. */
export interface Queued {
  readonly queued: true
  /**
   * Resolves to the record's place in the log once it is there, perhaps a week later; the offset is -1 if it
   * is no longer available. The promise lives as long as the page, the record longer. It need not be awaited.
   *
   * Rejects with the log's error (the record is parked then), with `storage_lost` when the page's
   * data is cleared, and with `unavailable` when the client is closed, which keeps the record queued.
   */
  readonly acked: Promise<RecordMetadata>
}

export interface QueuedBatch {
  readonly queued: true
  /** In the order of the records. */
  readonly acked: Promise<RecordMetadata[]>
}

export interface ProducerContext {
  readonly store: OutboxStore
  readonly waiters: AckWaiters
  now(): number
  /** @throws {EdgelogError} if no more records may be queued */
  admit(sizeBytes: number): void
  /** Evicts cached data; resolves to whether there was any. */
  makeRoom(): Promise<boolean>
  /** Reports that the admitted records were not stored. */
  refused(): void
  queued(): void
  flush(signal: AbortSignal | undefined): Promise<void>
}

interface Gathered {
  readonly entry: NewEntry
  readonly resolve: (place: OutboxPosition) => void
  readonly reject: (error: unknown) => void
}

/**
 * Sends records that survive the end of the page and of the browser, and the lack of a network.
 *
 * @example
 * const { acked } = await log.send('todos', { key: id, value: JSON.stringify(todo) })
 * acked.then(({ offset }) => console.log('in the log at', offset))
 */
export class OutboxProducer {
  readonly #context: ProducerContext
  #gathered: Gathered[] = []
  /** Pending until all gathered records are stored or rejected. */
  #writing: Promise<void> | undefined

  constructor(context: ProducerContext) {
    this.#context = context
  }

  /** Implements `BrowserClient.send`. */
  async send(topic: string, record: ProducerRecord): Promise<Queued> {
    return await this.queue(this.#entryOf(topic, record))
  }

  /** Queues a checked record. */
  async queue(entry: NewEntry): Promise<Queued> {
    const place = await this.#queue(entry)
    return { queued: true, acked: this.#waiterOf(entry, place) }
  }

  /** Implements `BrowserClient.sendBatch`. */
  async sendBatch(topic: string, records: Iterable<ProducerRecord>): Promise<QueuedBatch> {
    const entries = [...records].map((record) => this.#entryOf(topic, record))
    const acked: Promise<RecordMetadata>[] = []
    for (let start = 0; start < entries.length; start += ENQUEUE_RECORDS_MAX) {
      const some = entries.slice(start, start + ENQUEUE_RECORDS_MAX)
      const places = await Promise.all(some.map((entry) => this.#queue(entry)))
      for (const [index, place] of places.entries()) {
        acked.push(this.#waiterOf(some[index] as NewEntry, place))
      }
    }
    const all = Promise.all(acked)
    all.catch(() => undefined)
    return { queued: true, acked: all }
  }

  /** Implements `BrowserClient.flush`. */
  async flush(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await this.#writing
    await this.#context.flush(options.signal)
  }

  #entryOf(topic: string, record: ProducerRecord): NewEntry {
    const { partition } = record
    const isPartition =
      partition === undefined ||
      (Number.isInteger(partition) && partition >= 0 && partition < PARTITIONS_MAX)
    if (!isPartition) {
      const why = `partition: 0 to ${PARTITIONS_MAX - 1} is allowed, got ${partition}`
      throw new EdgelogError('unknown_topic_or_partition', why)
    }
    return {
      topic: parseTopicName(topic, 'topic'),
      record: encodeRecordInput(record, this.#context.now()),
      partition,
    }
  }

  #waiterOf({ topic, record }: NewEntry, place: OutboxPosition): Promise<RecordMetadata> {
    return this.#context.waiters.add(topic, place, record.timestamp)
  }

  #queue(entry: NewEntry): Promise<OutboxPosition> {
    return new Promise((resolve, reject) => {
      this.#context.admit(sizeOf(entry.record))
      if (this.#gathered.length >= GATHERED_RECORDS_MAX) {
        const why = `${GATHERED_RECORDS_MAX} records are already waiting: await send()`
        throw new EdgelogError('throttled', why)
      }
      this.#gathered.push({ entry, resolve, reject })
      this.#writing ??= this.#write()
    })
  }

  async #write(): Promise<void> {
    // Records sent in the same turn share a transaction.
    await Promise.resolve()
    while (this.#gathered.length > 0) {
      const group = this.#gathered.splice(0, ENQUEUE_RECORDS_MAX)
      try {
        const places = await this.#store(group.map(({ entry }) => entry))
        for (const [index, { resolve, reject }] of group.entries()) {
          const place = places[index]
          if (place === undefined || place instanceof EdgelogError) reject(place)
          else resolve(place)
        }
        this.#context.queued()
      } catch (error) {
        for (const { reject } of group) reject(error)
        this.#context.refused()
      }
    }
    this.#writing = undefined
  }

  /** Stores records. If storage is full, evicts half of the cache and retries: the browser may free the space late. */
  async #store(entries: readonly NewEntry[]): Promise<Array<OutboxPosition | EdgelogError>> {
    const { store } = this.#context
    for (let attempt = 1; ; attempt++) {
      try {
        return await store.enqueue(entries)
      } catch (error) {
        const isFull = error instanceof EdgelogError && error.code === 'storage_full'
        if (!isFull || attempt > EVICTIONS_MAX || !(await this.#context.makeRoom())) throw error
      }
    }
  }
}

function sizeOf({ key, value }: NewRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0)
}
