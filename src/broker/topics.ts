/** Creates, describes, changes and deletes topics. */
import { EdgelogError, type Result, resultOf } from '../core/errors.ts'
import { COORDINATOR_TOPICS_MAX } from '../core/limits.ts'
import type { PartitionDescription } from '../core/log/partition-api.ts'
import type { NewTopic, Topic, TopicChange, TopicToDelete } from '../core/topic/topic.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import { callValid } from './call-valid.ts'
import type { Cluster } from './cluster.ts'
import { fanOut } from './fan-out.ts'
import type { CoordinatorStub } from './objects.ts'

export async function createTopic(cluster: Cluster, topic: NewTopic): Promise<Topic> {
  checkRemoteStorage(cluster, topic.overrides)
  return await cluster.objects.coordinate((coordinator) => coordinator.createTopic(topic))
}

/** Creates topics, a bounded number in each call. Returns one result per topic, in order. */
export async function createTopics(
  cluster: Cluster,
  topics: readonly NewTopic[],
): Promise<(Topic | EdgelogError)[]> {
  const checked = topics.map((topic) => refusalOf(cluster, topic) ?? topic)
  return await callValid(checked, (valid) =>
    coordinateEach(cluster, valid, (coordinator, some) => coordinator.createTopics(some)),
  )
}

function refusalOf(cluster: Cluster, { overrides }: NewTopic): EdgelogError | undefined {
  const checked = resultOf(() => checkRemoteStorage(cluster, overrides))
  return 'error' in checked ? EdgelogError.fromBody(checked.error) : undefined
}

/** Refuses remote storage if the Worker has none, like a broker without `remote.log.storage.system.enable`. */
function checkRemoteStorage(
  { objects }: Cluster,
  overrides: Readonly<Record<string, unknown>>,
): void {
  if (overrides['remote.storage.enable'] !== 'true' || objects.remoteLog !== undefined) return
  const why = 'true needs a Worker with the R2 binding REMOTE_LOG; see docs/OPERATIONS.md'
  throw new EdgelogError('invalid_config', `config.remote.storage.enable: ${why}`)
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
    cluster.topics.describePartition(topic.name, partition),
  )
}

export async function changeTopic(
  cluster: Cluster,
  name: TopicName,
  change: TopicChange,
): Promise<Topic> {
  checkRemoteStorage(cluster, change.overrides ?? {})
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

/** Deletes topics, a bounded number in each call. Returns one result per topic, in order. */
export async function deleteTopics(
  cluster: Cluster,
  topics: readonly TopicToDelete[],
): Promise<(null | EdgelogError)[]> {
  const results = await coordinateEach<TopicToDelete, null>(cluster, topics, (coordinator, some) =>
    coordinator.deleteTopics(some),
  )
  for (const [index, { name }] of topics.entries()) {
    if (results[index] === null) cluster.topics.forget(name)
    else cluster.topics.expire(name)
  }
  return results
}

/** Calls the coordinator for some of the items after the other. An error of a call is the result of all its items. */
async function coordinateEach<Item, T>(
  { objects }: Cluster,
  items: readonly Item[],
  call: (
    coordinator: CoordinatorStub,
    some: readonly Item[],
  ) => Promise<Result<ReadonlyArray<Result<T>>>>,
): Promise<(T | EdgelogError)[]> {
  const results: (T | EdgelogError)[] = []
  for (let from = 0; from < items.length; from += COORDINATOR_TOPICS_MAX) {
    const some = items.slice(from, from + COORDINATOR_TOPICS_MAX)
    try {
      const each = await objects.coordinate((coordinator) => call(coordinator, some))
      results.push(...each.map(valueOrError))
    } catch (error) {
      if (!(error instanceof EdgelogError)) throw error
      results.push(...some.map(() => error))
    }
  }
  return results
}

function valueOrError<T>(result: Result<T>): T | EdgelogError {
  return 'error' in result ? EdgelogError.fromBody(result.error) : result.ok
}
