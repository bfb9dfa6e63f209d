/**
 * What stands between an application and its group: the readers, what is held of them, the heartbeats
 * and the commits, and the batches that the application works on.
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
import type { OffsetCommit } from './group-calls.ts'
import type { GroupConsumerSettings } from './group-consumer-options.ts'
import { type HeldChange, type HeldPartition, HeldPartitions, isGone } from './held-partitions.ts'
import { Membership } from './membership.ts'
import type { Delivery } from './partition-offsets.ts'
import { PollWatch } from './poll-watch.ts'

export interface GroupConsumerContext extends ConsumerContext {
  readonly newMemberId: () => string
}

interface GroupMemberListener {
  changed(change: Partial<HeldChange>): void
  handedOver(batch: ConsumerBatch): void
}

/** A batch in the hands of the application. */
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
      onReleased: () => this.#membership.hurry(),
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

  /** Why nothing comes; undefined: the group and the logs have answered. */
  get trouble(): unknown {
    const isTroubled = ({ trouble }: PartitionReader) => trouble !== undefined
    const reading = this.readers.select().find(isTroubled)?.trouble
    return this.#membership.trouble ?? this.held.trouble ?? reading
  }

  // -- handing over --------------------------------------------------------------------------

  /** @throws {EdgelogError} `invalid_request` beside another use. */
  use(): void {
    if (this.#isInUse) {
      throw new EdgelogError('invalid_request', 'one iteration or run at a time is possible')
    }
    this.#isInUse = true
    this.#poll.end(this)
    if (this.#settings.autoCommit) this.#autoCommitting ??= this.#autoCommit()
    this.#join()
  }

  release(): void {
    this.#isInUse = false
    // Who is outside of a loop is to come back in time as well.
    if (!this.readers.signal.aborted) this.#poll.begin(this)
  }

  /**
   * The next batch of whichever partition has one; undefined once the consumer is closed.
   *
   * @throws what waiting does not heal: the application is to hear of nothing more then.
   */
  async next(): Promise<Work | undefined> {
    for (;;) {
      const taken = await this.readers.take()
      if (taken === undefined) return undefined
      const work = this.#handOver(taken)
      if (work !== undefined) return work
      this.readers.free(taken.reader)
    }
  }

  #handOver({ reader, batch }: TakenBatch): Work | undefined {
    this.#membership.checkSession()
    const { nextOffset } = batch
    const held = this.held.find(reader)
    // Taken away, or sought elsewhere, while it was decoded.
    if (held?.reader !== reader || (reader.position ?? nextOffset) !== nextOffset) return undefined
    const delivery = { offset: batch.records[0]?.offset ?? nextOffset, nextOffset }
    held.offsets.deliver(delivery)
    const work = { held, reader, batch, delivery, end: this.held.beginWork(held) }
    this.#poll.begin(work)
    this.#listener.handedOver(batch)
    return work
  }

  /** What is not finished is handed over again, here or elsewhere. */
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
    // The group hears of a deleted topic soon; if it is there after all, reading goes on.
    void sleep(this.#context.connection.clock, NO_PROGRESS_PAUSE_MS, signal).then(() => {
      if (signal.aborted || reader.isPaused) return
      reader.pause()
      reader.resume()
    })
  }

  // -- commits -------------------------------------------------------------------------------

  /**
   * @param work What is finished by it, which is refused if its partition is lost.
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
        throw new EdgelogError('invalid_request', `${what} was not handed over yet`)
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

  /** @throws {EdgelogError} what the next commit does not make good. */
  async #commitUnasked(): Promise<void> {
    if (!this.#settings.autoCommit) return
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

  /** The application is away too long: others go on. */
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
   * Hands over nothing more, and leaves for good.
   *
   * @param workMs How long what is worked on is waited for.
   * @throws {EdgelogError} why the last commit was refused; it has left all the same.
   */
  async close(workMs: number): Promise<void> {
    const { clock } = this.#context.connection
    this.readers.close()
    if (workMs > 0) await within(clock, workMs, this.held.idle())
    this.#poll.close()
    await this.#departing
    await this.#leave()
  }

  /** Commits what is finished, and says that it leaves; neither takes long. */
  async #leave(): Promise<void> {
    this.held.stop()
    const { clock } = this.#context.connection
    this.#committer.hurry()
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
