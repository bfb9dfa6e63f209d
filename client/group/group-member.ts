/**
 * Connects an application with its group: readers, held partitions,
 * heartbeats, commits, and the batches that the application works on.
 */
import { EdgelogError } from '../../src/core/errors.ts'
import { sleep, within } from '../clock.ts'
import type { ConsumerContext } from '../consumer/consumer.ts'
import { checkStart } from '../consumer/consumer-options.ts'
import type { ConsumerBatch } from '../consumer/consumer-record.ts'
import type { PartitionReader } from '../consumer/partition-reader.ts'
import { ReaderSet, type TakenBatch } from '../consumer/reader-set.ts'
import { LEAVE_TIMEOUT_MS, NO_PROGRESS_PAUSE_MS } from '../limits.ts'
import { Committer, isHarmless } from './committer.ts'
import { isGone } from './fetch-committed.ts'
import type { CommittingMember, OffsetCommit } from './group-calls.ts'
import type { GroupConsumerSettings } from './group-consumer-options.ts'
import { type HeldChange, type HeldPartition, HeldPartitions } from './held-partitions.ts'
import { Membership } from './membership.ts'
import type { Delivery } from './partition-offsets.ts'
import { PollWatch } from './poll-watch.ts'

export interface GroupConsumerContext extends ConsumerContext {
  readonly newMemberId: () => string
}

interface GroupMemberListener {
  changed(change: Partial<HeldChange>): void
  delivered(batch: ConsumerBatch): void
}

/** A batch that the application works on. */
export interface Work {
  readonly held: HeldPartition
  readonly reader: PartitionReader
  readonly batch: ConsumerBatch
  readonly delivery: Delivery
  readonly end: () => void
}

export class GroupMember {
  readonly held: HeldPartitions
  readonly readers: ReaderSet
  readonly #context: GroupConsumerContext
  readonly #settings: GroupConsumerSettings
  readonly #listener: GroupMemberListener
  readonly #membership: Membership
  readonly #committer: Committer
  readonly #poll: PollWatch
  #isInUse = false
  #isTransactional = false
  #autoCommitting: Promise<void> | undefined
  #departing: Promise<void> | undefined

