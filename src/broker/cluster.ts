/**
 * The way from a topic's name to its Durable Objects: says when cached metadata is stale, and what a failed call
 * means. One is made for each request; what requests share are the `Caches` of their app.
 */
import { EdgelogError, type Reply, unwrap } from '../core/errors.ts'
import type { GroupApi } from '../core/group/group-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import { METADATA_RETRY_MS } from '../core/limits.ts'
import type { PartitionApi } from '../core/log/partition-api.ts'
import {
  COORDINATOR_OBJECT_NAME,
  type CoordinatorApi,
  partitionObjectName,
  type Topic,
} from '../core/topic/topic.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import { report } from '../events/report.ts'
import { KnownBounds } from './known-bounds.ts'
import { shared } from './shared.ts'
import { type CachedTopic, TopicCache } from './topic-cache.ts'

export interface ClusterEnv {
  readonly PARTITION: DurableObjectNamespace<Rpc.DurableObjectBranded & PartitionApi>
  readonly COORDINATOR: DurableObjectNamespace<Rpc.DurableObjectBranded & CoordinatorApi>
  readonly GROUP: DurableObjectNamespace<Rpc.DurableObjectBranded & GroupApi>
}

/** With an id this very topic; without, whichever has the name when it is called. */
export interface CalledTopic {
  readonly name: TopicName
  readonly id?: string
}

export type PartitionStub = DurableObjectStub<Rpc.DurableObjectBranded & PartitionApi>

/** The memory that the requests of one app share within an isolate. */
export interface Caches {
  readonly topics: TopicCache
  readonly bounds: KnownBounds
}

