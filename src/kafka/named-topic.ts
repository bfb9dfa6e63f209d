/** The topics that requests name: by name, or in newer versions by id. */
import type { Cluster } from '../broker/cluster.ts'
import { NO_UUID } from '../core/kafka/schema.ts'
import type { Topic } from '../core/topic/topic.ts'
import { parseTopicName } from '../core/topic/topic-name.ts'

export interface NamedTopic {
  /** Null or empty where it is named by its id. */
  readonly name: string | null
  readonly topicId: string
}

/** @throws {EdgelogError} `unknown_topic_or_partition`, `unknown_topic_id`, `invalid_topic`, `unavailable`. */
export async function topicOf(cluster: Cluster, { name, topicId }: NamedTopic): Promise<Topic> {
  if (topicId !== NO_UUID || name === null) return await cluster.topicById(topicId)
  return await cluster.topic(parseTopicName(name))
}