  constructor(
    context: GroupConsumerContext,
    settings: GroupConsumerSettings,
    listener: GroupMemberListener,
  ) {
    const { connection } = context
    this.#context = context
    this.#settings = settings
    this.#listener = listener
    this.readers = new ReaderSet(context, settings.reading, {
      readerFailed: (reader, error) => this.#readerFailed(reader, error),
    })
    this.held = new HeldPartitions({
      connection,
      groupId: settings.groupId,
      readers: this.readers,
      from: settings.from,
      commit: () => this.#commitQuietly(),
      onChange: (change) => listener.changed(change),
      onReleased: () => this.#membership.heartbeatNow(),
      onFatal: (error) => this.readers.fail(error),
    })
    this.#membership = new Membership({
      connection,
      memberId: context.newMemberId(),
      settings,
      owned: () => this.held.owned,
      onAssignment: (assignment) => {
        if (this.#departing === undefined) this.held.apply(assignment)
      },
      onLost: () => this.held.lose(),
      onFatal: (error) => {
        this.held.lose()
        this.readers.fail(error)
      },
    })
    const committing = () => this.#membership.committing
    this.#committer = new Committer({ connection, settings, committing })
    this.#poll = new PollWatch(connection.clock, settings.maxPollIntervalMs, {
      overdue: () => this.#depart(),
      back: () => this.#join(),
    })
  }

  /** The error that prevents delivery; undefined if the group and the logs have responded. */
  get lastError(): unknown {
    const hasFailed = ({ lastError }: PartitionReader) => lastError !== undefined
    const reading = this.readers.select().find(hasFailed)?.lastError
    return this.#membership.lastError ?? this.held.lastError ?? reading
  }

  /** The group, and the member to commit as; undefined while it is not a member. */
  get committing(): { groupId: string; member: CommittingMember | undefined } {
    return { groupId: this.#settings.groupId, member: this.#membership.committing }
  }

  // -- handing over --------------------------------------------------------------------------

  /**
   * @param isTransactional True to commit in transactions only: any other commit would drop the offsets of an open one.
   * @throws {EdgelogError} `invalid_request` during another iteration or `run`.
   */
  use(isTransactional = false): void {
    if (this.#isInUse) {
      throw new EdgelogError('invalid_request', 'only one iteration or run is allowed at a time')
    }
    this.#isInUse = true
    this.#isTransactional = isTransactional
    this.#poll.end(this)
    if (this.#settings.autoCommit) this.#autoCommitting ??= this.#autoCommit()
    this.#join()
  }

  release(): void {
    this.#isInUse = false
    // The poll interval also limits the time outside a loop.
    if (!this.readers.signal.aborted) this.#poll.begin(this)
  }

  /**
   * Returns the next batch of any partition; undefined once the consumer is closed.
   *
   * @throws errors that a retry cannot solve; nothing more is delivered then
   */
  async next(): Promise<Work | undefined> {
    for (;;) {
      const taken = await this.readers.take()
      if (taken === undefined) return undefined
      const work = this.#deliver(taken)
      if (work !== undefined) return work
      this.readers.free(taken.reader)
    }
  }

  #deliver({ reader, batch }: TakenBatch): Work | undefined {
    this.#membership.checkSession()
    const { nextOffset } = batch
    const held = this.held.find(reader)
    // Revoked, or moved by a seek, while it was decoded.
    if (held?.reader !== reader || (reader.position ?? nextOffset) !== nextOffset) return undefined
    const delivery = { offset: batch.records[0]?.offset ?? nextOffset, nextOffset }
    held.offsets.deliver(delivery)
    const work = { held, reader, batch, delivery, end: this.held.beginWork(held) }
    this.#poll.begin(work)
    this.#listener.delivered(batch)
    return work
  }

  /** Ends the work on a batch. An unfinished one is delivered again, here or elsewhere. */
  end(work: Work, isFinished: boolean): void {
    const { held, reader, delivery } = work
    if (isFinished) held.offsets.finish(delivery)
    else {
      const again = held.offsets.abandon(delivery)
      if (again !== undefined && !held.stop.signal.aborted) reader.seek(again)
    }
    work.end()
    this.readers.free(reader)
    this.#poll.end(work)
  }

  #readerFailed(reader: PartitionReader, error: unknown): void {
    const signal = this.held.find(reader)?.stop.signal
    if (signal === undefined) return
    if (!isGone(error)) {
      this.readers.fail(error)
      return
    }
    // A heartbeat reports a deleted topic soon; if the topic still exists, reading continues.
    void sleep(this.#context.connection.clock, NO_PROGRESS_PAUSE_MS, signal).then(() => {
      if (signal.aborted || reader.isPaused) return
      reader.pause()
      reader.resume()
    })
  }

  // -- commits -------------------------------------------------------------------------------

  /**
   * @param work The batch that this commit finishes; rejected if its partition is lost.
   * @throws {EdgelogError} as `Committer.commit`.
   */
  async commitFinished(work?: Work): Promise<void> {
    await this.#committer.commit(() => {
      const { due } = this.held
      if (work === undefined) return due
      const commit = this.held.pendingCommit(work.held, work.delivery.nextOffset)
      return commit.isHeld() ? due : [...due, commit]
    })
  }

  /** @throws {EdgelogError} `invalid_request`; as `Committer.commit`. */
  async commitOffsets(offsets: readonly OffsetCommit[]): Promise<void> {
    const pending = offsets.map(({ topic, partition, offset, metadata }) => {
      checkStart('offset', offset)
      const held = this.held.findOnceRead({ topic, partition }) ?? this.find(topic, partition)
      if (!held.offsets.isDelivered(offset, held.reader?.begunAt)) {
        const what = `offset ${offset} of partition ${partition} of ${topic}`
        throw new EdgelogError('invalid_request', `${what} was not delivered yet`)
      }
      const commit = this.held.pendingCommit(held, offset)
      return { held, commit: metadata === undefined ? commit : { ...commit, metadata } }
    })
    for (const { held, commit } of pending) held.offsets.finishTo(commit.offset)
    await this.#committer.commit(() => pending.map(({ commit }) => commit))
  }

  /** @throws {EdgelogError} `invalid_request` for a partition that is not assigned. */
  find(topic: string, partition: number): HeldPartition {
    const held = this.held.find({ topic, partition })
    if (held !== undefined) return held
    throw new EdgelogError('invalid_request', `partition ${partition} of ${topic} is not assigned`)
  }

  async #autoCommit(): Promise<void> {
    const { signal } = this.readers
    for (;;) {
      await sleep(this.#context.connection.clock, this.#settings.autoCommitIntervalMs, signal)
      if (signal.aborted) return
      if (!this.#committer.isBusy) await this.#commitQuietly()
    }
  }

  async #commitQuietly(): Promise<void> {
    await this.#commitUnasked().catch((error) => this.readers.fail(error))
  }

  /** @throws {EdgelogError} errors that the next commit cannot make up for */
  async #commitUnasked(): Promise<void> {
    if (!this.#settings.autoCommit || this.#isTransactional) return
    try {
      await this.commitFinished()
    } catch (error) {
      if (!isHarmless(error)) throw error
    }
  }

  // -- coming and going ----------------------------------------------------------------------

  #join(): void {
    const isWanted = this.#isInUse && !this.#poll.isOverdue && !this.readers.signal.aborted
    if (isWanted && this.#departing === undefined) this.#membership.join()
  }

  /** Leaves the group while the application exceeds the poll interval. */
  #depart(): void {
    if (this.readers.signal.aborted) return
    this.#departing ??= this.#leave()
      .catch((error) => this.readers.fail(error))
      .finally(() => {
        this.#departing = undefined
        this.#join()
      })
  }

  /**
   * Stops delivery and leaves for good.
   *
   * @param workMs Time to wait for the current batches.
   * @throws {EdgelogError} the error of the last commit; the member has left by then
   */
  async close(workMs: number): Promise<void> {
    const { clock } = this.#context.connection
    this.readers.close()
    if (workMs > 0) await within(clock, workMs, this.held.idle())
    this.#poll.close()
    await this.#departing
    await this.#leave()
  }

  /** Commits the finished batches and leaves; each takes at most `LEAVE_TIMEOUT_MS`. */
  async #leave(): Promise<void> {
    this.held.stop()
    const { clock } = this.#context.connection
    this.#committer.retryNow()
    try {
      await within(clock, LEAVE_TIMEOUT_MS, this.#commitUnasked())
    } finally {
      this.#committer.abort()
      const left = this.#membership.leave()
      this.held.release()
      await left
    }
  }
}
