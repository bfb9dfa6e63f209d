/** The public consumer of assigned partitions. */
import { sleep } from '../clock.ts'
import { retryDelayMs } from '../http/backoff.ts'
import { isTransient } from '../http/request-error.ts'
import { METADATA_MAX_AGE_MS, RESUME_BACKOFF_MS, RESUME_BACKOFF_MS_MAX } from '../limits.ts'
import type { TopicMetadata, TopicMetadataSource } from '../topic-metadata.ts'
import { type ConsumerOptions, consumerSettings, type StartPosition } from './consumer-options.ts'
import type { ConsumerBatch, ConsumerRecord } from './consumer-record.ts'
import { ReaderSet, type ReaderSetContext } from './reader-set.ts'

export type { ConsumerOptions } from './consumer-options.ts'

export interface ConsumerContext extends ReaderSetContext {
  readonly metadata: TopicMetadataSource
  readonly onClosed: () => void
}

/** A partition and the application's position in it. */
export interface PartitionPosition {
  readonly topic: string
  readonly partition: number
  /** Offset of the next record; undefined until the first response of the server. */
  readonly offset: number | undefined
}

/**
 * Reads partitions in offset order, without end: each record exactly
 * once, none skipped, across reconnects and server failures.
 *
 * Reads ahead while the application works, at most `bufferBytesMax`. Leaving a
 * `for await` keeps the position; `close()` ends the consumer and every iteration.
 *
 * @example
 * const consumer = log.consumer({ topics: ['orders'], from: 'earliest' })
 * for await (const batch of consumer) {
 *   for (const record of batch.records) console.log(record.offset, record.valueText)
 * }
 */
export class Consumer implements AsyncIterable<ConsumerBatch> {
  readonly #context: ConsumerContext
  readonly #readers: ReaderSet

  /** @internal Made by `Client.consumer`. */
  constructor(context: ConsumerContext, options: ConsumerOptions) {
    this.#context = context
    this.#readers = new ReaderSet(context, consumerSettings(options), {
      readerFailed: (_, error) => this.#readers.fail(error),
      failureTaken: () => void this.close(),
    })
    for (const { topic, partition, offset = 'latest' } of options.assignments ?? []) {
      this.#readers.assign(topic, partition, offset)
    }
    for (const topic of options.topics ?? [])
      void this.#assignTopic(topic, options.from ?? 'latest')
    const { signal } = options
    if (signal?.aborted) queueMicrotask(() => void this.close())
    signal?.addEventListener('abort', () => void this.close(), { signal: this.#readers.signal })
  }

  /** The assigned partitions. */
  get assignment(): PartitionPosition[] {
    return this.#readers.select().map(({ topic, partition, position }) => ({
      topic,
      partition,
      offset: position,
    }))
  }

  /** Bytes read ahead of the application, and bytes reserved for reads in flight. */
  get bufferedBytes(): number {
    return this.#readers.bufferedBytes
  }

  /** Yields batches of all partitions. Throws errors that a retry cannot solve. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerBatch, void, undefined> {
    for (;;) {
      const batch = await this.#next()
      if (batch === undefined) return
      yield batch
    }
  }

  /** Yields single records. `position` moves with each, so leaving half way skips none. */
  async *records(): AsyncGenerator<ConsumerRecord, void, undefined> {
    for (;;) {
      const batch = await this.#next()
      if (batch === undefined) return
      const reader = this.#readers.get(batch.topic, batch.partition)
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
   * Continues at another position of one partition; records read ahead there are dropped.
   *
   * @throws {EdgelogError} `invalid_request` for an unassigned partition or an invalid position.
   */
  seek(topic: string, partition: number, to: StartPosition): void {
    this.#readers.get(topic, partition).seek(to)
  }

  /** Returns the offset of the next record to deliver; undefined until the server has resolved it. */
  position(topic: string, partition: number): number | undefined {
    return this.#readers.get(topic, partition).position
  }

  /** Stops reading one partition, or all; keeps the positions. */
  pause(topic?: string, partition?: number): void {
    this.#readers.pause(topic, partition)
  }

  resume(topic?: string, partition?: number): void {
    this.#readers.resume(topic, partition)
  }

  /** Ends every iteration and all reading. Idempotent. */
  async close(): Promise<void> {
    if (this.#readers.signal.aborted) return
    this.#readers.close()
    this.#context.onClosed()
  }

  async #next(): Promise<ConsumerBatch | undefined> {
    const taken = await this.#readers.take()
    if (taken === undefined) return undefined
    this.#readers.free(taken.reader)
    return taken.batch
  }

  /** Assigns all partitions of a topic, and checks for new ones every `METADATA_MAX_AGE_MS`. */
  async #assignTopic(topic: string, from: StartPosition): Promise<void> {
    const { connection } = this.#context
    const { signal } = this.#readers
    for (let start = from; !signal.aborted; start = 'earliest') {
      const metadata = await this.#metadataOf(topic)
      if (metadata === undefined) return
      for (let partition = 0; partition < metadata.partitions; partition++) {
        if (signal.aborted) return
        this.#readers.assign(topic, partition, start)
      }
      await sleep(connection.clock, METADATA_MAX_AGE_MS, signal)
    }
  }

  async #metadataOf(topic: string): Promise<TopicMetadata | undefined> {
    const { connection, metadata } = this.#context
    const { signal } = this.#readers
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        return await metadata.load(topic)
      } catch (error) {
        if (!isTransient(error)) {
          this.#readers.fail(error)
          return undefined
        }
        await sleep(
          connection.clock,
          retryDelayMs(connection, error, failures, RESUME_BACKOFF_MS, RESUME_BACKOFF_MS_MAX),
          signal,
        )
      }
    }
    return undefined
  }
}
