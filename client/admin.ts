/** Topic administration over the HTTP API. */
import type { LocationHint } from '../src/core/topic/topic.ts'
import type { CallOptions } from './call-options.ts'
import { type ConfigValue, describeTopic, type TopicDescription } from './describe-topic.ts'
import { type GroupSummary, listGroups } from './group/list-groups.ts'
import { type Connection, request, requestJson } from './http/connection.ts'
import { topicPath } from './http/paths.ts'

export interface NewTopicOptions {
  readonly partitions?: number
  readonly config?: Readonly<Record<string, ConfigValue>>
  /** Region hint for placing the partitions. */
  readonly locationHint?: LocationHint
}

export interface TopicChangeOptions {
  /** The new total; it can only grow. */
  readonly partitions?: number
  /** Keys to set; `null` resets a key to its default. */
  readonly config?: Readonly<Record<string, ConfigValue | null>>
}

/**
 * Creates, lists, describes, changes and deletes topics; lists groups.
 *
 * No call is retried automatically. All throw `EdgelogError`: `unavailable` if no response arrived.
 *
 * @example
 * await log.admin.createTopic('orders', { partitions: 3, config: { 'retention.ms': 86_400_000 } })
 */
export class Admin {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** @throws {EdgelogError} `topic_already_exists`, `invalid_topic`, `invalid_config`, `invalid_partitions`. */
  async createTopic(
    name: string,
    topic: NewTopicOptions = {},
    { signal }: CallOptions = {},
  ): Promise<TopicDescription> {
    const body = JSON.stringify({ name, ...topic })
    return await requestJson(this.#connection, '/v1/topics', {
      method: 'POST',
      body,
      contentType: 'application/json',
      signal,
    })
  }

  async listTopics({ signal }: CallOptions = {}): Promise<readonly TopicDescription[]> {
    const answer = await requestJson<{ topics: readonly TopicDescription[] }>(
      this.#connection,
      '/v1/topics',
      { signal },
    )
    return answer.topics
  }

  /** @throws {EdgelogError} `unknown_topic_or_partition`. */
  async describeTopic(
    name: string,
    options: CallOptions & { readonly partitionDetails?: boolean } = {},
  ): Promise<TopicDescription> {
    const { partitionDetails = true, signal } = options
    return await describeTopic(this.#connection, name, { partitionDetails, signal })
  }

  /** @throws {EdgelogError} `unknown_topic_or_partition`, `invalid_config`, `invalid_partitions`. */
  async alterTopic(
    name: string,
    change: TopicChangeOptions,
    { signal }: CallOptions = {},
  ): Promise<TopicDescription> {
    return await requestJson(this.#connection, topicPath(name), {
      method: 'PATCH',
      body: JSON.stringify(change),
      contentType: 'application/json',
      signal,
    })
  }

  /** Returns all groups, sorted by id. */
  async listGroups({ signal }: CallOptions = {}): Promise<readonly GroupSummary[]> {
    return await listGroups(this.#connection, signal)
  }

  /** @throws {EdgelogError} `unknown_topic_or_partition`. */
  async deleteTopic(name: string, { signal }: CallOptions = {}): Promise<void> {
    await request(this.#connection, topicPath(name), { method: 'DELETE', signal }, async () => {})
  }
}
