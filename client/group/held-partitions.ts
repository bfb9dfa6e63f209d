/**
 * The partitions that a member holds, and their way to the assignment (KIP-848):
 *
 *   assigned ──offset fetched──> read ──revoked──> finishing ──committed──> gone
 *       └──────────────────────── lost, all at once ─────────────────────────┘
 *
 * A partition is `owned` until it is gone; no other member gets it
 * before. Changes to other partitions do not interrupt reading.
 */
import { EdgelogError } from '../../src/core/errors.ts'
import type { StartPosition } from '../consumer/consumer-options.ts'
import type { PartitionReader } from '../consumer/partition-reader.ts'
import type { ReaderSet } from '../consumer/reader-set.ts'
import type { Connection } from '../http/connection.ts'
import type { PendingCommit } from './committer.ts'
import { fetchCommitted, partitionName } from './fetch-committed.ts'
import type { AssignedPartitions } from './group-calls.ts'
import { PartitionOffsets } from './partition-offsets.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface HeldPartition extends TopicPartition {
  readonly topicId: string
  /** Aborted when the partition is revoked or lost. */
  readonly stop: AbortController
  offsets: PartitionOffsets
  /** Set once the committed offset is known. */
  reader: PartitionReader | undefined
  /** Resolves when the current batch is finished or abandoned. */
  work: Promise<void> | undefined
}

export interface HeldChange {
  readonly assigned: readonly HeldPartition[]
  readonly revoked: readonly HeldPartition[]
  readonly lost: readonly HeldPartition[]
}

interface HeldContext {
  readonly connection: Connection
  readonly groupId: string
  readonly readers: ReaderSet
  /** Start of a partition without a committed offset. */
  readonly from: StartPosition
  /** Commits the finished batches of revoked partitions, if possible. */
  readonly commit: () => Promise<void>
  readonly onChange: (change: Partial<HeldChange>) => void
  /** A partition was released: the group waits for this heartbeat. */
  readonly onReleased: () => void
  readonly onFatal: (error: unknown) => void
}

export class HeldPartitions {
  readonly #context: HeldContext
  readonly #held = new Map<string, HeldPartition>()
  /** Work on partitions that were lost meanwhile, by topic and partition; it may still run. */
  readonly #works = new Map<string, Promise<void>>()
  /** By topic and partition, so that a late commit gets the right error: stale, not invalid. */
  readonly #onceRead = new Map<string, HeldPartition>()
  #target: readonly AssignedPartitions[] = []
  #fetchFailure: unknown

  constructor(context: HeldContext) {
    this.#context = context
  }

