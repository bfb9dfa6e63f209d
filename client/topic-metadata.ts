/** Cache of topic metadata, refreshed in the background. */
import { describeTopic } from './describe-topic.ts'
import type { Connection } from './http/connection.ts'
import { METADATA_MAX_AGE_MS } from './limits.ts'

export interface TopicMetadata {
  readonly id: string
  readonly partitions: number
  /** Largest batch that the topic accepts. */
  readonly maxMessageBytes: number
}

export interface TopicMetadataSource {
  /** @throws {EdgelogError} `unknown_topic_or_partition`, `unavailable`, ... */
  load(topic: string): Promise<TopicMetadata>
}

interface Entry {
  readonly metadata: TopicMetadata
  readonly readAtMs: number
}

export class TopicMetadataCache implements TopicMetadataSource {
  readonly #connection: Connection
  readonly #entries = new Map<string, Entry>()
  readonly #loading = new Map<string, Promise<TopicMetadata>>()

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Returns the cached entry, however old; refreshes an old one in the background. */
  peek(topic: string): TopicMetadata | undefined {
    const entry = this.#entries.get(topic)
    if (entry === undefined) return undefined
    const nowMs = this.#connection.clock.now()
    if (nowMs - entry.readAtMs > METADATA_MAX_AGE_MS) {
      // Marked as fresh first: while the server is away, only one record per interval triggers a request.
      this.#entries.set(topic, { ...entry, readAtMs: nowMs })
      this.load(topic).catch(() => undefined)
    }
    return entry.metadata
  }

  /** Requests the metadata; concurrent calls for a topic share one request. */
  load(topic: string): Promise<TopicMetadata> {
    const loading = this.#loading.get(topic) ?? this.#load(topic)
    this.#loading.set(topic, loading)
    return loading
  }

  forget(topic: string): void {
    this.#entries.delete(topic)
  }

  async #load(topic: string): Promise<TopicMetadata> {
    try {
      const { id, partitions, config } = await describeTopic(this.#connection, topic, {
        partitionDetails: false,
      })
      const metadata = { id, partitions, maxMessageBytes: Number(config['max.message.bytes']) }
      this.#entries.set(topic, { metadata, readAtMs: this.#connection.clock.now() })
      return metadata
    } finally {
      this.#loading.delete(topic)
    }
  }
}
