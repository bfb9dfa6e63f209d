/** The consumer as applications see it. */
import type { Codecs } from '../../src/core/batch/compression/codec.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import { sleep } from '../clock.ts'
import { backoffMs } from '../http/backoff.ts'
import type { Connection } from '../http/connection.ts'
import { Refusal } from '../http/refusal.ts'
import {
  METADATA_MAX_AGE_MS,
  RESUME_BACKOFF_MS,
  RESUME_BACKOFF_MS_MAX,
  TAIL_CREDIT_BYTES,
  TAIL_CREDIT_BYTES_MIN,
} from '../limits.ts'
import type { TopicMetadata, TopicMetadataCache } from '../topic-metadata.ts'
import {
  type ConsumerOptions,
  type ConsumerSettings,
  consumerSettings,
  type StartPosition,
} from './consumer-options.ts'
import type { ConsumerBatch, ConsumerRecord } from './consumer-record.ts'
import { PartitionReader, type ReaderContext } from './partition-reader.ts'
import { ReadBudget } from './read-budget.ts'
import type { TailClient } from './tail-client.ts'
import { takeBatch } from './take-batch.ts'

export type { ConsumerOptions } from './consumer-options.ts'

export interface ConsumerContext {
  readonly connection: Connection
  readonly metadata: TopicMetadataCache
  readonly codecs: Codecs
  readonly tail: TailClient
  readonly onClosed: () => void
}

/** A topic's partition and where the application is in it. */
export interface PartitionPosition {
  readonly topic: string
  readonly partition: number
  /** The offset of the next record; unknown until the first answer of the server. */
  readonly offset: number | undefined
}

/**
 * Reads partitions from where it is told, in the order of their offsets, and goes on for ever: each
 * record once, none left out, whatever happens to connections and servers in between.
 *
 * It reads ahead while the application works, never more than `bufferBytesMax`. Leaving a `for await`
 * keeps the position; `close()` ends the consumer and every iteration.
 *
 * @example
 * const consumer = log.consumer({ topics: ['orders'], from: 'earliest' })
 * for await (const batch of consumer) {
 *   for (const record of batch.records) console.log(record.offset, record.valueText)
 * }
 */
export class Consumer implements AsyncIterable<ConsumerBatch> {
  readonly #context: ConsumerContext
  readonly #settings: ConsumerSettings
  readonly #budget: ReadBudget
  readonly #readers = new Map<string, PartitionReader>()
  /** Those with something to hand over; the one served last comes last. */
  readonly #ready = new Set<PartitionReader>()
  /** Those whose next batch is being decoded: the one after it has to wait. */
  readonly #taking = new Set<PartitionReader>()
  readonly #closed = new AbortController()
  #wakeups: Array<() => void> = []
  #failure: { readonly error: unknown } | undefined

  /** @internal Made by `Client.consumer`. */
  constructor(context: ConsumerContext, options: ConsumerOptions) {
    this.#context = context
    this.#settings = consumerSettings(options)
    this.#budget = new ReadBudget(this.#settings.bufferBytesMax)
    for (const { topic, partition, offset = 'latest' } of options.assignments ?? []) {
      this.#assign(topic, partition, offset)
    }
    for (const topic of options.topics ?? [])
      void this.#assignTopic(topic, options.from ?? 'latest')
    const { signal } = options
    if (signal?.aborted) queueMicrotask(() => void this.close())
    signal?.addEventListener('abort', () => void this.close(), { signal: this.#closed.signal })
  }

  /** The partitions that are read now. */
  get assignment(): PartitionPosition[] {
    return [...this.#readers.values()].map(({ topic, partition, position }) => ({
      topic,
      partition,
      offset: position,
    }))
  }

  /** Bytes read ahead of the application, and those asked for. */
  get bufferedBytes(): number {
    return this.#budget.usedBytes
  }

  /** Batch after batch, of whichever partition has one. Errors that waiting cannot heal are thrown. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerBatch, void, undefined> {
    for (;;) {
      const batch = await this.#next()
      if (batch === undefined) return
      yield batch
    }
  }

  /** Record after record. `position` moves with each; leaving half way loses none. */
  async *records(): AsyncGenerator<ConsumerRecord, void, undefined> {
    for (;;) {
      const batch = await this.#next()
      if (batch === undefined) return
      const reader = this.#reader(batch.topic, batch.partition)
      const { session } = reader
      let isComplete = false
      try {
        for (const record of batch.records) {
          if (reader.session !== session) break
          reader.position = record.offset + 1
          yield record
        }
        isComplete = true
      } finally {
        const isCurrent = reader.session === session
        if (isCurrent && isComplete) reader.position = batch.nextOffset
        else if (isCurrent && reader.position !== undefined) reader.seek(reader.position)
      }
    }
  }

