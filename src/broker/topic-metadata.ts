/**
 * The metadata of topics in one request: decides when a cached topic is stale, looks it up at the coordinator, and
 * calls partitions with the cached metadata.
 */
import { EdgelogError, type Result, unwrap } from '../core/errors.ts'
import { METADATA_RETRY_MS, METADATA_TTL_MS } from '../core/limits.ts'
import { emptyPartition } from '../core/log/empty-partition.ts'
import type { PartitionDescription } from '../core/log/partition-api.ts'
import type { Topic } from '../core/topic/topic.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { KnownBounds } from './known-bounds.ts'
import type { CoordinatorStub, Objects, PartitionStub } from './objects.ts'
import { singleFlight } from './single-flight.ts'
import type { CachedTopic, TopicCache } from './topic-cache.ts'
import { otherTopic, unknownPartition } from './topic-errors.ts'

/** With `id`: only that topic. Without: whatever topic has the name at call time. */
export interface CalledTopic {
  readonly name: TopicName
  readonly id?: string
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export class TopicMetadata {
  readonly #objects: Objects
  readonly #cache: TopicCache
  readonly #bounds: KnownBounds
  readonly #lookUps = new Map<TopicName, Promise<CachedTopic>>()
  /** Running checks, by topic id. */
  readonly #checks = new Map<string, Promise<boolean>>()

  /** @param bounds receives the log ends that a check of a topic returns. */
  constructor(objects: Objects, cache: TopicCache, bounds: KnownBounds) {
    this.#objects = objects
    this.#cache = cache
    this.#bounds = bounds
  }

  /**
   * Returns the topic that has this name, from the cache while it is fresh.
   *
   * @throws {EdgelogError} `unknown_topic_or_partition`, `unavailable`.
   */
  async get(name: TopicName): Promise<Topic> {
    return (this.#fresh(name) ?? (await this.#known(name))).topic
  }

  /**
   * Returns the topic with this id: from the cache if it is cached, otherwise from the coordinator.
   *
   * @throws {EdgelogError} `unknown_topic_id`, `unavailable`.
   */
  async getById(id: string): Promise<Topic> {
    const name = this.#cache.nameOf(id)
    const topic = name === undefined ? undefined : await this.find(name)
    if (topic?.id === id) return topic
    return await this.lookUpById(id)
  }

  /**
   * Returns the topic with this id if the coordinator returned it less than `METADATA_TTL_MS` ago. Unlike `getById`, it
   * returns no older one while the coordinator does not respond: for callers that call no partition, which would reject
   * a topic that is gone.
   */
  recentById(id: string): Topic | undefined {
    const name = this.#cache.nameOf(id)
    const known = name === undefined ? undefined : this.#cache.get(name)
    if (known?.topic.id !== id) return undefined
    return Date.now() - known.readAtMs < METADATA_TTL_MS ? known.topic : undefined
  }

  /**
   * Returns the topic with this id as the coordinator has it now.
   *
   * @throws {EdgelogError} `unknown_topic_id`, `unavailable`.
   */
  async lookUpById(id: string): Promise<Topic> {
    if (!UUID.test(id)) throw new EdgelogError('unknown_topic_id', `no topic has the id ${id}`)
    return this.#remember(
      await this.#objects.coordinate((coordinator) => coordinator.getTopicById(id)),
    ).topic
  }

  /**
   * Like `get`, but returns undefined if the topic does not exist.
   *
   * @throws {EdgelogError} `unavailable`.
   */
  async find(name: TopicName): Promise<Topic | undefined> {
    return await existing(this.get(name))
  }

  /**
   * Checks that `id` still owns `name`: asks a partition first, then the coordinator. If neither responds, the cache
   * decides. Concurrent calls share one result.
   *
   * @param partition The partition to ask: ideally one that the caller needs anyway.
   * @throws {EdgelogError} `unavailable` if the topic is not cached and the coordinator does not respond.
   */
  async isCurrent(
    { id, name }: { readonly id: string; readonly name: TopicName },
    partition: number,
  ): Promise<boolean> {
    return await singleFlight(this.#checks, id, async () => {
      const known = this.#cache.get(name)
      const isKnown = known?.topic.id === id
      if (isKnown && (await this.#isThere(known, partition))) return true
      try {
        return (await this.lookUp(name)).id === id
      } catch (error) {
        if (!(error instanceof EdgelogError)) throw error
        if (error.code === 'unknown_topic_or_partition') return false
        if (isKnown && error.retryable) return true
        throw error
      }
    })
  }

  /**
   * Returns the topic as the coordinator has it now. Concurrent calls share one request. The cached
   * entry is replaced, and evicted only when the coordinator has no such topic: while the
   * coordinator is unavailable, other requests continue with the entry.
   *
   * @throws {EdgelogError} `unknown_topic_or_partition`, `unavailable`.
   */
  async lookUp(name: TopicName): Promise<Topic> {
    return (await this.#lookUp(name)).topic
  }

  /**
   * Returns the topic as the coordinator has it now, or undefined.
   *
   * @throws {EdgelogError} `unavailable`.
   */
  async findNow(name: TopicName): Promise<Topic | undefined> {
    return await existing(this.lookUp(name))
  }

  /** Caches a topic that the coordinator has just returned. */
  remember(topic: Topic): void {
    this.#remember(topic)
  }

  /**
   * Marks the cached entry as stale: the next call asks the coordinator first, and falls
   * back to the entry if the coordinator does not respond.
   */
  expire(name: TopicName): void {
    const known = this.#cache.get(name)
    if (known !== undefined) known.refreshAtMs = 0
  }

  /** Evicts a topic that the coordinator no longer has. */
  forget(name: TopicName): void {
    this.#cache.delete(name)
  }

  /**
   * Calls one partition. If it does not exist, has the coordinator open it and calls once more: a partition is opened
   * for its first call, and the topic may have gained partitions or been recreated.
   *
   * @param empty The result for a partition that was never opened. Without it the partition is opened.
   * @throws {EdgelogError} `unknown_topic_or_partition`, `unavailable`, and errors of the call.
   */
  async callPartition<T>(
    name: TopicName,
    partition: number,
    call: (stub: PartitionStub, topic: Topic) => Promise<Result<T>>,
    empty?: (topic: Topic) => T,
  ): Promise<T> {
    const known = this.#fresh(name) ?? (await this.#known(name))
    const answer = await this.#tryPartition(known, partition, call)
    if (!('error' in answer) || answer.error.code !== 'unknown_topic_or_partition') {
      return this.#noticeVersion(known.topic, unwrap(answer))
    }
    if (empty !== undefined) {
      const found = await this.#ask(name, (coordinator) =>
        coordinator.findPartition(name, partition),
      )
      this.#remember(found.topic)
      if (found.isUnopened) return empty(found.topic)
    }
    const topic = await this.#ask(name, (coordinator) => coordinator.openPartition(name, partition))
    return unwrap(await this.#tryPartition(this.#remember(topic), partition, call))
  }

  /** Describes one partition, and does not open it. @throws {EdgelogError} like `callPartition`. */
  async describePartition(name: TopicName, partition: number): Promise<PartitionDescription> {
    const empty = () => emptyPartition(partition)
    return await this.callPartition(name, partition, (stub) => stub.describe(), empty)
  }

  /**
   * Like `callPartition`; with an `id` it calls that topic only.
   *
   * @throws {EdgelogError} also `unknown_topic_id`.
   */
  async callPartitionOf<T>(
    { name, id }: CalledTopic,
    partition: number,
    call: (stub: PartitionStub, topic: Topic) => Promise<Result<T>>,
  ): Promise<T> {
    return await this.callPartition(name, partition, async (stub, topic) =>
      id === undefined || topic.id === id
        ? await call(stub, topic)
        : { error: otherTopic(topic).toBody() },
    )
  }

  /** Checks that a partition of the cached topic responds. */
  async #isThere(known: CachedTopic, partition: number): Promise<boolean> {
    const { id, partitions } = known.topic
    // The cached topic may have fewer partitions than the topic has now.
    const asked = partition < partitions ? partition : 0
    try {
      const answer = await this.#tryPartition(known, asked, (stub) => stub.describe())
      if ('error' in answer) return false
      this.#bounds.remember(id, asked, answer.ok)
      return true
    } catch (error) {
      if (error instanceof EdgelogError) return false
      throw error
    }
  }

  #tryPartition<T>(
    known: CachedTopic,
    partition: number,
    call: (stub: PartitionStub, topic: Topic) => Promise<Result<T>>,
  ): Promise<Result<T>> {
    const { topic, partitionIds } = known
    if (!(partition >= 0 && partition < topic.partitions)) {
      return Promise.resolve({ error: unknownPartition(topic, partition).toBody() })
    }
    const id = partitionIds[partition] ?? this.#objects.partitionId(topic.id, partition)
    partitionIds[partition] = id
    return this.#objects.callPartition(id, (stub) => call(stub, topic), topic.locationHint)
  }

  /** Expires the cached topic if the result of a partition carries a later version of it. */
  #noticeVersion<T>(topic: Topic, result: T): T {
    if (topicVersionOf(result) > topic.version) this.expire(topic.name)
    return result
  }

