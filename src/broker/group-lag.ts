/** The lag of a group, partition by partition. */
import { EdgelogError } from '../core/errors.ts'
import type { CommittedOffset, GroupDescription } from '../core/group/group-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { Cluster } from './cluster.ts'
import { byTopicAndPartition, fetchOffsets } from './committed-offsets.ts'
import { fanOut } from './fan-out.ts'
import type { Bounds } from './known-bounds.ts'

export interface PartitionLag extends Bounds {
  readonly topic: string
  readonly partition: number
  /** null if nothing is committed. */
  readonly committedOffset: number | null
  readonly metadata: string
  /** Offsets from the committed one, or the log start, to the end of the log. */
  readonly lag: number
  /** The member that has the partition; null if none has it. */
  readonly memberId: string | null
}

/** Returns the lag of each partition that the group has committed or that is assigned to a member. */
export async function describeLag(
  cluster: Cluster,
  groupId: GroupId,
  description: GroupDescription,
): Promise<readonly PartitionLag[]> {
  const offsets = await fetchOffsets(cluster, groupId)
  const partitions = new Map<string, Pick<PartitionLag, 'topic' | 'partition'>>()
  const owners = new Map<string, string>()
  for (const { memberId, assignment } of description.members) {
    for (const assigned of assignment) {
      for (const partition of assigned.partitions) {
        const key = `${assigned.topic}/${partition}`
        owners.set(key, memberId)
        partitions.set(key, { topic: assigned.topic, partition })
      }
    }
  }
  const committed = new Map<string, CommittedOffset>()
  for (const offset of offsets) {
    const { topic, partition } = offset
    committed.set(`${topic}/${partition}`, offset)
    partitions.set(`${topic}/${partition}`, { topic, partition })
  }
  const lags = await fanOut([...partitions], async ([key, { topic, partition }]) => {
    const bounds = await findBounds(cluster, topic as TopicName, partition)
    if (bounds === undefined) return []
    const { logStartOffset, highWatermark } = bounds
    const offset = committed.get(key)
    const from = Math.max(offset?.offset ?? logStartOffset, logStartOffset)
    const lag: PartitionLag = {
      topic,
      partition,
      committedOffset: offset?.offset ?? null,
      metadata: offset?.metadata ?? '',
      logStartOffset,
      highWatermark,
      lag: Math.max(0, highWatermark - from),
      memberId: owners.get(key) ?? null,
    }
    return [lag]
  })
  return lags.flat().sort(byTopicAndPartition)
}

/** Returns undefined if the partition was deleted in the meantime. */
async function findBounds(
  cluster: Cluster,
  topic: TopicName,
  partition: number,
): Promise<Bounds | undefined> {
  try {
    return await cluster.topics.describePartition(topic, partition)
  } catch (error) {
    if (error instanceof EdgelogError && error.code === 'unknown_topic_or_partition')
      return undefined
    throw error
  }
}
