/** The consumer of a group as applications see it. */
import { EdgelogError } from '../../src/core/errors.ts'
import { sleep } from '../clock.ts'
import type { ConsumerContext, PartitionPosition } from '../consumer/consumer.ts'
import type { StartPosition } from '../consumer/consumer-options.ts'
import type { ConsumerBatch } from '../consumer/consumer-record.ts'
import type { PartitionReader } from '../consumer/partition-reader.ts'
import { ReaderSet, type TakenBatch } from '../consumer/reader-set.ts'
import {
  CLOSE_WORK_MS,
  CONCURRENCY_MAX,
  LEAVE_TIMEOUT_MS,
  NO_PROGRESS_PAUSE_MS,
} from '../limits.ts'
import { checkRange } from '../producer/producer-options.ts'
import { Committer, isHarmless } from './committer.ts'
import type { OffsetCommit } from './group-calls.ts'
import {
  type GroupConsumerOptions,
  type GroupConsumerSettings,
  groupConsumerSettings,
} from './group-consumer-options.ts'
import {
  type HeldChange,
  type HeldPartition,
  HeldPartitions,
  isGone,
  type TopicPartition,
} from './held-partitions.ts'
import { LagReporter } from './lag-report.ts'
import { Membership } from './membership.ts'
import type { Delivery } from './partition-offsets.ts'
import { PollWatch } from './poll-watch.ts'

export interface GroupConsumerContext extends ConsumerContext {
  readonly newMemberId: () => string
}

/** The detail of the event 'assignment'. */
export interface AssignmentChange {
  readonly assigned: readonly TopicPartition[]
  /** Given up; what was finished is committed. */
  readonly revoked: readonly TopicPartition[]
  /** Taken away: others may have gone on from the last commit. */
  readonly lost: readonly TopicPartition[]
  /** All that is read now. */
  readonly current: readonly TopicPartition[]
}

/**
 * Handles one batch; it is finished when this resolves.
 *
 * `signal` is aborted when the partition is to be given up. Whoever stops early because of it throws
 * (`signal.throwIfAborted()`): then the batch comes again to the partition's next owner.
 */
export type BatchHandler = (
  batch: ConsumerBatch,
  context: { readonly signal: AbortSignal },
) => unknown

/** A batch in the hands of the application. */
interface Work {
  readonly held: HeldPartition
  readonly reader: PartitionReader
  readonly batch: ConsumerBatch
  readonly delivery: Delivery
  readonly end: () => void
}

/**
 * One member of a consumer group (KIP-848): the members share the partitions of their topics, and each
 * record is handled at least once, whoever comes, goes or fails in between.
 *
 * It joins when the first batch is asked for. In a `for await`, a batch is finished when the next one
 * is asked for; leaving the loop or throwing in it leaves the batch unfinished. Only what is finished
 * is committed. One iteration or `run` at a time.
 *
 * Events are `CustomEvent`s: 'assignment' with an `AssignmentChange`, and 'lag', at most once a second
 * while batches are handed over, with a `LagReport`.
 *
 * @example
 * const consumer = log.consumer({ groupId: 'billing', topics: ['orders'], from: 'earliest' })
 * process.once('SIGTERM', () => void consumer.close())
 * await consumer.run(async ({ records }) => {
 *   for (const { key, value } of records) await bill(key, value)
 * }, { concurrency: 4 })
 */
export class GroupConsumer extends EventTarget implements AsyncIterable<ConsumerBatch> {
  readonly #context: GroupConsumerContext
  readonly #settings: GroupConsumerSettings
  readonly #readers: ReaderSet
  readonly #held: HeldPartitions
  readonly #membership: Membership
  readonly #committer: Committer
  readonly #poll: PollWatch
  readonly #lag: LagReporter
  #isInUse = false
  /** What the `for await` works on. */
  #iterated: Work | undefined
  #autoCommitting: Promise<void> | undefined
  #departing: Promise<void> | undefined
  #closing: Promise<void> | undefined

