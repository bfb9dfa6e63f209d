/** The offsets of consumer groups: commit, fetch, delete. */
import { EdgelogError } from '../core/errors.ts'
import type { CommittedOffset, CommittingMember, OffsetToCommit } from '../core/group/group-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import { type Cluster, unknownPartition } from './cluster.ts'
import { fanOut } from './fan-out.ts'
import { findTopicId } from './groups.ts'
import { type Bounds, isKnownWithin, isWithin, rememberBounds } from './known-bounds.ts'

export interface NamedOffset {
  readonly topic: TopicName
  readonly partition: number
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
}

interface OfPartition {
  readonly topic: string
  readonly partition: number
}

/**
 * Commits offsets: of a member under its epoch, or by hand to a group without members.
 *
 * @throws {EdgelogError} `unknown_topic_or_partition`, `offset_out_of_range`, and what the group
 * refuses; nothing is committed then.
 */
export async function commitOffsets(
  cluster: Cluster,
  groupId: GroupId,
  member: CommittingMember | null,
  offsets: readonly NamedOffset[],
): Promise<void> {
  const send = async () => {
    const checked = await fanOut(offsets, (offset) => checkOffset(cluster, offset))
    await cluster.callGroup(groupId, (group) =>
      group.commitOffsets({ groupId, member, offsets: checked }),
    )
  }
  try {
    await send()
  } catch (error) {
    // The topic may have been created anew, which the edge has yet to hear of.
    const isStale = error instanceof EdgelogError && error.code === 'stale_member_epoch'
    const names = new Set(offsets.map(({ topic }) => topic))
    if (!isStale || !(await hasRefreshed(cluster, names))) throw error
    await send()
  }
}

/** Asks for topics anew. @returns whether the edge had another id for one of them. */
async function hasRefreshed(cluster: Cluster, names: Iterable<TopicName>): Promise<boolean> {
  const changes = await fanOut([...names], async (name) => {
    const before = await findTopicId(cluster, name)
    cluster.forget(name)
    return before !== (await findTopicId(cluster, name))
  })
  return changes.includes(true)
}

async function checkOffset(cluster: Cluster, wanted: NamedOffset): Promise<OffsetToCommit> {
  const { topic: name, partition, offset } = wanted
  const topic = await cluster.topic(name)
  if (partition >= topic.partitions) throw unknownPartition(topic, partition)
  if (!isKnownWithin(topic.id, partition, offset)) {
    const bounds = await cluster.callPartition(name, partition, (stub) => stub.describe())
    rememberBounds(topic.id, partition, bounds)
    if (!isWithin(offset, bounds)) throw outOfRange(wanted, bounds)
  }
  return { ...wanted, topicId: topic.id }
}

function outOfRange(
  { topic, partition, offset }: NamedOffset,
  { logStartOffset, highWatermark }: Bounds,
): EdgelogError {
  return new EdgelogError(
    'offset_out_of_range',
    `offset: partition ${partition} of ${topic} has ${logStartOffset} to ${highWatermark}, got ${offset}`,
    { details: { topic, partition, logStartOffset, highWatermark } },
  )
}

/**
 * What a group committed, of one topic or of all; of topics that are no more, nothing.
 *
 * @throws {EdgelogError} `group_id_not_found`, `unknown_topic_or_partition`.
 */
export async function fetchOffsets(
  cluster: Cluster,
  groupId: GroupId,
  topic?: TopicName,
): Promise<readonly CommittedOffset[]> {
  if (topic !== undefined) await cluster.topic(topic)
  const only = topic === undefined ? {} : { topic }
  const offsets = await cluster.callGroup(groupId, (group) => group.fetchOffsets(only))
  const ids = new Map(offsets.map((offset) => [offset.topicId, offset.topic as TopicName]))
  const current = await fanOut([...ids], ([id, name]) => isTopicId(cluster, id, name))
  const isCurrent = new Map([...ids.keys()].map((id, index) => [id, current[index]]))
  return offsets.filter(({ topicId }) => isCurrent.get(topicId))
}

/** Whether a topic of this name has this id; what the edge remembers of it may be old. */
async function isTopicId(cluster: Cluster, id: string, name: TopicName): Promise<boolean> {
  if ((await findTopicId(cluster, name)) === id) return true
  cluster.forget(name)
  return (await findTopicId(cluster, name)) === id
}

/** @throws {EdgelogError} `group_id_not_found`, `unknown_topic_or_partition`, `group_subscribed_to_topic`. */
export async function deleteOffsets(
  cluster: Cluster,
  groupId: GroupId,
  topic: TopicName,
  partition: number | null,
): Promise<void> {
  const { id } = await cluster.topic(topic)
  await cluster.callGroup(groupId, (group) => group.deleteOffsets(id, partition))
}

export function byTopicAndPartition(one: OfPartition, other: OfPartition): number {
  if (one.topic !== other.topic) return one.topic < other.topic ? -1 : 1
  return one.partition - other.partition
}
