/** The producer as applications see it. */
import type { Codecs } from '../../src/core/compression/codec.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import { within } from '../clock.ts'
import type { Connection } from '../http/connection.ts'
import type { TopicMetadataCache } from '../topic-metadata.ts'
import { BuilderPool } from './builder-pool.ts'
import { MemoryBudget } from './memory-budget.ts'
import type { RecordMetadata } from './produced-batch.ts'
import {
  type ProducerOptions,
  type ProducerSettings,
  producerSettings,
} from './producer-options.ts'
import { encodeRecordInput, type ProducerRecord } from './record-input.ts'
import type { SendLine } from './send-line.ts'
import { TopicSender, type TopicSenderContext } from './topic-sender.ts'

export interface ProducerContext {
  readonly connection: Connection
  readonly metadata: TopicMetadataCache
  readonly codecs: Codecs
  /** The line that all producers of the client share. */
  readonly line: SendLine
  readonly newProducerId: () => bigint
  readonly onClosed: () => void
}

/** Records of one `sendBatch` that are handed over in one turn; twice as many are under way. */
const SEND_BATCH_CHUNK = 10_000

/**
 * Sends records, gathered into batches.
 *
 * Records of one partition are stored in the order of `send`, also when requests are repeated, and
 * an acknowledged record is stored exactly once (with `isIdempotent`, the default). Memory is bounded
 * by twice `bufferBytesMax`. In a Worker a producer belongs to one request: its `flush()` or
 * `close()` goes into `ctx.waitUntil`.
 *
 * @example
 * const producer = log.createProducer({ compression: 'gzip' })
 * const { partition, offset } = await producer.send('orders', { key: 'alice', value: '{"item":7}' })
 * await producer.close()
 */
export class Producer {
  readonly #context: TopicSenderContext
  readonly #topics = new Map<string, TopicSender>()
  readonly #onClosed: () => void
  #closing: Promise<void> | undefined

  /** @internal Made by `Client.createProducer`. */
  constructor(context: ProducerContext, options: ProducerOptions = {}) {
    const settings = producerSettings(options)
    this.#onClosed = context.onClosed
    const budget = new MemoryBudget(settings.bufferBytesMax, () => this.#drain())
    this.#context = {
      ...context,
      settings,
      budget,
      waitingBudget: new MemoryBudget(settings.bufferBytesMax, () => undefined),
      builders: new BuilderPool(),
      release: (bytes) => budget.release(bytes),
      hurry: () => this.#hurry(),
    }
  }

  /** The options in force, defaults included. */
  get settings(): ProducerSettings {
    return this.#context.settings
  }

  /** Bytes held for records that are not acknowledged. */
  get bufferedBytes(): number {
    return this.#context.budget.usedBytes + this.#context.waitingBudget.usedBytes
  }

  /**
   * Sends one record; resolves when it is durable. Await it, or `flush()`: while the buffer is full
   * it does not resolve, which is what slows a fast sender down.
   *
   * @throws {EdgelogError} `unknown_topic_or_partition`, `message_too_large`, `invalid_record`,
   * `invalid_timestamp`, `throttled` (as much as the buffer holds is waiting for the buffer),
   * `unavailable` (not acknowledged in time: it may be stored or not).
   */
  send(topic: string, record: ProducerRecord): Promise<RecordMetadata> {
    if (this.#closing !== undefined) return Promise.reject(closedError())
    try {
      const encoded = encodeRecordInput(record, this.#context.connection.clock.now())
      return this.#topic(topic).send(encoded, record.partition)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Sends many records, never more at a time than the buffer holds. Not a unit: on an error those
   * before it may be stored.
   *
   * @throws {EdgelogError} as `send`, of the first record that failed.
   */
  async sendBatch(topic: string, records: Iterable<ProducerRecord>): Promise<RecordMetadata[]> {
    const results: RecordMetadata[] = []
    let chunk: Promise<RecordMetadata>[] = []
    let earlier: Promise<RecordMetadata[]> = Promise.resolve([])
    const wait = async () => {
      const sent = Promise.all(chunk)
      sent.catch(() => undefined)
      chunk = []
      // One chunk stays under way while the one before it is waited for.
      for (const result of await earlier) results.push(result)
      earlier = sent
    }
    try {
      for (const record of records) {
        chunk.push(this.send(topic, record))
        const isFull = this.#context.waitingBudget.usedBytes > 0
        if (isFull || chunk.length === SEND_BATCH_CHUNK) await wait()
      }
    } catch (error) {
      // `records` may throw; nobody hears what becomes of those before it.
      Promise.all(chunk).catch(() => undefined)
      throw error
    }
    await wait()
    await wait()
    return results
  }

  /** Sends what is gathered at once; resolves when everything sent before is settled, well or not. */
  async flush(): Promise<void> {
    await Promise.all([...this.#topics.values()].map((topic) => topic.flush()))
  }

  /**
   * Flushes, and takes no more records. With `timeoutMs`, what is not settled by then is rejected.
   * Calling it again waits for the same end.
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.timeoutMs).finally(this.#onClosed)
    return this.#closing
  }

  async #close(timeoutMs: number | undefined): Promise<void> {
    if (timeoutMs === undefined) return await this.flush()
    await within(this.#context.connection.clock, timeoutMs, this.flush())
    const error = new EdgelogError('unavailable', 'the producer was closed before an answer came')
    for (const topic of this.#topics.values()) topic.rejectWaiting(error)
    for (const topic of this.#topics.values()) topic.abandon(error)
  }

  #topic(name: string): TopicSender {
    const known = this.#topics.get(name)
    if (known !== undefined) return known
    const topic = new TopicSender(name, this.#context)
    this.#topics.set(name, topic)
    return topic
  }

  #drain(): void {
    for (const topic of this.#topics.values()) topic.drain()
  }

  #hurry(): void {
    for (const topic of this.#topics.values()) topic.hurry()
  }
}

function closedError(): EdgelogError {
  return new EdgelogError('invalid_request', 'the producer is closed')
}
