/** The public consumer of a group. */

import { checkRange } from '../check-range.ts'
import type { PartitionPosition } from '../consumer/consumer.ts'
import type { StartPosition } from '../consumer/consumer-options.ts'
import type { ConsumerBatch, ConsumerRecord } from '../consumer/consumer-record.ts'
import { Emitter } from '../emitter.ts'
import type { Connection } from '../http/connection.ts'
import { CLOSE_WORK_MS, CONCURRENCY_MAX, TIMER_MS_MAX } from '../limits.ts'
import type { Producer } from '../producer/producer.ts'
import type { ConsumerOffsets } from '../producer/transaction/transaction-parts.ts'
import { handleBatch, runBatches } from './batch-run.ts'
import type { OffsetCommit } from './group-calls.ts'
import { type GroupConsumerOptions, groupConsumerSettings } from './group-consumer-options.ts'
import type { AssignmentChange, GroupConsumerEvents } from './group-events.ts'
import { type GroupConsumerContext, GroupMember, type Work } from './group-member.ts'
import {
  type BatchHandler,
  oneByOne,
  type RecordHandler,
  type RunOptions,
  type TransactionalBatchHandler,
  type TransactionalRunOptions,
} from './handlers.ts'
import type { HeldChange, TopicPartition } from './held-partitions.ts'
import { LagReporter } from './lag-report.ts'
import { autoCommitError, offsetsToCommit, TransactionalRun } from './transactional-run.ts'

/**
 * One member of a consumer group (KIP-848). The members share the partitions of their
 * topics, and each record is handled at least once, even when members join, leave or fail.
 *
 * Joins when the first batch is requested. In a `for await`, a batch is finished when the
 * next one is requested; leaving the loop or throwing in it leaves the batch unfinished.
 * Only finished batches are committed. Only one iteration or `run` is allowed at a time.
 *
 * @example
 * const consumer = await log.consumer({ groupId: 'billing', topics: ['orders'], from: 'earliest' })
 * process.once('SIGTERM', () => void consumer.close())
 * await consumer.run(async ({ records }) => {
 *   for (const { key, value } of records) await bill(key, value)
 * }, { concurrency: 4 })
 */
export class GroupConsumer implements AsyncIterable<ConsumerBatch> {
  readonly #emitter = new Emitter<GroupConsumerEvents>()
  readonly #member: GroupMember
  readonly #lag: LagReporter
  readonly #connection: Connection
  readonly #autoCommit: boolean
  readonly #onClosed: () => void
  /** The batch that the `for await` works on. */
  #iterated: Work | undefined
  #closing: Promise<void> | undefined

