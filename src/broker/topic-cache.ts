/** The topics that an app has looked up, for the requests of one isolate. `TopicMetadata` decides what is stale. */
import { METADATA_TOPICS_MAX, METADATA_TTL_MS } from '../core/limits.ts'
import type { Topic } from '../core/topic/topic.ts'
import type { TopicName } from '../core/topic/topic-name.ts'

export interface CachedTopic {
  readonly topic: Topic
  /** When the coordinator returned it. */
  readonly readAtMs: number
  refreshAtMs: number
  /** Ids are computed by hashing; cached because every produce needs one. */
  readonly partitionIds: Array<DurableObjectId | undefined>
}

export class TopicCache {
  /** Least recently looked up first. */
  readonly #topics = new Map<TopicName, CachedTopic>()
  /** The names of the cached topics, by topic id. */
  readonly #names = new Map<string, TopicName>()

  get(name: TopicName): CachedTopic | undefined {
    return this.#topics.get(name)
  }

  nameOf(id: string): TopicName | undefined {
    return this.#names.get(id)
  }

  /** Caches a topic, unless a later version of it is cached. Returns the cached one. */
  set(topic: Topic, nowMs: number): CachedTopic {
    const { name } = topic
    const before = this.#topics.get(name)
    const isSame = before?.topic.id === topic.id
    // Responses may arrive out of order.
    if (isSame && before.topic.version > topic.version) return before
    const fresh: CachedTopic = {
      topic,
      readAtMs: nowMs,
      refreshAtMs: nowMs + METADATA_TTL_MS,
      partitionIds: isSame ? before.partitionIds : [],
    }
    this.delete(name)
    if (this.#topics.size >= METADATA_TOPICS_MAX) {
      const [oldest] = this.#topics.keys()
      if (oldest !== undefined) this.delete(oldest)
    }
    this.#topics.set(name, fresh)
    this.#names.set(topic.id, name)
    return fresh
  }

  delete(name: TopicName): void {
    const cached = this.#topics.get(name)
    if (cached === undefined) return
    this.#topics.delete(name)
    this.#names.delete(cached.topic.id)
  }
}
