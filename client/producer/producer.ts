/** The public producer. */
import type { Codecs } from '../../src/core/compression/codec.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import { within } from '../clock.ts'
import type { Connection } from '../http/connection.ts'
import type { TopicMetadataCache } from '../topic-metadata.ts'
import type { PostBatch } from './batch-request.ts'
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
import type { TransactionResult } from './transaction/transaction-parts.ts'
import {
  type TransactionOptions,
  Transactions,
  type TransactionWork,
} from './transaction/transactions.ts'

export interface ProducerContext {
  readonly connection: Connection
  readonly metadata: TopicMetadataCache
  readonly codecs: Codecs
  /** Line shared by all producers of the client. */
  readonly line: SendLine
  readonly postBatch?: PostBatch
  readonly newProducerId: () => bigint
  readonly onClosed: () => void
}

/** Records of one `sendBatch` that are buffered in one turn; up to twice as many are in flight. */
const SEND_BATCH_CHUNK = 10_000

/**
 * Sends records in batches.
 *
 * Records of one partition are stored in the order of `send`, even when requests are retried, and an acknowledged
 * record is stored exactly once (with `isIdempotent`, the default). Memory is bounded by twice `bufferBytesMax`.
 * In a Worker a producer belongs to one request: pass its `flush()` or `close()` to `ctx.waitUntil`.
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
  readonly #transactions: Transactions
  readonly #openTransactions = new Set<Promise<unknown>>()
  /** Ends the calls of open transactions. */
  readonly #abandoned = new AbortController()
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
      flushNow: () => this.#flushNow(),
    }
    const { signal } = this.#abandoned
    this.#transactions = new Transactions({ ...context, settings, signal })
  }

  /** The effective options, defaults included. */
  get settings(): ProducerSettings {
    return this.#context.settings
  }

  /** Bytes held by unacknowledged records. */
  get bufferedBytes(): number {
    return this.#context.budget.usedBytes + this.#context.waitingBudget.usedBytes
  }

  /**
   * Sends one record; resolves when it is durable. Await it, or `flush()`:
   * while the buffer is full it stays pending, which slows a fast sender down.
   *
   * @throws {EdgelogError} `unknown_topic_or_partition`, `message_too_large`, `invalid_record`,
   * `invalid_timestamp`, `throttled` (the queue of records that wait for the buffer
   * is full too), `unavailable` (not acknowledged in time: it may be stored or not).
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
   * Sends many records, at most as many at a time as the buffer holds. The
   * call is not atomic: on an error the records before it may be stored.
   *
   * @throws {EdgelogError} as `send`, for the first record that failed.
   */
  async sendBatch(topic: string, records: Iterable<ProducerRecord>): Promise<RecordMetadata[]> {
    const results: RecordMetadata[] = []
    let chunk: Promise<RecordMetadata>[] = []
    let earlier: Promise<RecordMetadata[]> = Promise.resolve([])
    const wait = async () => {
      const sent = Promise.all(chunk)
      sent.catch(() => undefined)
      chunk = []
      // One chunk stays in flight while the previous one is awaited.
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
      // `records` may throw; errors of the earlier sends are ignored then.
      Promise.all(chunk).catch(() => undefined)
      throw error
    }
    await wait()
    await wait()
    return results
  }

  /**
   * Makes a transaction of what `work` sends: all of it becomes visible to `committed` readers, or nothing. It is
   * committed when `work` resolves; if `work` throws, nothing is, and the error is thrown on.
   *
   * The transaction is one request, which is repeated after a lost response and takes effect once. With the option
   * `transactionalId` it is several requests and has no limit of size; a later producer with this id fences this one.
   *
   * @throws {TransactionAbortedError} nothing is visible; if it is `retryable`, another attempt may succeed.
   * @throws {EdgelogError} `producer_fenced`; `expected_offset_mismatch`; `request_too_large`; errors of
   * `Transaction.send`; `unavailable`: the outcome is unknown.
   * @example
   * await producer.transaction(async (tx) => {
   *   tx.send('orders', { key: '4711', value: { state: 'paid' } })
   *   tx.send('mails', { key: '4711', value: 'Thank you' })
   * })
   */
  async transaction(
    work: TransactionWork,
    options: TransactionOptions = {},
  ): Promise<TransactionResult> {
    if (this.#closing !== undefined) throw closedError()
    const transaction = this.#transactions.run(work, options)
    this.#openTransactions.add(transaction)
    try {
      return await transaction
    } finally {
      this.#openTransactions.delete(transaction)
    }
  }

  /** Sends all open batches at once; resolves when all earlier records are settled, successfully or not. */
  async flush(): Promise<void> {
    await Promise.all([...this.#topics.values()].map((topic) => topic.flush()))
  }

  /**
   * Flushes, waits for open transactions, and accepts no more records. With `timeoutMs`, records and
   * transactions that are unsettled by then are rejected. Further calls return the same promise.
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.timeoutMs).finally(this.#onClosed)
    return this.#closing
  }

  async #close(timeoutMs: number | undefined): Promise<void> {
    const settled = Promise.all([this.flush(), Promise.allSettled(this.#openTransactions)])
    if (timeoutMs === undefined) return void (await settled)
    await within(this.#context.connection.clock, timeoutMs, settled)
    const error = new EdgelogError(
      'unavailable',
      'the producer was closed before a response arrived',
    )
    for (const topic of this.#topics.values()) topic.rejectWaiting(error)
    for (const topic of this.#topics.values()) topic.abandon(error)
    this.#abandoned.abort(error)
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

  #flushNow(): void {
    for (const topic of this.#topics.values()) topic.flushNow()
  }
}

function closedError(): EdgelogError {
  return new EdgelogError('invalid_request', 'the producer is closed')
}