  /** @internal Made by `Client.consumer`. */
  constructor(context: GroupConsumerContext, options: GroupConsumerOptions) {
    const settings = groupConsumerSettings(options)
    this.#autoCommit = settings.autoCommit
    this.#connection = context.connection
    this.#onClosed = context.onClosed
    this.#lag = new LagReporter(context.connection.clock, (report) =>
      this.#emitter.emit('lag', report),
    )
    this.#member = new GroupMember(context, settings, {
      changed: (change) => this.#changed(change),
      delivered: (batch) => this.#lag.delivered(batch),
    })
    const { signal } = options
    const close = () => void this.#close(CLOSE_WORK_MS)
    if (signal?.aborted) queueMicrotask(close)
    signal?.addEventListener('abort', close, { signal: this.#member.readers.signal })
  }

  /** Adds a listener. Returns the function that removes it. */
  on<Name extends keyof GroupConsumerEvents>(
    name: Name,
    listener: (value: GroupConsumerEvents[Name]) => void,
  ): () => void {
    return this.#emitter.on(name, listener)
  }

  /** The assigned partitions. */
  get assignment(): PartitionPosition[] {
    return this.#member.held.current.map(({ topic, partition, reader }) => ({
      topic,
      partition,
      offset: reader?.position,
    }))
  }

  /** The error that prevents delivery; undefined if there is none. @internal */
  get lastError(): unknown {
    return this.#member.lastError
  }

  /** Bytes read ahead of the application, and bytes reserved for reads in flight. */
  get bufferedBytes(): number {
    return this.#member.readers.bufferedBytes
  }

  /**
   * Yields batches of all assigned partitions.
   *
   * @throws {EdgelogError} `invalid_request` during another iteration or `run`; errors that a retry cannot solve,
   * such as `fenced_instance_id` or `unauthorized`. The consumer is closed and has left the group by then.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerBatch, void, undefined> {
    this.#member.use()
    try {
      for (;;) {
        this.#endIteration(true)
        this.#iterated = await this.#next()
        if (this.#iterated === undefined) break
        yield this.#iterated.batch
      }
      await this.#closing
    } finally {
      this.#endIteration(false)
      this.#member.release()
    }
  }

  /**
   * Yields single records. The batch of a record is finished when the first record behind it is requested; leaving the
   * loop within a batch leaves all of the batch unfinished.
   *
   * @throws {EdgelogError} as the iteration
   */
  async *records(): AsyncGenerator<ConsumerRecord, void, undefined> {
    for await (const { records } of this) yield* records
  }

  /**
   * Passes batches to `handler`: those of one partition one after the other, up to `concurrency` at a time. Resolves
   * when the consumer is closed and has left its group, even if a handler never ends; do not await it in a handler.
   *
   * With `transactional`, each batch is handled in a transaction `tx` of this producer, together with its offsets: each
   * record is handled once. If it is aborted, as by a rebalance, the batch is delivered again.
   *
   * @throws the error of `handler`, after the other handlers have ended (10 s at most), the finished
   * batches are committed, and the member has left; the errors of the iteration, of `close` and of transactions
   * @example
   * await consumer.run(async ({ records }, { tx }) => {
   *   for (const record of records) tx.send('bills', billOf(record))
   * }, { transactional: log.createProducer() })
   */
  async run(handler: TransactionalBatchHandler, options: TransactionalRunOptions): Promise<void>
  async run(handler: BatchHandler, options?: RunOptions): Promise<void>
  async run(
    handler: BatchHandler | TransactionalBatchHandler,
    options: RunOptions & Partial<TransactionalRunOptions> = {},
  ): Promise<void> {
    const { concurrency = 1, transactional } = options
    // A transactional id has one transaction at a time.
    const isAlone = transactional?.settings.transactionalId !== undefined
    checkRange('concurrency', concurrency, 1, isAlone ? 1 : CONCURRENCY_MAX)
    const handle = this.#newHandling(handler, transactional)
    this.#member.use(transactional !== undefined)
    try {
      await runBatches(this.#member, { concurrency, handle, close: () => this.close() })
    } finally {
      this.#member.release()
    }
  }

  /**
   * Passes single records to `handler`: those of one partition one after the other, up to `concurrency` partitions at
   * a time. A batch is finished when its last record is handled. Otherwise this is `run`.
   *
   * @throws as `run`
   * @example
   * await consumer.eachRecord((record) => bill(record.json()), { concurrency: 4 })
   */
  async eachRecord(handler: RecordHandler, options: RunOptions = {}): Promise<void> {
    await this.run(oneByOne(handler), options)
  }

  /**
   * Commits all finished batches, in an iteration also the current one; or the
   * given offsets, each that of the next record to read, of assigned partitions.
   *
   * @throws {EdgelogError} `invalid_request` for an offset that is invalid or was not
   * delivered yet, and for a partition that was never assigned; `stale_member_epoch`,
   * `unknown_member_id` if another member has the partition now; `unavailable`
   */
  async commit(offsets?: readonly OffsetCommit[]): Promise<void> {
    if (offsets !== undefined) return await this.#member.commitOffsets(offsets)
    const work = this.#iterated
    work?.held.offsets.finish(work.delivery)
    await this.#member.commitFinished(work)
  }

  /** As `commit()`, for a transaction. @throws {EdgelogError} `invalid_request` with `autoCommit`. @internal */
  offsetsToCommit(): ConsumerOffsets {
    if (this.#autoCommit) throw autoCommitError()
    return offsetsToCommit(this.#member, this.#member.held.due, this.#iterated)
  }

  /**
   * Continues at another position of one partition; records read ahead
   * there are dropped, and the next commit is relative to the new position.
   *
   * @throws {EdgelogError} `invalid_request` for an unassigned partition or an invalid position
   */
  seek(topic: string, partition: number, to: StartPosition): void {
    const { offsets } = this.#member.find(topic, partition)
    this.#member.readers.get(topic, partition).seek(to)
    offsets.seek()
  }

  /** Returns the offset of the next record to deliver; undefined until the server has resolved it. */
  position(topic: string, partition: number): number | undefined {
    return this.#member.find(topic, partition).reader?.position
  }

  /** Stops reading one partition, or all assigned ones; keeps the assignment and the positions. */
  pause(topic?: string, partition?: number): void {
    this.#member.readers.pause(topic, partition)
  }

  resume(topic?: string, partition?: number): void {
    this.#member.readers.resume(topic, partition)
  }

  /**
   * Stops delivery, waits for handlers (`timeoutMs`, 10 s by default), commits the
   * finished batches and leaves the group. Further calls return the same promise.
   *
   * In a `for await` it does not wait, because it may be called in the loop itself, and the current batch
   * stays unfinished: `commit()` it first, or the next owner gets it again. A call from outside that passes
   * `timeoutMs` waits for the loop to request the next batch; to end a loop gracefully, use `signal`.
   *
   * @throws {EdgelogError} `invalid_config`; the error of the last commit if a
   * retry cannot solve it, such as `unauthorized`, after the member has left
   */
  close({ timeoutMs }: { readonly timeoutMs?: number } = {}): Promise<void> {
    try {
      checkRange('timeoutMs', timeoutMs ?? 0, 0, TIMER_MS_MAX)
    } catch (error) {
      return Promise.reject(error)
    }
    // A call in a loop blocks the loop until it has ended.
    return this.#close(timeoutMs ?? (this.#iterated === undefined ? CLOSE_WORK_MS : 0))
  }

  async #next(): Promise<Work | undefined> {
    try {
      return await this.#member.next()
    } catch (error) {
      await this.close().catch(() => undefined)
      throw error
    }
  }

  #endIteration(isFinished: boolean): void {
    const work = this.#iterated
    this.#iterated = undefined
    if (work !== undefined) this.#member.end(work, isFinished)
  }

  #newHandling(
    handler: BatchHandler | TransactionalBatchHandler,
    producer: Producer | undefined,
  ): (work: Work) => Promise<void> {
    if (producer === undefined) {
      return (work) => handleBatch(this.#member, work, handler as BatchHandler)
    }
    const run = new TransactionalRun(this.#connection, this.#member, producer)
    return (work) => run.handle(work, handler)
  }

  #close(workMs: number): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = this.#member.close(workMs).finally(() => {
        this.#lag.close()
        this.#onClosed()
      })
      // Prevents an unhandled rejection if the caller ignores the promise: `run` and the iteration throw it too.
      this.#closing.catch(() => undefined)
    }
    return this.#closing
  }

  #changed({ assigned = [], revoked = [], lost = [] }: Partial<HeldChange>): void {
    for (const held of [...revoked, ...lost]) this.#lag.forget(held)
    const change: AssignmentChange = {
      assigned: assigned.map(toTopicPartition),
      // Partitions that were revoked before they were announced are not reported.
      revoked: revoked.filter(({ reader }) => reader).map(toTopicPartition),
      lost: lost.filter(({ reader }) => reader).map(toTopicPartition),
      current: this.#member.held.current.map(toTopicPartition),
    }
    this.#emitter.emit('assignment', change)
  }
}

function toTopicPartition({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition }
}
