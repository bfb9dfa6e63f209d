/** The offsets of consumer groups: commit, fetch, delete. */
import { EdgelogError, replyAsync, unwrap } from '../core/errors.ts'
import type {
  CommitRequest,
  CommittedOffset,
  CommittingMember,
  OffsetFetchRequest,
  OffsetToCommit,
} from '../core/group/group-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import { EMPTY_LOG } from '../core/log/empty-partition.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { Cluster } from './cluster.ts'
import { fanOut } from './fan-out.ts'
import { type Bounds, isWithin } from './known-bounds.ts'

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
 * Commits offsets: of a member under its epoch, or without a member to a group that has none.
 *
 * @param transaction if given, the offsets are pending until it ends.
 * @throws {EdgelogError} `unknown_topic_or_partition`, `offset_out_of_range`,
 * and errors of the group; then nothing is committed.
 */
export async function commitOffsets(
  cluster: Cluster,
  groupId: GroupId,
  member: CommittingMember | null,
  offsets: readonly NamedOffset[],
  transaction?: CommitRequest['transaction'],
): Promise<void> {
  // The last offset per partition counts.
  const wanted = new Map(offsets.map((one) => [`${one.topic}/${one.partition}`, one]))
  const names = new Set(offsets.map(({ topic }) => topic))
  // Only a group with members detects that a topic was recreated.
  if (member === null) await hasRefreshed(cluster, names)
  const send = async () => {
    const checked = await fanOut([...wanted.values()], (one) => checkOffset(cluster, one))
    await cluster.objects.callGroup(groupId, (group) =>
      group.commitOffsets({
        groupId,
        member,
        offsets: checked,
        ...(transaction && { transaction }),
      }),
    )
  }
  try {
    await send()
  } catch (error) {
    // The edge may have cached the id of a topic that was recreated.
    const isStale = error instanceof EdgelogError && error.code === 'stale_member_epoch'
    if (!isStale || !(await hasRefreshed(cluster, names))) throw error
    await send()
  }
}

/**
 * Looks the topics up again.
 *
 * @returns whether the cached id of one of them was outdated.
 */
export async function hasRefreshed(cluster: Cluster, names: Iterable<TopicName>): Promise<boolean> {
  const changes = await fanOut([...names], async (name) => {
    const before = (await cluster.topics.find(name))?.id
    return before !== (await cluster.topics.findNow(name))?.id
  })
  return changes.includes(true)
}

async function checkOffset(cluster: Cluster, wanted: NamedOffset): Promise<OffsetToCommit> {
  const { topic: name, partition, offset } = wanted
  const { id } = await cluster.topics.get(name)
  if (cluster.bounds.isWithin(id, partition, offset)) return { ...wanted, topicId: id }
  const bounds = await learnBounds(cluster, name, partition)
  if (!isWithin(offset, bounds)) throw outOfRange(wanted, bounds)
  return { ...wanted, topicId: bounds.topicId }
}

/** Returns the ends of a partition's log, and the id of its topic. */
export async function learnBounds(
  cluster: Cluster,
  name: TopicName,
  partition: number,
): Promise<Bounds & { readonly topicId: string }> {
  // The topic may have gained this partition or been recreated: use the topic that the call actually reached.
  return await cluster.topics.callPartition<Bounds & { readonly topicId: string }>(
    name,
    partition,
    (stub, topic) =>
      replyAsync(async () => {
        const bounds = unwrap(await stub.describe())
        cluster.bounds.remember(topic.id, partition, bounds)
        return { ...bounds, topicId: topic.id }
      }),
    (topic) => ({ ...EMPTY_LOG, topicId: topic.id }),
  )
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
 * Returns the committed offsets of a group, for one topic or for all. Also
 * deletes its offsets of topics that no longer exist.
 *
 * @throws {EdgelogError} `group_id_not_found`, `unknown_topic_or_partition`; with `requireStable` also
 * `unstable_offset_commit` while an open transaction may change one of the offsets.
 */
export async function fetchOffsets(
  cluster: Cluster,
  groupId: GroupId,
  topic?: TopicName,
  requireStable = false,
): Promise<readonly CommittedOffset[]> {
  if (topic !== undefined) await cluster.topics.get(topic)
  const topics = topic === undefined ? {} : { topics: [topic] }
  const offsets = await fetchKept(cluster, groupId, { ...topics, requireStable })
  const unstable = offsets.find(({ isUnstable }) => isUnstable)
  if (unstable === undefined) return offsets
  const why = `an open transaction may change the offset of partition ${unstable.partition} of ${unstable.topic}`
  throw new EdgelogError('unstable_offset_commit', why)
}

/**
 * Returns the committed offsets of a group like Kafka's OffsetFetch: for the given topic names or for all, whether
 * these topics exist or not; an empty list for a group that does not exist.
 *
 * @param request if it names a member, that member must exist with its epoch (KIP-848).
 * @throws {EdgelogError} `unknown_member_id`, `stale_member_epoch`, `fenced_instance_id`.
 */
export async function fetchOffsetsIfAny(
  cluster: Cluster,
  groupId: GroupId,
  request: OffsetFetchRequest,
): Promise<readonly CommittedOffset[]> {
  try {
    return await fetchKept(cluster, groupId, request)
  } catch (error) {
    if (error instanceof EdgelogError && error.code === 'group_id_not_found') return []
    throw error
  }
}

async function fetchKept(
  cluster: Cluster,
  groupId: GroupId,
  request: OffsetFetchRequest,
): Promise<readonly CommittedOffset[]> {
  const offsets = await cluster.objects.callGroup(groupId, (group) => group.fetchOffsets(request))
  const topics = [...new Map(offsets.map((offset) => [offset.topicId, offset])).values()]
  const isCurrent = await fanOut(topics, ({ topicId, topic, partition }) =>
    cluster.topics.isCurrent({ id: topicId, name: topic as TopicName }, partition),
  )
  const gone = new Set(topics.filter((_, index) => !isCurrent[index]).map(({ topicId }) => topicId))
  if (gone.size === 0) return offsets
  await cluster.objects.callGroup(groupId, (group) => group.forgetTopics([...gone]))
  return offsets.filter(({ topicId }) => !gone.has(topicId))
}

/** @throws {EdgelogError} `group_id_not_found`, `unknown_topic_or_partition`, `group_subscribed_to_topic`. */
export async function deleteOffsets(
  cluster: Cluster,
  groupId: GroupId,
  topic: TopicName,
  partition: number | null,
): Promise<void> {
  const { id } = await cluster.topics.lookUp(topic)
  await cluster.objects.callGroup(groupId, (group) => group.deleteOffsets(id, partition))
}

export function byTopicAndPartition(one: OfPartition, other: OfPartition): number {
  if (one.topic !== other.topic) return one.topic < other.topic ? -1 : 1
  return one.partition - other.partition
}
