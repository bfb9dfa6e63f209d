/** The topics available to a group, and the topics that a subscription selects. */
import {
  GROUP_PATTERNS_MAX,
  RESOLVED_SUBSCRIPTIONS_LENGTH_MAX,
  TOPIC_PATTERN_STEPS_MAX,
} from '../limits.ts'
import { compileTopicPattern } from '../topic-pattern/topic-pattern.ts'
import type { GroupTopic } from './group-api.ts'

export interface Subscription {
  readonly topics: readonly string[]
  readonly topicPattern: string | null
}

interface Matching {
  readonly ids: readonly string[]
  readonly isComplete: boolean
}

/** An immutable snapshot of topics that caches resolved subscriptions. */
export class TopicDirectory {
  readonly topics: readonly GroupTopic[]
  readonly #byName: ReadonlyMap<string, GroupTopic>
  readonly #byId: ReadonlyMap<string, GroupTopic>
  readonly #matchings = new Map<string, Matching>()
  readonly #resolved = new Map<string, ReadonlySet<string>>()
  /** Length of all keys of `#resolved` together. */
  #resolvedLength = 0

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

  /** Returns the ids of the existing topics that a subscription names or matches. */
  resolve({ topics, topicPattern }: Subscription): ReadonlySet<string> {
    const key = `${topicPattern ?? ''}\n${topics.join('\n')}`
    const known = this.#resolved.get(key)
    if (known !== undefined) return known
    const ids = new Set<string>()
    for (const name of topics) {
      const topic = this.#byName.get(name)
      if (topic !== undefined) ids.add(topic.id)
    }
    for (const id of topicPattern === null ? [] : this.#matching(topicPattern).ids) ids.add(id)
    if (this.#resolvedLength + key.length > RESOLVED_SUBSCRIPTIONS_LENGTH_MAX) {
      this.#resolved.clear()
      this.#resolvedLength = 0
    }
    this.#resolved.set(key, ids)
    this.#resolvedLength += key.length
    return ids
  }

  /**
   * Returns whether a pattern can be matched against all topics within `TOPIC_PATTERN_STEPS_MAX`. If topics
   * that are added later exceed that limit, the pattern stops matching at the topic that exceeds it.
   */
  isAffordable(topicPattern: string): boolean {
    return this.#matching(topicPattern).isComplete
  }

  #matching(text: string): Matching {
    const known = this.#matchings.get(text)
    if (known !== undefined) return known
    const pattern = compileTopicPattern(text)
    const ids: string[] = []
    let steps = 0
    for (const { id, name } of this.topics) {
      const match = pattern.match(name)
      steps += match.steps
      if (steps > TOPIC_PATTERN_STEPS_MAX) break
      if (match.isMatch) ids.push(id)
    }
    const matching = { ids, isComplete: steps <= TOPIC_PATTERN_STEPS_MAX }
    // Refused patterns may arrive again and again, so only as many as a group may have are cached.
    if (this.#matchings.size >= GROUP_PATTERNS_MAX) this.#matchings.clear()
    this.#matchings.set(text, matching)
    return matching
  }
}
