/** Creates consumers that read through the cache. */
import type { Decompressors } from '../../../src/core/compression/codec.ts'
import type { EdgelogError } from '../../../src/core/errors.ts'
import { Consumer, type ConsumerContext } from '../../consumer/consumer.ts'
import type { ConsumerOptions } from '../../consumer/consumer-options.ts'
import type { FetchBatchesOptions, FetchedBatches } from '../../consumer/fetch-batches.ts'
import { type LogSource, networkSource } from '../../consumer/log-source.ts'
import { SealedSource } from '../../consumer/sealed-source.ts'
import { clientDecompressors } from '../../decompressors.ts'
import type { GroupConsumer } from '../../group/group-consumer.ts'
import type { GroupConsumerOptions } from '../../group/group-consumer-options.ts'
import { randomProducerId } from '../../producer-id.ts'
import type { TopicMetadata, TopicMetadataSource } from '../../topic-metadata.ts'
import { CachedSource, type CachedSourceContext } from '../cache/cached-source.ts'
import { isStorageError } from '../outbox/topic-directory.ts'
import type { Channel } from '../tabs/channel.ts'
import type { AuthRetry } from './auth-retry.ts'

/** Options of a consumer in a page; the client chooses the transport. */
export type BrowserConsumerOptions = Omit<ConsumerOptions, 'transport'>
export type BrowserGroupConsumerOptions = Omit<GroupConsumerOptions, 'transport'>

export interface ReadingContext {
  readonly authRetry: AuthRetry
  readonly topics: TopicMetadataSource
  readonly cache: CachedSourceContext['cache']
  readonly channel: Channel
  readonly codecs: Partial<Decompressors> | undefined
  /** Keeps a topic in step while it is read. */
  readonly use: (topic: string) => Promise<void>
  readonly failed: (error: EdgelogError) => void
  readonly onClosed: () => void
}

/** The leading tab reads the log once for all tabs; readers wait for its messages. */
const TRANSPORT = { transport: 'long-poll' } as const

/** @throws {EdgelogError} `invalid_config`. */
export function openConsumer(context: ReadingContext, options: BrowserConsumerOptions): Consumer {
  return new Consumer(consumerContext(context), { ...options, ...TRANSPORT })
}

/** @throws {EdgelogError} `invalid_config`, `invalid_group_id`. */
export async function openGroupConsumer(
  context: ReadingContext,
  options: BrowserGroupConsumerOptions,
): Promise<GroupConsumer> {
  const { GroupConsumer } = await import('../../group/group-consumer.ts')
  const newMemberId = () => `${randomProducerId()}`
  return new GroupConsumer(
    { ...consumerContext(context), newMemberId },
    { ...options, ...TRANSPORT },
  )
}

/** Returns the context of a consumer: the log as this browser has it. */
export function consumerContext(context: ReadingContext): ConsumerContext {
  const { cache, channel, failed, onClosed } = context
  const { connection } = context.authRetry
  const codecs = clientDecompressors(context.codecs)
  const network = new SealedSource(connection, networkSource(connection))
  const cached = new CachedSource({
    cache,
    network,
    channel,
    codecs,
    clock: connection.clock,
    failed,
  })
  const source = new KeepingSource(cached, context)
  return {
    connection,
    source,
    metadata: source,
    codecs,
    onClosed,
  }
}

/** Follows each topic that is read, and waits for a token when topics are looked up. */
class KeepingSource implements LogSource, TopicMetadataSource {
  readonly #source: LogSource
  readonly #context: ReadingContext

  constructor(source: LogSource, context: ReadingContext) {
    this.#source = source
    this.#context = context
  }

  async fetch(
    topic: string,
    partition: number,
    options: FetchBatchesOptions,
  ): Promise<FetchedBatches> {
    await this.#use(topic)
    return await this.#source.fetch(topic, partition, options)
  }

  load(topic: string): Promise<TopicMetadata> {
    return this.#context.authRetry.retry(() => this.#context.topics.load(topic))
  }

  /** Follows a topic; without storage it is read from the network. */
  async #use(topic: string): Promise<void> {
    try {
      await this.#context.use(topic)
    } catch (error) {
      if (!isStorageError(error)) throw error
      this.#context.failed(error)
    }
  }
}