  /**
   * Goes on elsewhere in one partition; what was read ahead there is dropped.
   *
   * @throws {EdgelogError} `invalid_request` for a partition that is not assigned.
   */
  seek(topic: string, partition: number, to: StartPosition): void {
    this.#reader(topic, partition).seek(to)
  }

  /** The offset of the next record that is handed over; undefined until the server has named it. */
  position(topic: string, partition: number): number | undefined {
    return this.#reader(topic, partition).position
  }

  /** Stops reading one partition, or all, and keeps the position. */
  pause(topic?: string, partition?: number): void {
    for (const reader of this.#select(topic, partition)) {
      reader.pause()
      this.#ready.delete(reader)
    }
  }

  resume(topic?: string, partition?: number): void {
    if (this.#closed.signal.aborted) return
    for (const reader of this.#select(topic, partition)) reader.resume()
  }

  /** Ends every iteration and all reading. Calling it again does no harm. */
  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return
    this.#closed.abort()
    for (const reader of this.#readers.values()) reader.pause()
    this.#ready.clear()
    this.#wake()
    this.#context.onClosed()
  }

  async #next(): Promise<ConsumerBatch | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#takeFailure()
      if (this.#closed.signal.aborted) return undefined
      const [reader] = this.#ready
      if (reader === undefined) {
        await new Promise<void>((resolve) => this.#wakeups.push(resolve))
        continue
      }
      this.#ready.delete(reader)
      this.#taking.add(reader)
      const batch = await takeBatch(reader, this.#context.codecs).finally(() => {
        this.#taking.delete(reader)
        if (reader.head !== undefined) this.#markReady(reader)
      })
      if (batch !== undefined && !this.#closed.signal.aborted) return batch
    }
  }

  #markReady(reader: PartitionReader): void {
    if (this.#taking.has(reader)) return
    this.#ready.add(reader)
    this.#wake()
  }

  #takeFailure(): unknown {
    const error = this.#failure?.error
    this.#failure = undefined
    void this.close()
    return error
  }

  #wake(): void {
    for (const wakeup of this.#wakeups.splice(0)) wakeup()
  }

  // -- assignment ----------------------------------------------------------------------------

  #assign(topic: string, partition: number, from: StartPosition): void {
    const key = keyOf(topic, partition)
    if (this.#readers.has(key) || this.#closed.signal.aborted) return
    const context: ReaderContext = {
      connection: this.#context.connection,
      tail: this.#context.tail,
      settings: this.#settings,
      budget: this.#budget,
      liveBytesMax: () => this.#liveBytesMax(),
      onReady: (reader) => this.#markReady(reader),
      onFatal: (error) => this.#fail(error),
    }
    const reader = new PartitionReader(topic, partition, from, context)
    this.#readers.set(key, reader)
    reader.resume()
  }

  /** Assigns all partitions of a topic, and looks now and then whether there are more. */
  async #assignTopic(topic: string, from: StartPosition): Promise<void> {
    const { connection } = this.#context
    const { signal } = this.#closed
    for (let start = from; !signal.aborted; start = 'earliest') {
      const metadata = await this.#metadataOf(topic)
      if (metadata === undefined) return
      for (let partition = 0; partition < metadata.partitions; partition++) {
        this.#assign(topic, partition, start)
      }
      await sleep(connection.clock, METADATA_MAX_AGE_MS, signal)
    }
  }

  async #metadataOf(topic: string): Promise<TopicMetadata | undefined> {
    const { connection, metadata } = this.#context
    const { clock, random } = connection
    const { signal } = this.#closed
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        return await metadata.load(topic)
      } catch (error) {
        if (!(error instanceof Refusal && error.isTransient)) {
          this.#fail(error)
          return undefined
        }
        const delayMs = backoffMs(failures, RESUME_BACKOFF_MS, RESUME_BACKOFF_MS_MAX, random)
        await sleep(clock, Math.max(delayMs, error.retryAfterMs ?? 0), signal)
      }
    }
    return undefined
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#wake()
  }

  #liveBytesMax(): number {
    const share = Math.floor(this.#settings.bufferBytesMax / Math.max(1, this.#readers.size))
    return Math.max(TAIL_CREDIT_BYTES_MIN, Math.min(TAIL_CREDIT_BYTES, share))
  }

  #reader(topic: string, partition: number): PartitionReader {
    const reader = this.#readers.get(keyOf(topic, partition))
    if (reader !== undefined) return reader
    throw new EdgelogError('invalid_request', `partition ${partition} of ${topic} is not assigned`)
  }

  #select(topic?: string, partition?: number): PartitionReader[] {
    return [...this.#readers.values()].filter(
      (reader) =>
        (topic === undefined || reader.topic === topic) &&
        (partition === undefined || reader.partition === partition),
    )
  }
}

function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`
}
