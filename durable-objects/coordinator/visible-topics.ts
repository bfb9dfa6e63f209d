/** Finds topics as clients see them: with their applied settings, and without those that are being deleted. */
import { EdgelogError } from '../../src/core/errors.ts'
import type { TopicInterest } from '../../src/core/group/group-api.ts'
import type { FoundPartition, Topic } from '../../src/core/topic/topic.ts'
import type { TopicName } from '../../src/core/topic/topic-name.ts'
import { isUnopened, visibleTopic } from '../../src/core/topic/topic-state.ts'
import type { TopicTable } from './topic-table.ts'

export class VisibleTopics {
  readonly #topics: TopicTable

  constructor(topics: TopicTable) {
    this.#topics = topics
  }

  /** @throws {EdgelogError} `unknown_topic_or_partition`. */
  get(name: TopicName): Topic {
    const topic = this.#find(name)
    if (topic === null) throw unknownTopic(name)
    return topic
  }

  /** @throws {EdgelogError} `unknown_topic_id`. */
  getById(id: string): Topic {
    const state = this.#topics.findById(id)
    const topic = state === null ? null : visibleTopic(state)
    if (topic === null) throw unknownTopicId(id)
    return topic
  }

  /** @throws {EdgelogError} `unknown_topic_or_partition` if the topic does not exist. */
  findPartition(name: TopicName, partition: number): FoundPartition {
    const topic = this.get(name)
    const state = this.#topics.findById(topic.id)
    return { topic, isUnopened: state !== null && isUnopened(state, partition) }
  }

  /** Returns all topics, sorted by name. */
  list(): Topic[] {
    return this.#topics
      .listStaying()
      .map(visibleTopic)
      .filter((topic) => topic !== null)
      .sort((one, other) => (one.name < other.name ? -1 : 1))
  }

  /** Returns the topics of an interest that exist. */
  of({ names, all }: TopicInterest): Topic[] {
    if (all) return this.list()
    return names.flatMap((name) => this.#find(name as TopicName) ?? [])
  }

  #find(name: TopicName): Topic | null {
    const topic = this.#topics.findStaying(name)
    return topic === null ? null : visibleTopic(topic)
  }
}

export function unknownTopicId(id: string): EdgelogError {
  return new EdgelogError('unknown_topic_id', `no topic has the id ${id}`)
}

export function unknownTopic(name: TopicName): EdgelogError {
  return new EdgelogError('unknown_topic_or_partition', `topic ${name} does not exist`)
}
