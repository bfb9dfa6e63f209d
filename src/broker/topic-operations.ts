/** Operations on topics. */
import { CLUSTER, type Operation, topicResource } from '../core/access/resource.ts'
import type { EdgelogError } from '../core/errors.ts'
import type { PartitionDescription } from '../core/log/partition-api.ts'
import type { NewTopic, Topic, TopicChange, TopicToDelete } from '../core/topic/topic.ts'
import { parseTopicName, type TopicName } from '../core/topic/topic-name.ts'
import type { Access } from './access.ts'
import { callValid } from './call-valid.ts'
import type { Cluster } from './cluster.ts'
import type { TopicReference } from './locate-offsets.ts'
import { partitionSizes, type SizedPartition } from './partition-sizes.ts'
import {
  changeTopic,
  createTopic,
  createTopics,
  deleteTopic,
  deleteTopics,
  describePartitions,
  listTopics,
} from './topics.ts'

/** Every method throws an authorization error, in addition to the errors of the function it calls. */
export class TopicOperations {
  readonly #cluster: Cluster
  readonly #access: Access

  constructor(cluster: Cluster, access: Access) {
    this.#cluster = cluster
    this.#access = access
  }

  /** Needs `create` on the cluster, or else on the topic. */
  async create(topic: NewTopic): Promise<Topic> {
    if (!(await this.#access.allows('create', CLUSTER))) {
      await this.#access.check('create', topicResource(topic.name))
    }
    return await createTopic(this.#cluster, topic)
  }

  /** Creates or refuses each topic by itself. Needs what `create` needs. */
  async createEach(topics: readonly NewTopic[]): Promise<(Topic | EdgelogError)[]> {
    const mayCreateAll = await this.#access.allows('create', CLUSTER)
    const allowed = mayCreateAll ? topics : await this.#allowed(topics, 'create')
    return await callValid(allowed, (some) => createTopics(this.#cluster, some))
  }

  /** Returns the topics that the principal may `describe`. */
  async list(): Promise<readonly Topic[]> {
    const topics = await listTopics(this.#cluster)
    return await this.#access.filter(topics, 'describe', ({ name }) => topicResource(name))
  }

  /**
   * Returns the topic that a caller references for `operation`, from the cache if it is cached.
   *
   * @throws {EdgelogError} `unknown_topic_or_partition`, `unknown_topic_id`, `invalid_topic`, `unavailable`.
   */
  async find(reference: TopicReference, operation: Operation): Promise<Topic> {
    if ('id' in reference) {
      const topic = await this.#cluster.topics.getById(reference.id)
      return await this.#access.guard(operation, topicResource(topic.name), async () => topic)
    }
    const name = parseTopicName(reference.name)
    return await this.#access.guard(operation, topicResource(name), () =>
      this.#cluster.topics.get(name),
    )
  }

  /** Returns all topics. Needs `operation` on the cluster: the one that an operator is about to do. */
  listForCluster(operation: Operation): Promise<readonly Topic[]> {
    return this.#access.guard(operation, CLUSTER, () => listTopics(this.#cluster))
  }

  /** Like `find`, but needs `operation` on the cluster, and nothing on the topic. */
  async findForCluster(name: string, operation: Operation): Promise<Topic> {
    const topicName = parseTopicName(name)
    return await this.#access.guard(operation, CLUSTER, () => this.#cluster.topics.get(topicName))
  }

  /** Like `find`, but returns the topic as the coordinator has it now. */
  lookUp(name: TopicName, operation: Operation): Promise<Topic> {
    return this.#access.guard(operation, topicResource(name), () =>
      this.#cluster.topics.lookUp(name),
    )
  }

  /** Needs `describe` on the topic. */
  describePartitions(topic: Topic): Promise<PartitionDescription[]> {
    return this.#access.guard('describe', topicResource(topic.name), () =>
      describePartitions(this.#cluster, topic),
    )
  }

  /** Needs `describe` on the cluster, because sizes are for operators. */
  partitionSizes(
    partitions: ReadonlyArray<Omit<SizedPartition, 'sizeBytes'>>,
    askedMax: number,
  ): Promise<SizedPartition[]> {
    return this.#access.guard('describe', CLUSTER, () =>
      partitionSizes(this.#cluster, partitions, askedMax),
    )
  }

  /** Needs `alter` on the topic for its partitions, and `alter_configs` for its configs. */
  async change(name: TopicName, change: TopicChange): Promise<Topic> {
    const resource = topicResource(name)
    const isOfPartitions = change.partitions !== undefined
    if (isOfPartitions) await this.#access.check('alter', resource)
    if (change.overrides !== undefined || !isOfPartitions) {
      await this.#access.check('alter_configs', resource)
    }
    return await changeTopic(this.#cluster, name, change)
  }

  /** Needs `delete` on the topic. */
  delete(name: TopicName, id?: string): Promise<void> {
    return this.#access.guard('delete', topicResource(name), () =>
      deleteTopic(this.#cluster, name, id),
    )
  }

  /** Deletes or refuses each topic by itself. Needs what `delete` needs. */
  async deleteEach(topics: readonly TopicToDelete[]): Promise<(null | EdgelogError)[]> {
    const allowed = await this.#allowed(topics, 'delete')
    return await callValid(allowed, (some) => deleteTopics(this.#cluster, some))
  }

  /** Replaces the topics that the principal may not do the operation on by errors. */
  async #allowed<T extends { readonly name: TopicName }>(
    topics: readonly T[],
    operation: Operation,
  ): Promise<(T | EdgelogError)[]> {
    const resources = topics.map(({ name }) => topicResource(name))
    const refusals = await this.#access.refusals(operation, resources)
    return topics.map((topic) => refusals.get(topic.name) ?? topic)
  }
}
