/** The topics that requests name: by name, or in newer versions by id. */
import type { Cluster } from '../broker/cluster.ts'
import type { CalledTopic } from '../broker/topic-metadata.ts'
import { EdgelogError } from '../core/errors.ts'
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
  if (topicId !== NO_UUID) return await cluster.topics.getById(topicId)
  if (name !== null) return await cluster.topics.get(parseTopicName(name))
  // What clients send for a topic that their metadata has lost.
  throw new EdgelogError('unknown_topic_id', 'topicId: no topic has the id of zeros')
}

/**
 * What the partitions of a topic are called by: its id where requests of this version have ids, otherwise
 * its name. A topic that was created anew is another one to the former, and the same to the latter, as to
 * a broker.
 *
 * @throws {EdgelogError} as `topicOf`.
 */
export async function calledTopic(
  cluster: Cluster,
  { name, topicId }: NamedTopic,
  hasIds: boolean,
): Promise<CalledTopic> {
  if (hasIds) return await topicOf(cluster, { name: null, topicId })
  const topic = await topicOf(cluster, { name, topicId: NO_UUID })
  return { name: topic.name }
}
