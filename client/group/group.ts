/** The administrative handle of one group: description, lag, offsets. */
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
  /** Partitions that it holds or may take at once. */
  readonly assignment: readonly AssignedPartitions[]
  /** Partitions that it holds when the rebalance is complete. */
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
  /** Offsets between the committed offset, or the log start, and the end of the log. */
  readonly lag: number
  /** Member that holds the partition; null: none. */
  readonly memberId: string | null
}

export interface GroupDescription extends GroupSummary {
  readonly groupEpoch: number
  readonly assignmentEpoch: number
  readonly assignor: string | null
  readonly members: readonly GroupMemberDescription[]
  /** Every partition that has a committed offset or an owner. */
  readonly offsets: readonly PartitionLag[]
  readonly totalLag: number
}

/**
 * Target of a reset: an end of the log, an offset, the first
 * record at or after a time, or a number of offsets to move by.
 */
export type ResetTarget =
  | { readonly to: 'earliest' | 'latest' }
  | { readonly offset: number }
  | { readonly timestamp: number }
  | { readonly shiftBy: number }

export interface ResetOptions extends CallOptions {
  /** A topic without a list means all its partitions; by default all partitions with a committed offset. */
  readonly topics?: ReadonlyArray<{
    readonly topic: string
    readonly partitions?: readonly number[]
  }>
  /** True to compute the result without applying it; allowed while the group has members. */
  readonly dryRun?: boolean
}

export interface ResetOffset {
  readonly topic: string
  readonly partition: number
  readonly previousOffset: number | null
  readonly offset: number
}

/**
 * A handle to a group. Requests are sent only by its methods, and none is retried
 * automatically. All throw `EdgelogError`: `group_id_not_found`, `unavailable`, ...
 *
 * @example
 * const { totalLag } = await log.group('billing').describe()
 */
export class Group {
  readonly id: string
  readonly #connection: Connection
  readonly #newConsumer: (options: GroupConsumerOptions) => Promise<GroupConsumer>

  /** @internal Made by `Client.group`. */
  constructor(
    connection: Connection,
    groupId: string,
    newConsumer: (options: GroupConsumerOptions) => Promise<GroupConsumer>,
  ) {
    this.id = groupId
    this.#connection = connection
    this.#newConsumer = newConsumer
  }

  /**
   * Joins the group for the length of one request: reads on from the committed offsets, and leaves with
   * `commit()`. For a cron trigger or a fetch handler; long-lived consumers use `Client.consumer`.
   *
   * Each joining or leaving member causes a rebalance. With a constant `instanceId`,
   * a poll within the session of the previous one gets the same partitions back.
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

  /** Deletes the group and its offsets. @throws {EdgelogError} `non_empty_group` while it has members. */
  async delete({ signal }: CallOptions = {}): Promise<void> {
    const call = { method: 'DELETE', signal } as const
    await request(this.#connection, groupPath(this.id), call, async () => {})
  }

  async offsets({ signal }: CallOptions = {}): Promise<readonly CommittedOffset[]> {
    return await fetchOffsets(this.#connection, this.id, undefined, { signal })
  }

  /** Commits offsets by hand. @throws {EdgelogError} `non_empty_group`, `offset_out_of_range`. */
  async commitOffsets(
    offsets: readonly OffsetCommit[],
    { signal }: CallOptions = {},
  ): Promise<void> {
    await commitOffsets(this.#connection, this.id, undefined, offsets, { signal })
  }

  /** Deletes offsets of a topic without subscribers. @throws {EdgelogError} `group_subscribed_to_topic`. */
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
   * Moves the committed offsets; an offset outside a log is moved to its nearer end.
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
