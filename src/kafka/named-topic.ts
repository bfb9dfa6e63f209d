/** The topics of a request: named by name, or in newer versions by id. */
import type { Broker } from '../broker/broker.ts'
import type { CalledTopic } from '../broker/topic-metadata.ts'
import type { Operation } from '../core/access/resource.ts'
import { EdgelogError } from '../core/errors.ts'
import { NO_UUID } from '../core/kafka/schema.ts'
import type { Topic } from '../core/topic/topic.ts'

export interface NamedTopic {
  /** Null or empty if the topic is named by its id. */
  readonly name: string | null
  readonly topicId: string
}

/**
 * Returns the topic that a request names for `operation`.
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
  // Clients send this for a topic that is missing from their metadata.
  throw new EdgelogError('unknown_topic_id', 'topicId: no topic has the id of zeros')
}

/**
 * Returns how the partitions of a topic are addressed: by its id if this version of the request has ids, otherwise by
 * its name. As in a broker, a recreated topic is a different topic by id, and the same one by name.
 *
 * @throws {EdgelogError} like `topicOf`.
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