  /** @internal Made by `Client.consumer`. */
  constructor(context: GroupConsumerContext, options: GroupConsumerOptions) {
    super()
    const settings = groupConsumerSettings(options)
    const { connection } = context
    const { clock } = connection
    this.#context = context
    this.#settings = settings
    const onFatal = (error: unknown) => this.#readers.fail(error)
    this.#readers = new ReaderSet(context, settings.reading, {
      readerFailed: (reader, error) => this.#readerFailed(reader, error),
      failureTaken: () => void this.close(),
    })
    this.#held = new HeldPartitions({
      connection,
      groupId: settings.groupId,
      readers: this.#readers,
      from: settings.from,
      commit: () => this.#commitQuietly(),
      onChange: (change) => this.#changed(change),
      onReleased: () => this.#membership.hurry(),
      onFatal,
    })
    this.#membership = new Membership({
      connection,
      memberId: context.newMemberId(),
      settings,
      owned: () => this.#held.owned,
      onAssignment: (assignment) => {
        if (this.#departing === undefined) this.#held.apply(assignment)
      },
      onLost: () => this.#held.lose(),
      onFatal: (error) => {
        this.#held.lose()
        onFatal(error)
      },
    })
    const committing = () => this.#membership.committing
    this.#committer = new Committer({ connection, settings, committing })
    this.#poll = new PollWatch(clock, settings.maxPollIntervalMs, {
      overdue: () => this.#depart(),
      back: () => this.#join(),
    })
    this.#lag = new LagReporter(clock, (detail) => this.#emit('lag', detail))
    const { signal } = options
    const close = () => void this.#closeOnce(CLOSE_WORK_MS, true)
    if (signal?.aborted) queueMicrotask(close)
    signal?.addEventListener('abort', close, { signal: this.#readers.signal })
  }

  /** The partitions that are read now. */
  get assignment(): PartitionPosition[] {
    return this.#held.current.map(({ topic, partition, reader }) => ({
      topic,
      partition,
      offset: reader?.position,
    }))
  }

  /** Bytes read ahead of the application, and those asked for. */
  get bufferedBytes(): number {
    return this.#readers.bufferedBytes
  }

  /**
   * Batch after batch, of whichever partition has one.
   *
   * @throws {EdgelogError} `invalid_request` beside another iteration or `run`; what waiting cannot
   * heal, such as `fenced_instance_id` or `unauthorized`. It is closed then.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerBatch, void, undefined> {
    this.#use()
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
      this.#release()
    }
  }

  /**
   * Hands batches to `handler`, those of one partition one after the other, up to `concurrency` of
   * them at a time. Resolves when the consumer is closed and has left its group; do not await that in
   * a handler.
   *
   * @throws what `handler` throws, after the others have ended, what is finished is committed, and the
   * member has left; and as the iteration.
   */
  async run(
    handler: BatchHandler,
    { concurrency = 1 }: { readonly concurrency?: number } = {},
  ): Promise<void> {
    checkRange('concurrency', concurrency, 1, CONCURRENCY_MAX)
    this.#use()
    const failures: unknown[] = []
    const lane = async () => {
      try {
        for (;;) {
          const work = await this.#next()
          if (work === undefined) return
          await this.#handle(work, handler)
        }
      } catch (error) {
        failures.push(error)
        // Nothing more is handed to the others.
        this.#readers.close()
      }
    }
    await Promise.all(Array.from({ length: concurrency }, lane))
    await this.close()
    this.#release()
    if (failures.length > 0) throw failures[0]
  }

  /**
   * Commits all that is finished, in an iteration the batch at hand too; or the given offsets, each
   * that of the next record to be read, of partitions that are assigned.
   *
   * @throws {EdgelogError} `invalid_request` for an offset that was not handed over yet;
   * `stale_member_epoch`, `unknown_member_id` where the partition is with others now; `unavailable`.
   */
  async commit(offsets?: readonly OffsetCommit[]): Promise<void> {
    if (offsets === undefined) {
      const work = this.#iterated
      work?.held.offsets.finish(work.delivery)
      await this.#committer.commit(() => this.#held.due)
      return
    }
    const pending = offsets.map(({ topic, partition, offset, metadata }) => {
      const held = this.#find(topic, partition)
      if (!held.offsets.isDelivered(offset, held.reader?.begunAt)) {
        const what = `offset ${offset} of partition ${partition} of ${topic}`
        throw new EdgelogError('invalid_request', `${what} was not handed over yet`)
      }
      return {
        held,
        offset,
        commit: {
          ...this.#held.pendingCommit(held, offset),
          ...(metadata !== undefined && { metadata }),
        },
      }
    })
    for (const { held, offset } of pending) held.offsets.finishTo(offset)
    await this.#committer.commit(() => pending.map(({ commit }) => commit))
  }

  /**
   * Goes on elsewhere in one partition; what was read ahead there is dropped, and what is committed
   * next is where that leads.
   *
   * @throws {EdgelogError} `invalid_request` for a partition that is not assigned.
   */
  seek(topic: string, partition: number, to: StartPosition): void {
    this.#find(topic, partition).offsets.seek()
    this.#readers.get(topic, partition).seek(to)
  }

  /** The offset of the next record that is handed over; undefined until the server has named it. */
  position(topic: string, partition: number): number | undefined {
    return this.#find(topic, partition).reader?.position
  }

  /** Stops reading one partition, or all that are assigned now, and keeps them and the position. */
  pause(topic?: string, partition?: number): void {
    this.#readers.pause(topic, partition)
  }

  resume(topic?: string, partition?: number): void {
    this.#readers.resume(topic, partition)
  }

  /**
   * Hands over nothing more, waits for handlers, `timeoutMs` (10 s) at most, commits what is finished
   * and leaves the group. In a `for await` the batch at hand is not finished by it: `commit()` it
   * before, or leave it to the next. Calling it again waits for the same end.
   */
  close({ timeoutMs = CLOSE_WORK_MS }: { readonly timeoutMs?: number } = {}): Promise<void> {
    return this.#closeOnce(timeoutMs, false)
  }

  // -- handing over --------------------------------------------------------------------------

  #use(): void {
    if (this.#isInUse) {
      throw new EdgelogError('invalid_request', 'one iteration or run at a time is possible')
    }
    this.#isInUse = true
    this.#poll.end(this)
    if (this.#settings.autoCommit) this.#autoCommitting ??= this.#autoCommit()
    this.#join()
  }

  #release(): void {
    this.#isInUse = false
    // Who is outside of a loop is to come back in time as well.
    if (!this.#readers.signal.aborted) this.#poll.begin(this)
  }

  async #next(): Promise<Work | undefined> {
    for (;;) {
      const taken = await this.#readers.take()
      if (taken === undefined) return undefined
      const work = this.#handOver(taken)
      if (work !== undefined) return work
      this.#readers.free(taken.reader)
    }
  }

  #handOver({ reader, batch }: TakenBatch): Work | undefined {
    this.#membership.checkSession()
    const held = this.#held.find(reader)
    // Taken away, or sought elsewhere, while it was decoded.
    if (held?.reader !== reader || reader.position !== batch.nextOffset) return undefined
    const { nextOffset } = batch
    const delivery = { offset: batch.records[0]?.offset ?? nextOffset, nextOffset }
    held.offsets.deliver(delivery)
    const work = { held, reader, batch, delivery, end: this.#held.beginWork(held) }
    this.#poll.begin(work)
    this.#lag.delivered(batch)
    return work
  }

  #end(work: Work, isFinished: boolean): void {
    const { held, reader, delivery } = work
    if (isFinished) held.offsets.finish(delivery)
    else {
      const again = held.offsets.abandon(delivery)
      if (again !== undefined && !held.stop.signal.aborted) reader.seek(again)
    }
    work.end()
    this.#readers.free(reader)
    this.#poll.end(work)
  }

  #endIteration(isFinished: boolean): void {
    const work = this.#iterated
    this.#iterated = undefined
    if (work !== undefined) this.#end(work, isFinished)
  }

  async #handle(work: Work, handler: BatchHandler): Promise<void> {
    const { signal } = work.held.stop
    let isFinished = false
    try {
      await handler(work.batch, { signal })
      isFinished = true
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      this.#end(work, isFinished)
    }
  }

  // -- the group -----------------------------------------------------------------------------

  #join(): void {
    const isWanted = this.#isInUse && !this.#poll.isOverdue && !this.#readers.signal.aborted
    if (isWanted && this.#departing === undefined) this.#membership.join()
  }

  /** The application is away too long: others go on. */
  #depart(): void {
    if (this.#readers.signal.aborted) return
    this.#departing ??= this.#leave().finally(() => {
      this.#departing = undefined
      this.#join()
    })
  }

  /** Commits what is finished, and leaves; neither takes long. */
  async #leave(): Promise<void> {
    this.#held.stop()
    const end = new AbortController()
    await this.#within(LEAVE_TIMEOUT_MS, this.#commitQuietly(end.signal))
    end.abort()
    const left = this.#membership.leave()
    this.#held.release()
    await left
  }

  #closeOnce(timeoutMs: number, isLoopAwaited: boolean): Promise<void> {
    this.#closing ??= this.#close(timeoutMs, isLoopAwaited).finally(this.#context.onClosed)
    return this.#closing
  }

  async #close(timeoutMs: number, isLoopAwaited: boolean): Promise<void> {
    this.#readers.close()
    // Who closes in a loop does not come back before this has ended.
    const isInLoop = this.#iterated !== undefined && !isLoopAwaited
    if (!isInLoop) await this.#within(timeoutMs, this.#held.idle())
    this.#poll.close()
    this.#lag.close()
    await this.#departing
    await this.#leave()
  }

  async #within(timeoutMs: number, work: Promise<void>): Promise<void> {
    const end = new AbortController()
    await Promise.race([work, sleep(this.#context.connection.clock, timeoutMs, end.signal)])
    end.abort()
  }

  async #autoCommit(): Promise<void> {
    const { signal } = this.#readers
    for (;;) {
      await sleep(this.#context.connection.clock, this.#settings.autoCommitIntervalMs, signal)
      if (signal.aborted) return
      if (!this.#committer.isBusy) await this.#commitQuietly()
    }
  }

  async #commitQuietly(end?: AbortSignal): Promise<void> {
    if (!this.#settings.autoCommit) return
    try {
      await this.#committer.commit(() => this.#held.due, end)
    } catch (error) {
      if (!isHarmless(error)) this.#readers.fail(error)
    }
  }

  #readerFailed(reader: PartitionReader, error: unknown): void {
    const signal = this.#held.find(reader)?.stop.signal
    if (signal === undefined) return
    if (!isGone(error)) {
      this.#readers.fail(error)
      return
    }
    // The group hears of a deleted topic soon; if it is there after all, reading goes on.
    void sleep(this.#context.connection.clock, NO_PROGRESS_PAUSE_MS, signal).then(() => {
      if (signal.aborted || reader.isPaused) return
      reader.pause()
      reader.resume()
    })
  }

  #find(topic: string, partition: number): HeldPartition {
    const held = this.#held.find({ topic, partition })
    if (held !== undefined) return held
    throw new EdgelogError('invalid_request', `partition ${partition} of ${topic} is not assigned`)
  }

  #changed({ assigned = [], revoked = [], lost = [] }: Partial<HeldChange>): void {
    for (const held of [...revoked, ...lost]) this.#lag.forget(held)
    const detail: AssignmentChange = {
      assigned: assigned.map(bare),
      // Those that were given and taken before anybody heard of them are not worth a word.
      revoked: revoked.filter(({ reader }) => reader).map(bare),
      lost: lost.filter(({ reader }) => reader).map(bare),
      current: this.#held.current.map(bare),
    }
    this.#emit('assignment', detail)
  }

  #emit(type: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

function bare({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition }
}
