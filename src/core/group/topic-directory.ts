/** The topics that a group knows of, and which of them a subscription means. */
import type { GroupTopic } from './group-api.ts'
import { compileTopicPattern } from './topic-pattern.ts'

export interface Subscription {
  readonly topics: readonly string[]
  readonly topicPattern: string | null
}

/** A snapshot; what it has worked out is kept as long as it is. */
export class TopicDirectory {
  readonly topics: readonly GroupTopic[]
  readonly #byName: ReadonlyMap<string, GroupTopic>
  readonly #byId: ReadonlyMap<string, GroupTopic>
  readonly #resolved = new Map<string, ReadonlySet<string>>()

  constructor(topics: readonly GroupTopic[]) {
    this.topics = topics
    this.#byName = new Map(topics.map((topic) => [topic.name, topic]))
    this.#byId = new Map(topics.map((topic) => [topic.id, topic]))
  }

  named(name: string): GroupTopic | undefined {
    return this.#byName.get(name)
  }

  withId(id: string): GroupTopic | undefined {
    return this.#byId.get(id)
  }

  /** Ids of the topics that are there and that a subscription names or matches. */
  resolve({ topics, topicPattern }: Subscription): ReadonlySet<string> {
    const key = `${topicPattern ?? ''}\n${topics.join('\n')}`
    const known = this.#resolved.get(key)
    if (known !== undefined) return known
    const ids = new Set<string>()
    for (const name of topics) {
      const topic = this.#byName.get(name)
      if (topic !== undefined) ids.add(topic.id)
    }
    if (topicPattern !== null) {
      const pattern = compileTopicPattern(topicPattern)
      for (const { id, name } of this.topics) if (pattern.matches(name)) ids.add(id)
    }
    this.#resolved.set(key, ids)
    return ids
  }
}
