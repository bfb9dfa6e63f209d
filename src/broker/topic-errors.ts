/** Errors about a topic or a partition that is not the one that the caller means. */
import { EdgelogError } from '../core/errors.ts'
import type { Topic } from '../core/topic/topic.ts'

/** Returns the error for a topic that has the right name but another id. */
export function otherTopic({ name, id }: Topic): EdgelogError {
  return new EdgelogError(
    'unknown_topic_id',
    `topicId: ${name} was recreated; its id is now ${id}`,
    { details: { topicId: id } },
  )
}

export function unknownPartition(topic: Topic, partition: number): EdgelogError {
  return new EdgelogError(
    'unknown_topic_or_partition',
    `partition: ${topic.name} partitions 0 to ${topic.partitions - 1} exist, got ${partition}`,
  )
}
