/** Consumers that read through the cache. */
import type { Codecs } from '../../../src/core/compression/codec.ts'
import type { EdgelogError } from '../../../src/core/errors.ts'
import { clientCodecs } from '../../codecs.ts'
import { Consumer, type ConsumerContext } from '../../consumer/consumer.ts'
import type { ConsumerOptions } from '../../consumer/consumer-options.ts'
import type { FetchBatchesOptions, FetchedBatches } from '../../consumer/fetch-batches.ts'
import { type LogSource, networkSource } from '../../consumer/log-source.ts'
import type { GroupConsumer } from '../../group/group-consumer.ts'
import type { GroupConsumerOptions } from '../../group/group-consumer-options.ts'
import { randomProducerId } from '../../producer-id.ts'
import type { TopicMetadata, TopicMetadataSource } from '../../topic-metadata.ts'
import { CachedSource, type CachedSourceContext } from '../cache/cached-source.ts'
import { isStorageError } from '../outbox/topic-directory.ts'
import type { Channel } from '../tabs/channel.ts'
import type { Patience } from './patience.ts'

/** What a consumer in a page leaves open: the way of reading is the client's to choose. */
export type BrowserConsumerOptions = Omit<ConsumerOptions, 'transport'>
export type BrowserGroupConsumerOptions = Omit<GroupConsumerOptions, 'transport'>

export interface ReadingContext {
  readonly patience: Patience
  readonly topics: TopicMetadataSource
  readonly cache: CachedSourceContext['cache']
  readonly channel: Channel
  readonly codecs: Partial<Codecs> | undefined
  /** Keeps a topic in step while it is read. */
  readonly use: (topic: string) => Promise<void>
  readonly failed: (error: EdgelogError) => void
  readonly onClosed: () => void
}

/** The tab that leads reads the log once for all; whoever reads waits for its news. */
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

function consumerContext(context: ReadingContext): ConsumerContext {
  const { cache, channel, failed, onClosed } = context
  const { connection } = context.patience
  const codecs = clientCodecs(context.codecs)
  const network = networkSource(connection)
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

/** Sees to it that what is read is kept, and waits for a token where topics are asked for. */
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
    return this.#context.patience.patiently(() => this.#context.topics.load(topic))
  }

  /** What cannot be kept is read from the network all the same. */
  async #use(topic: string): Promise<void> {
    try {
      await this.#context.use(topic)
    } catch (error) {
      if (!isStorageError(error)) throw error
      this.#context.failed(error)
    }
  }
}