export function newCaches(): Caches {
  return { topics: new TopicCache(), bounds: new KnownBounds() }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export class Cluster {
  readonly #env: ClusterEnv
  readonly #topics: TopicCache
  /** Where logs lay a moment ago. */
  readonly bounds: KnownBounds
  readonly #lookUps = new Map<TopicName, Promise<CachedTopic>>()
  /** By topic id. */
  readonly #checks = new Map<string, Promise<boolean>>()

  /** @param caches Those of the app, which outlive the request. */
  constructor(env: ClusterEnv, caches: Caches) {
    this.#env = env
    this.#topics = caches.topics
    this.bounds = caches.bounds
  }

  /** @throws {EdgelogError} `unavailable` besides what the coordinator refuses. */
  async coordinate<T>(
    call: (
      coordinator: DurableObjectStub<Rpc.DurableObjectBranded & CoordinatorApi>,
    ) => Promise<Reply<T>>,
  ): Promise<T> {
    return unwrap(
      await this.#reach(() => call(this.#env.COORDINATOR.getByName(COORDINATOR_OBJECT_NAME))),
    )
  }

  /** @throws {EdgelogError} `unavailable` besides what the group refuses. */
  async callGroup<T>(
    groupId: GroupId,
    call: (group: DurableObjectStub<Rpc.DurableObjectBranded & GroupApi>) => Promise<Reply<T>>,
  ): Promise<T> {
    return unwrap(await this.#reach(() => call(this.#env.GROUP.getByName(groupId))))
  }

  /** @throws {EdgelogError} `unknown_topic_or_partition`. */
  async topic(name: TopicName): Promise<Topic> {
    return (await this.#known(name)).topic
  }

  /**
   * The topic with this id. One that is known by its name is answered from memory; of any other the
   * coordinator is asked.
   *
   * @throws {EdgelogError} `unknown_topic_id`, `unavailable`.
   */
  async topicById(id: string): Promise<Topic> {
    const name = this.#topics.nameOf(id)
    const topic = name === undefined ? undefined : await this.findTopic(name)
    if (topic?.id === id) return topic
    if (!UUID.test(id)) throw new EdgelogError('unknown_topic_id', `no topic has the id ${id}`)
    return this.#remember(await this.coordinate((coordinator) => coordinator.getTopicById(id)))
      .topic
  }

  /** `topic`, or undefined where there is none. @throws {EdgelogError} `unavailable`. */
  async findTopic(name: TopicName): Promise<Topic | undefined> {
    return await existing(this.topic(name))
  }

  /**
   * Whether this is the topic that has its name now, and the same for all who ask meanwhile. That it is, a
   * partition of it says: one call, and none of the coordinator. That it is not is the coordinator's word,
   * and so is all else where the partition does not answer. While neither does, what is remembered counts.
   *
   * @param partition Any; best one that the caller asks besides.
   * @throws {EdgelogError} `unavailable`, of a topic that is not remembered.
   */
  async isCurrent(
    { id, name }: { readonly id: string; readonly name: TopicName },
    partition: number,
  ): Promise<boolean> {
    return await shared(this.#checks, id, async () => {
      const known = this.#topics.get(name)
      const isKnown = known?.topic.id === id
      if (isKnown && (await this.#isThere(known, partition))) return true
      try {
        return (await this.lookUpTopic(name)).id === id
      } catch (error) {
        if (!(error instanceof EdgelogError)) throw error
        if (error.code === 'unknown_topic_or_partition') return false
        if (isKnown && error.retryable) return true
        throw error
      }
    })
  }

  /**
   * Returns the topic as the coordinator has it now. Concurrent calls share one request. The cached entry is
   * replaced, and evicted only when the coordinator has no such topic: while the coordinator is away, other
   * requests go on with the entry.
   *
   * @throws {EdgelogError} `unknown_topic_or_partition`, `unavailable`.
   */
  async lookUpTopic(name: TopicName): Promise<Topic> {
    return (await this.#lookUp(name)).topic
  }

  /** Returns the topic as the coordinator has it now, or undefined. @throws {EdgelogError} `unavailable`. */
  async findTopicNow(name: TopicName): Promise<Topic | undefined> {
    return await existing(this.lookUpTopic(name))
  }

  /** Caches the topic as the coordinator has just returned it. */
  remember(topic: Topic): void {
    this.#remember(topic)
  }

  /**
   * Marks the cached entry as stale: the next call asks the coordinator first, and uses the entry where the
   * coordinator does not answer.
   */
  expire(name: TopicName): void {
    const known = this.#topics.get(name)
    if (known !== undefined) known.refreshAtMs = 0
  }

  /** Evicts a topic that the coordinator no longer has. */
  forget(name: TopicName): void {
    this.#topics.delete(name)
  }

  /**
   * Calls one partition. What the edge remembered of the topic is asked for anew, once, when the
   * partition turns out not to exist: the topic may have grown, or have been created anew.
   *
   * @throws {EdgelogError} `unknown_topic_or_partition`, `unavailable`, and what the call refuses.
   */
  async callPartition<T>(
    name: TopicName,
    partition: number,
    call: (stub: PartitionStub, topic: Topic) => Promise<Reply<T>>,
  ): Promise<T> {
    const known = await this.#known(name)
    const answer = await this.#tryPartition(known, partition, call)
    if (!('error' in answer) || answer.error.code !== 'unknown_topic_or_partition') {
      return this.#noticeVersion(known.topic, unwrap(answer))
    }
    const fresh = await this.#lookUp(name)
    if (fresh.topic.version === known.topic.version && fresh.topic.id === known.topic.id) {
      return unwrap(answer)
    }
    return unwrap(await this.#tryPartition(fresh, partition, call))
  }

  /**
   * `callPartition` of the topic that is meant, and, where its id is known, of no other that has its
   * name by now.
   *
   * @throws {EdgelogError} `unknown_topic_id` besides.
   */
  async callPartitionOf<T>(
    { name, id }: CalledTopic,
    partition: number,
    call: (stub: PartitionStub, topic: Topic) => Promise<Reply<T>>,
  ): Promise<T> {
    return await this.callPartition(name, partition, async (stub, topic) =>
      id === undefined || topic.id === id
        ? await call(stub, topic)
        : { error: otherTopic(topic).toBody() },
    )
  }

  /** Whether a partition of it answers. */
  async #isThere(known: CachedTopic, partition: number): Promise<boolean> {
    const { id, partitions } = known.topic
    // What is remembered may not have grown yet.
    const asked = partition < partitions ? partition : 0
    try {
      const answer = await this.#tryPartition(known, asked, (stub) => stub.describe())
      if ('error' in answer) return false
      this.bounds.remember(id, asked, answer.ok)
      return true
    } catch (error) {
      if (error instanceof EdgelogError) return false
      throw error
    }
  }

  async #tryPartition<T>(
    known: CachedTopic,
    partition: number,
    call: (stub: PartitionStub, topic: Topic) => Promise<Reply<T>>,
  ): Promise<Reply<T>> {
    const { topic, partitionIds } = known
    if (!(partition >= 0 && partition < topic.partitions)) {
      return { error: unknownPartition(topic, partition).toBody() }
    }
    const id =
      partitionIds[partition] ??
      this.#env.PARTITION.idFromName(partitionObjectName(topic.id, partition))
    partitionIds[partition] = id
    return await this.#reach(() => call(this.#env.PARTITION.get(id), topic))
  }

  #noticeVersion<T>(topic: Topic, answer: T): T {
    if (
      typeof answer === 'object' &&
      answer !== null &&
      'topicVersion' in answer &&
      Number(answer.topicVersion) > topic.version
    ) {
      this.expire(topic.name)
    }
    return answer
  }

  /**
   * Asks the coordinator where nothing is known, or what is known is old. Of the requests that find it
   * old one asks, and where the coordinator does not answer they go on with it: whether a partition
   * is there it says itself.
   */
  async #known(name: TopicName): Promise<CachedTopic> {
    const known = this.#topics.get(name)
    if (known === undefined) return await this.#lookUp(name)
    if (Date.now() < known.refreshAtMs) return known
    known.refreshAtMs = Date.now() + METADATA_RETRY_MS
    try {
      return await this.#lookUp(name)
    } catch (error) {
      if (error instanceof EdgelogError && error.retryable) return known
      throw error
    }
  }

  async #lookUp(name: TopicName): Promise<CachedTopic> {
    return await shared(this.#lookUps, name, async () => {
      try {
        return this.#remember(await this.coordinate((coordinator) => coordinator.getTopic(name)))
      } catch (error) {
        const isGone = error instanceof EdgelogError && error.code === 'unknown_topic_or_partition'
        if (isGone) this.forget(name)
        throw error
      }
    })
  }

  #remember(topic: Topic): CachedTopic {
    return this.#topics.set(topic, Date.now())
  }

  /** Makes a call to an object. When it fails to arrive, or to come back, its effect is unknown. */
  async #reach<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (cause) {
      if (cause instanceof EdgelogError) throw cause
      report({ type: 'call_failed', error: cause })
      if (isOverloaded(cause)) {
        throw new EdgelogError('throttled', 'the log is overloaded, try again later', { cause })
      }
      throw new EdgelogError('unavailable', 'the log did not answer, try again', { cause })
    }
  }
}

/** A topic of this name is there, but not the one that is meant. */
export function otherTopic({ name, id }: Topic): EdgelogError {
  return new EdgelogError(
    'unknown_topic_id',
    `topicId: ${name} was created anew, its id is ${id} now`,
    { details: { topicId: id } },
  )
}

export function unknownPartition(topic: Topic, partition: number): EdgelogError {
  return new EdgelogError(
    'unknown_topic_or_partition',
    `partition: ${topic.name} has partitions 0 to ${topic.partitions - 1}, not ${partition}`,
  )
}

/** Resolves to undefined in place of `unknown_topic_or_partition`. */
async function existing(topic: Promise<Topic>): Promise<Topic | undefined> {
  try {
    return await topic
  } catch (error) {
    if (error instanceof EdgelogError && error.code === 'unknown_topic_or_partition')
      return undefined
    throw error
  }
}

function isOverloaded(error: unknown): boolean {
  return error instanceof Error && 'overloaded' in error && error.overloaded === true
}