  /** Returns the cached topic if it is fresh. On the path of every record, where a promise less counts. */
  #fresh(name: TopicName): CachedTopic | undefined {
    const known = this.#cache.get(name)
    return known !== undefined && Date.now() < known.refreshAtMs ? known : undefined
  }

  /**
   * Returns the cached topic. Asks the coordinator if there is none or it is stale. For a stale entry only one request
   * asks; the others use the entry, as all do while the coordinator does not respond. A stale entry is safe: a
   * partition that does not exist rejects the call itself.
   */
  async #known(name: TopicName): Promise<CachedTopic> {
    const known = this.#cache.get(name)
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
    return await singleFlight(this.#lookUps, name, async () =>
      this.#remember(await this.#ask(name, (coordinator) => coordinator.getTopic(name))),
    )
  }

  /** Asks the coordinator about a topic, and evicts the topic if the coordinator does not have it. */
  async #ask<T>(
    name: TopicName,
    call: (coordinator: CoordinatorStub) => Promise<Result<T>>,
  ): Promise<T> {
    try {
      return await this.#objects.coordinate(call)
    } catch (error) {
      const isGone = error instanceof EdgelogError && error.code === 'unknown_topic_or_partition'
      if (isGone) this.forget(name)
      throw error
    }
  }

  #remember(topic: Topic): CachedTopic {
    return this.#cache.set(topic, Date.now())
  }
}

/** Returns the topic version of a result, or -1 if it carries none. */
function topicVersionOf(result: unknown): number {
  const carriesIt = typeof result === 'object' && result !== null && 'topicVersion' in result
  return carriesIt ? Number(result.topicVersion) : -1
}

/** Resolves to undefined instead of `unknown_topic_or_partition`. */
async function existing(topic: Promise<Topic>): Promise<Topic | undefined> {
  try {
    return await topic
  } catch (error) {
    if (error instanceof EdgelogError && error.code === 'unknown_topic_or_partition')
      return undefined
    throw error
  }
}
