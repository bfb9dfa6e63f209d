/** Creates, describes, changes and deletes topics. */
import type { PartitionDescription } from '../core/log/partition-api.ts'
import type { NewTopic, Topic, TopicChange } from '../core/topic/topic.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { Cluster } from './cluster.ts'
import { fanOut } from './fan-out.ts'

export async function createTopic(cluster: Cluster, topic: NewTopic): Promise<Topic> {
  return await cluster.objects.coordinate((coordinator) => coordinator.createTopic(topic))
}

export async function listTopics(cluster: Cluster): Promise<readonly Topic[]> {
  return await cluster.objects.coordinate((coordinator) => coordinator.listTopics())
}

export async function describePartitions(
  cluster: Cluster,
  topic: Topic,
): Promise<PartitionDescription[]> {
  const partitions = Array.from({ length: topic.partitions }, (_, partition) => partition)
  return await fanOut(partitions, (partition) =>
    cluster.topics.callPartition(topic.name, partition, (stub) => stub.describe()),
  )
}

export async function changeTopic(
  cluster: Cluster,
  name: TopicName,
  change: TopicChange,
): Promise<Topic> {
  try {
    const changed = await cluster.objects.coordinate((coordinator) =>
      coordinator.changeTopic(name, change),
    )
    if (change.validateOnly !== true) cluster.topics.remember(changed)
    return changed
  } catch (error) {
    cluster.topics.expire(name)
    throw error
  }
}

/**
 * Deletes a topic.
 *
 * @param id deletes only the topic with this id, not a newer one with the same name.
 * @throws {EdgelogError} `unknown_topic_or_partition`, or with an id `unknown_topic_id`.
 */
export async function deleteTopic(cluster: Cluster, name: TopicName, id?: string): Promise<void> {
  try {
    await cluster.objects.coordinate((coordinator) => coordinator.deleteTopic(name, id))
    cluster.topics.forget(name)
  } catch (error) {
    cluster.topics.expire(name)
    throw error
  }
}
