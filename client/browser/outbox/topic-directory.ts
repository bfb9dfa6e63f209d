/** Topic metadata: refreshed from the server at an interval, stored in the database for offline use. */
import { EdgelogError } from '../../../src/core/errors.ts'
import { describeTopic } from '../../describe-topic.ts'
import type { Connection } from '../../http/connection.ts'
import { METADATA_MAX_AGE_MS } from '../../limits.ts'
import type { TopicMetadataSource } from '../../topic-metadata.ts'
import type { TopicRow } from '../store/schema.ts'
import type { Publisher } from '../tabs/channel.ts'
import type { OutboxDrain } from './outbox-drain.ts'

export class TopicDirectory implements TopicMetadataSource {
  readonly #connection: Connection
  readonly #drain: OutboxDrain
  readonly #channel: Publisher
  readonly #onFound: (topic: string) => void
  readonly #readAtMs = new Map<string, number>()

  /** @param onFound called when the server has confirmed a topic */
  constructor(
    connection: Connection,
    drain: OutboxDrain,
    channel: Publisher,
    onFound: (topic: string) => void = () => undefined,
  ) {
    this.#connection = connection
    this.#drain = drain
    this.#channel = channel
    this.#onFound = onFound
  }

  /** Returns the stored metadata, however old; requests it for a topic that is used for the first time. */
  async load(topic: string): Promise<TopicRow> {
    try {
      const known = await this.#drain.topic(topic)
      if (known === undefined) return await this.request(topic)
      this.refresh(topic)
      return known
    } catch (error) {
      if (!isStorageError(error)) throw error
      // Reading works without storage.
      return await this.#describe(topic)
    }
  }

  /** Refreshes old metadata in the background. */
  refresh(topic: string): void {
    const nowMs = this.#connection.clock.now()
    const readAtMs = this.#readAtMs.get(topic) ?? Number.NEGATIVE_INFINITY
    // The clock may have been set back, so the distance counts in either direction.
    if (Math.abs(nowMs - readAtMs) < METADATA_MAX_AGE_MS) return
    this.#readAtMs.set(topic, nowMs)
    this.request(topic).catch(() => undefined)
  }

  /** @throws {EdgelogError} `unknown_topic_or_partition`, `unavailable`, `storage_failed`, ... */
  async request(topic: string): Promise<TopicRow> {
    const row = await this.#describe(topic)
    this.#readAtMs.set(topic, this.#connection.clock.now())
    const moves = await this.#drain.storeTopic(row)
    if (moves.length > 0) this.#channel.publish({ kind: 'moved', topic, moves })
    this.#onFound(topic)
    return row
  }

  async #describe(topic: string): Promise<TopicRow> {
    const described = await describeTopic(this.#connection, topic, { partitionDetails: false })
    const { id, partitions, config } = described
    return { topic, id, partitions, maxMessageBytes: Number(config['max.message.bytes']) }
  }
}

/** Returns whether the browser cannot store: no space, or no database. */
export function isStorageError(error: unknown): error is EdgelogError {
  return error instanceof EdgelogError && error.code.startsWith('storage')
}
