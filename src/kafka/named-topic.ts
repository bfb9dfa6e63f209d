/** The topics that requests name: by name, or in newer versions by id. */
import type { Broker } from '../broker/broker.ts'
import type { CalledTopic } from '../broker/topic-metadata.ts'
import type { Operation } from '../core/access/resource.ts'
import { EdgelogError } from '../core/errors.ts'
import { NO_UUID } from '../core/kafka/schema.ts'
import type { Topic } from '../core/topic/topic.ts'

export interface NamedTopic {
  /** Null or empty where it is named by its id. */
  readonly name: string | null
  readonly topicId: string
}

/**
 * Returns the topic that a request names in order to do `operation` on it.
 *
 * @throws {EdgelogError} `unknown_topic_or_partition`, `unknown_topic_id`, `invalid_topic`,
 * `topic_authorization_failed`, `unavailable`.
 */
export async function topicOf(
  broker: Broker,
  { name, topicId }: NamedTopic,
  operation: Operation,
): Promise<Topic> {
  if (topicId !== NO_UUID) return await broker.topics.find({ id: topicId }, operation)
  if (name !== null) return await broker.topics.find({ name }, operation)
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
  broker: Broker,
  { name, topicId }: NamedTopic,
  hasIds: boolean,
  operation: Operation,
): Promise<CalledTopic> {
  if (hasIds) return await topicOf(broker, { name: null, topicId }, operation)
  const topic = await topicOf(broker, { name, topicId: NO_UUID }, operation)
  return { name: topic.name }
}
