/** One group, seen from outside: what it holds, how far it lags, and moving it. */
import { parseTopicName } from '../../src/core/topic/topic-name.ts'
import type { CallOptions } from '../call-options.ts'
import { type Connection, request, requestJson } from '../http/connection.ts'
import {
  type AssignedPartitions,
  type CommittedOffset,
  commitOffsets,
  fetchOffsets,
  groupPath,
  type OffsetCommit,
} from './group-calls.ts'
import type { GroupConsumer } from './group-consumer.ts'
import type { GroupConsumerOptions } from './group-consumer-options.ts'
import type { GroupSummary } from './list-groups.ts'
import { type PolledRecords, type PollOptions, pollGroup } from './poll.ts'

export interface GroupMemberDescription {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly memberEpoch: number
  readonly state: string
  readonly topics: readonly string[]
  readonly topicPattern: string | null
  /** What it holds, or may take at once. */
  readonly assignment: readonly AssignedPartitions[]
  /** What it is to hold in the end. */
  readonly target: readonly AssignedPartitions[]
}

export interface PartitionLag {
  readonly topic: string
  readonly partition: number
  /** null: nothing is committed. */
  readonly committedOffset: number | null
  readonly metadata: string
  readonly logStartOffset: number
  readonly highWatermark: number
  /** Offsets between what is committed, or the log start, and the end of the log. */
  readonly lag: number
  /** Who has the partition; null: nobody. */
  readonly memberId: string | null
}

export interface GroupDescription extends GroupSummary {
  readonly groupEpoch: number
  readonly assignmentEpoch: number
  readonly assignor: string | null
  readonly members: readonly GroupMemberDescription[]
  /** Every partition that has a committed offset, or a member on it. */
  readonly offsets: readonly PartitionLag[]
  readonly totalLag: number
}

/** Where to: an end of the log, an offset, the first record at or after a time, or so many on or back. */
export type ResetTarget =
  | { readonly to: 'earliest' | 'latest' }
  | { readonly offset: number }
  | { readonly timestamp: number }
  | { readonly shiftBy: number }

export interface ResetOptions extends CallOptions {
  /** Of a topic without a list all partitions; left out: all that have a committed offset. */
  readonly topics?: ReadonlyArray<{
    readonly topic: string
    readonly partitions?: readonly number[]
  }>
  /** Says what would be done, and does nothing; the group may have members then. */
  readonly dryRun?: boolean
}

export interface ResetOffset {
  readonly topic: string
  readonly partition: number
  readonly previousOffset: number | null
  readonly offset: number
}

/**
 * A group by its id. Nothing is asked before a method is called, and no call is repeated by itself.
 * All throw `EdgelogError`: `group_id_not_found`, `unavailable`, ...
 *
 * @example
 * const { totalLag } = await log.group('billing').describe()
 */
export class Group {
  readonly id: string
  readonly #connection: Connection
  readonly #newConsumer: (options: GroupConsumerOptions) => GroupConsumer

  /** @internal Made by `Client.group`. */
  constructor(
    connection: Connection,
    groupId: string,
    newConsumer: (options: GroupConsumerOptions) => GroupConsumer,
  ) {
    this.id = groupId
    this.#connection = connection
    this.#newConsumer = newConsumer
  }

  /**
   * Takes part for the length of one request: joins, reads on from what is committed, and leaves with
   * `commit()`. For a cron trigger or a fetch handler; whoever stays uses `Client.consumer`.
   *
   * Members that come and go cost a new assignment each. With an `instanceId` that is the same each
   * time, a poll within the session of the one before finds its partitions where they were.
   *
   * @throws {EdgelogError} `unknown_topic_or_partition`, `unavailable`, ...
   * @example
   * const polled = await log.group('billing').poll({ topics: ['orders'], from: 'earliest' })
   * for (const record of polled.records) await bill(record.json())
   * await polled.commit()
   */
  async poll(options: PollOptions): Promise<PolledRecords> {
    const { clock } = this.#connection
    return await pollGroup({ clock, consumer: this.#newConsumer }, this.id, options)
  }

  async describe({ signal }: CallOptions = {}): Promise<GroupDescription> {
    return await requestJson(this.#connection, groupPath(this.id), { signal })
  }

  /** With its offsets. @throws {EdgelogError} `non_empty_group` while it has members. */
  async delete({ signal }: CallOptions = {}): Promise<void> {
    const call = { method: 'DELETE', signal } as const
    await request(this.#connection, groupPath(this.id), call, async () => {})
  }

  async offsets({ signal }: CallOptions = {}): Promise<readonly CommittedOffset[]> {
    return await fetchOffsets(this.#connection, this.id, undefined, { signal })
  }

  /** By hand. @throws {EdgelogError} `non_empty_group`, `offset_out_of_range`. */
  async commitOffsets(
    offsets: readonly OffsetCommit[],
    { signal }: CallOptions = {},
  ): Promise<void> {
    await commitOffsets(this.#connection, this.id, undefined, offsets, { signal })
  }

  /** Of a topic that no member subscribes to. @throws {EdgelogError} `group_subscribed_to_topic`. */
  async deleteOffsets(
    topic: string,
    { partition, signal }: CallOptions & { readonly partition?: number } = {},
  ): Promise<void> {
    const only = partition === undefined ? '' : `&partition=${partition}`
    const path = `${groupPath(this.id)}/offsets?topic=${parseTopicName(topic, 'topic')}${only}`
    const call = { method: 'DELETE', signal } as const
    await request(this.#connection, path, call, async () => {})
  }

  /**
   * Moves the committed offsets; what would lie outside a log is moved to its nearer end.
   *
   * @throws {EdgelogError} `non_empty_group` unless it is a dry run.
   * @example
   * await log.group('billing').resetOffsets({ to: 'earliest' }, { dryRun: true })
   */
  async resetOffsets(
    target: ResetTarget,
    { signal, ...options }: ResetOptions = {},
  ): Promise<readonly ResetOffset[]> {
    const path = `${groupPath(this.id)}/offsets/reset`
    const { offsets } = await requestJson<{ offsets: readonly ResetOffset[] }>(
      this.#connection,
      path,
      {
        method: 'POST',
        body: JSON.stringify({ ...target, ...options }),
        contentType: 'application/json',
        signal,
      },
    )
    return offsets
  }
}