  /** The partitions that are being read. */
  get current(): HeldPartition[] {
    return [...this.#held.values()].filter(isRead)
  }

  /** The error that keeps held partitions from being read; undefined if all are read. */
  get lastError(): unknown {
    const isUnread = ({ reader, stop }: HeldPartition) => !reader && !stop.signal.aborted
    if (![...this.#held.values()].some(isUnread)) return undefined
    return (
      this.#fetchFailure ??
      new EdgelogError('unavailable', 'the committed offsets have not arrived yet')
    )
  }

  /** All partitions that no other member may have yet. */
  get owned(): AssignedPartitions[] {
    const topics = new Map<string, { topic: string; topicId: string; partitions: number[] }>()
    for (const { topic, topicId, partition } of this.#held.values()) {
      const owned = topics.get(topicId) ?? { topic, topicId, partitions: [] }
      owned.partitions.push(partition)
      topics.set(topicId, owned)
    }
    return [...topics.values()]
  }

  /** Finished offsets that are not committed. */
  get due(): PendingCommit[] {
    const due: PendingCommit[] = []
    for (const held of this.#held.values()) {
      const offset = held.offsets.due(held.reader?.begunAt)
      if (offset !== undefined) due.push(this.pendingCommit(held, offset))
    }
    return due
  }

  pendingCommit(held: HeldPartition, offset: number): PendingCommit {
    const { topic, partition, offsets } = held
    const isHeld = () => this.#held.get(keyOf(held)) === held
    const acknowledge = () => offsets.acknowledge(offset)
    return { topic, partition, offset, isHeld, acknowledge, restart: () => this.#restart(held) }
  }

  /** Returns the held partition; undefined if it is no longer read. */
  find({ topic, partition }: TopicPartition): HeldPartition | undefined {
    for (const held of this.#held.values()) {
      if (held.partition === partition && held.topic === topic && isRead(held)) return held
    }
    return undefined
  }

  /** Returns the partition as it was last read, even if it is revoked or lost by now. */
  findOnceRead(partition: TopicPartition): HeldPartition | undefined {
    return this.#onceRead.get(partitionName(partition))
  }

  /** @returns the function to call when the work on the partition has ended */
  beginWork(held: HeldPartition): () => void {
    const name = partitionName(held)
    let end = () => {}
    const work = new Promise<void>((resolve) => {
      end = resolve
    })
    held.work = work
    this.#works.set(name, work)
    return () => {
      held.work = undefined
      if (this.#works.get(name) === work) this.#works.delete(name)
      end()
    }
  }

  /** Applies the group's assignment: starts new partitions and revokes all others. */
  apply(target: readonly AssignedPartitions[]): void {
    this.#target = target
    const wanted = new Map<string, HeldPartition>()
    for (const topic of target) {
      for (const partition of topic.partitions) {
        const held = newHeld(topic, partition)
        wanted.set(keyOf(held), held)
      }
    }
    const gone = [...this.#held].filter(([key, { stop }]) => {
      return !wanted.has(key) && !stop.signal.aborted
    })
    const fresh = [...wanted].filter(([key]) => !this.#held.has(key))
    this.#revoke(gone.map(([, held]) => held))
    for (const [key, held] of fresh) this.#held.set(key, held)
    const isBusy = ([, held]: [string, HeldPartition]) => this.#works.has(partitionName(held))
    const idle = fresh.filter((entry) => !isBusy(entry)).map(([, held]) => held)
    if (idle.length > 0) void this.#start(idle)
    // Lost during its work and assigned again: the old work ends first.
    for (const [, held] of fresh.filter(isBusy)) {
      void this.#works.get(partitionName(held))?.then(() => this.#start([held]))
    }
  }

  /** Drops all partitions as lost: other members may have them already. */
  lose(): void {
    this.#dropAll((lost) => ({ lost }))
  }

  /** Drops all partitions as revoked: the member has left. */
  release(): void {
    this.#dropAll((revoked) => ({ revoked }))
  }

  /** Stops delivery and aborts the handlers' signals. */
  stop(): void {
    for (const held of this.#held.values()) this.#stopOne(held)
  }

  /** Resolves when no batch is being worked on. */
  async idle(): Promise<void> {
    await Promise.all(this.#works.values())
  }

  #dropAll(changeOf: (dropped: HeldPartition[]) => Partial<HeldChange>): void {
    const dropped = [...this.#held.values()]
    this.stop()
    this.#held.clear()
    this.#target = []
    if (dropped.length > 0) this.#context.onChange(changeOf(dropped))
  }

  #stopOne(held: HeldPartition): void {
    if (held.reader !== undefined) this.#context.readers.unassign(held.reader)
    held.stop.abort()
  }

  /** Gives up idle partitions at once, the others each when their work has ended. */
  #revoke(gone: readonly HeldPartition[]): void {
    for (const held of gone) this.#stopOne(held)
    const idle = gone.filter(({ work }) => work === undefined)
    if (idle.length > 0) void this.#giveUp(idle)
    for (const held of gone) void held.work?.then(() => this.#giveUp([held]))
  }

  async #giveUp(gone: readonly HeldPartition[]): Promise<void> {
    await this.#context.commit()
    const released = gone.filter((held) => this.#held.get(keyOf(held)) === held)
    if (released.length === 0) return
    for (const held of released) this.#held.delete(keyOf(held))
    this.#context.onChange({ revoked: released })
    this.#context.onReleased()
    // They may have been assigned again meanwhile.
    this.apply(this.#target)
  }

  // -- beginning to read ---------------------------------------------------------------------

  async #start(fresh: readonly HeldPartition[]): Promise<void> {
    const started = await this.#read(fresh, () => this.#context.from)
    if (started.length > 0) this.#context.onChange({ assigned: started })
  }

  /** Reads a partition again from its committed offset: a transaction may have committed another one. */
  #restart(held: HeldPartition): void {
    const { reader } = held
    if (reader === undefined || !isRead(held) || this.#held.get(keyOf(held)) !== held) return
    const { isPaused, begunAt } = reader
    this.#context.readers.unassign(reader)
    held.offsets.seek()
    held.reader = undefined
    // Without a committed offset, 'latest' would skip what was read.
    void this.#read([held], () => begunAt ?? this.#context.from).then(() => {
      if (isPaused) held.reader?.pause()
    })
  }

  /** @returns the partitions that are read now */
  async #read(
    fresh: readonly HeldPartition[],
    from: () => StartPosition,
  ): Promise<HeldPartition[]> {
    const committed = await this.#fetchCommitted(fresh)
    if (committed === undefined) return []
    const started = fresh.filter(({ stop }) => !stop.signal.aborted)
    for (const held of started) {
      const offset = committed.get(partitionName(held))
      held.offsets = new PartitionOffsets(offset)
      held.reader = this.#context.readers.assign(held.topic, held.partition, offset ?? from())
      this.#onceRead.set(partitionName(held), held)
    }
    return started
  }

  async #fetchCommitted(
    fresh: readonly HeldPartition[],
  ): Promise<ReadonlyMap<string, number> | undefined> {
    const { connection, groupId, readers, onFatal } = this.#context
    const topics = new Set(fresh.map(({ topic }) => topic))
    const only = topics.size === 1 ? fresh[0]?.topic : undefined
    const isNeeded = () => !fresh.every(({ stop }) => stop.signal.aborted)
    const noteError = (error: unknown) => {
      this.#fetchFailure = error
    }
    const { signal } = readers
    try {
      const context = { connection, groupId, signal, isNeeded, noteError }
      return await fetchCommitted(context, only)
    } catch (error) {
      onFatal(error)
      return undefined
    }
  }
}

function newHeld({ topic, topicId }: AssignedPartitions, partition: number): HeldPartition {
  return {
    topic,
    topicId,
    partition,
    stop: new AbortController(),
    offsets: new PartitionOffsets(undefined),
    reader: undefined,
    work: undefined,
  }
}

function isRead({ reader, stop }: HeldPartition): boolean {
  return reader !== undefined && !stop.signal.aborted
}

/** Returns a key with the topic id: a topic that is created again under the same name has other partitions. */
function keyOf({ topicId, partition }: HeldPartition): string {
  return `${topicId}/${partition}`
}
