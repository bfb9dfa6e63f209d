/** Resets the committed offsets of a group: to an end of the log, an offset, a time, or by a shift. */
import { EdgelogError } from '../core/errors.ts'
import type { CommittedOffset } from '../core/group/group-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import { COMMIT_OFFSETS_MAX } from '../core/limits.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { Cluster } from './cluster.ts'
import { byTopicAndPartition, commitOffsets, fetchOffsets } from './committed-offsets.ts'
import { fanOut } from './fan-out.ts'
import { findOffsetByTimestamp } from './list-offsets.ts'

export type ResetTarget =
  | { readonly to: 'earliest' | 'latest' }
  | { readonly offset: number }
  | { readonly timestamp: number }
  | { readonly shiftBy: number }

export interface ResetRequest {
  readonly target: ResetTarget
  /** Topics and partitions; without a list all partitions of the topic. null: all with a committed offset. */
  readonly topics: ReadonlyArray<{
    readonly topic: TopicName
    readonly partitions?: readonly number[]
  }> | null
  /** True to return the plan without applying it. */
  readonly dryRun: boolean
}

export interface ResetOffset {
  readonly topic: string
  readonly partition: number
  readonly previousOffset: number | null
  readonly offset: number
}

/**
 * Plans the new committed offsets of a group. An offset outside its log is moved
 * to the nearer end of the log, as Kafka's tool does.
 *
 * @throws {EdgelogError} `unknown_topic_or_partition`; `group_id_not_found` if `topics` is null.
 */
export async function planReset(
  cluster: Cluster,
  groupId: GroupId,
  { target, topics }: ResetRequest,
): Promise<readonly ResetOffset[]> {
  const committed = await committedOrNone(cluster, groupId, topics !== null)
  const previous = new Map(
    committed.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]),
  )
  const partitions =
    topics === null
      ? committed.map(({ topic, partition }) => ({ topic: topic as TopicName, partition }))
      : await expand(cluster, topics)
  const resets = await fanOut(partitions, async ({ topic, partition }): Promise<ResetOffset> => {
    const previousOffset = previous.get(`${topic}/${partition}`) ?? null
    const offset = await resolveTarget(cluster, topic, partition, target, previousOffset)
    return { topic, partition, previousOffset, offset }
  })
  return resets.sort(byTopicAndPartition)
}

/**
 * Commits the planned offsets to a group without members.
 *
 * @throws {EdgelogError} `non_empty_group`.
 */
export async function applyReset(
  cluster: Cluster,
  groupId: GroupId,
  resets: readonly ResetOffset[],
): Promise<void> {
  if (resets.length === 0) return
  const offsets = resets.map(({ topic, partition, offset }) => ({
    topic: topic as TopicName,
    partition,
    offset,
    leaderEpoch: -1,
    metadata: '',
  }))
  await commitOffsets(cluster, groupId, null, offsets)
}

async function committedOrNone(
  cluster: Cluster,
  groupId: GroupId,
  mayBeNew: boolean,
): Promise<readonly CommittedOffset[]> {
  try {
    return await fetchOffsets(cluster, groupId)
  } catch (error) {
    const isNew = error instanceof EdgelogError && error.code === 'group_id_not_found'
    if (isNew && mayBeNew) return []
    throw error
  }
}

async function expand(
  cluster: Cluster,
  topics: NonNullable<ResetRequest['topics']>,
): Promise<Array<{ readonly topic: TopicName; readonly partition: number }>> {
  const expanded = await fanOut(topics, async ({ topic, partitions }) => {
    const { partitions: count } = await cluster.topics.lookUp(topic)
    const all = Array.from({ length: count }, (_, partition) => partition)
    return (partitions ?? all).map((partition) => ({ topic, partition }))
  })
  const named = new Map(
    expanded.flat().map((one) => [`${one.topic}/${one.partition}`, one] as const),
  )
  if (named.size <= COMMIT_OFFSETS_MAX) return [...named.values()]
  throw new EdgelogError(
    'invalid_request',
    `topics: at most ${COMMIT_OFFSETS_MAX} partitions can be reset at a time, got ${named.size}`,
  )
}

async function resolveTarget(
  cluster: Cluster,
  topic: TopicName,
  partition: number,
  target: ResetTarget,
  previousOffset: number | null,
): Promise<number> {
  const { logStartOffset, lastStableOffset, highWatermark } =
    await cluster.topics.describePartition(topic, partition)
  const clamp = (offset: number) => Math.min(Math.max(offset, logStartOffset), highWatermark)
  if ('offset' in target) return clamp(target.offset)
  if ('shiftBy' in target) return clamp((previousOffset ?? logStartOffset) + target.shiftBy)
  if ('timestamp' in target) {
    const { timestamp } = target
    const found = await findOffsetByTimestamp(cluster, topic, partition, timestamp, 'committed')
    return found === undefined ? lastStableOffset : clamp(found.offset)
  }
  // Members read committed records, so the end is where their reading ends.
  return target.to === 'earliest' ? logStartOffset : lastStableOffset
}
