/** Looks up the topics that an administrative request names. */
import type { Broker } from '../broker/broker.ts'
import { fanOut } from '../broker/fan-out.ts'
import type { Operation } from '../core/access/resource.ts'
import { EdgelogError } from '../core/errors.ts'
import type { Topic } from '../core/topic/topic.ts'
import { toResult } from './error-number.ts'
import { nameCheck } from './unique-names.ts'

/** Null if the topic does not exist; an error if the lookup failed. */
export type FoundTopic = Topic | EdgelogError | null

/**
 * Looks each name up once, for an operation on the cluster.
 *
 * @returns a function that returns the lookup result of a name.
 */
export async function topicsByName(
  broker: Broker,
  names: readonly string[],
  operation: Operation,
): Promise<(name: string) => FoundTopic> {
  const unique = [...new Set(names)]
  const checkName = nameCheck('topics', unique)
  const found = await fanOut(unique, async (name): Promise<[string, FoundTopic]> => {
    const topic = await toResult(async () => {
      checkName(name)
      return await broker.topics.findForCluster(name, operation)
    })
    return [name, isMissing(topic) ? null : topic]
  })
  const byName = new Map(found)
  return (name) => byName.get(name) ?? null
}

/** Returns whether the topic does not exist. As in a broker, an invalid name counts as a missing topic. */
function isMissing(topic: Topic | EdgelogError): boolean {
  if (!(topic instanceof EdgelogError)) return false
  return topic.code === 'unknown_topic_or_partition' || topic.code === 'invalid_topic'
}

export function hasPartition({ partitions }: Topic, partition: number): boolean {
  return partition >= 0 && partition < partitions
}
