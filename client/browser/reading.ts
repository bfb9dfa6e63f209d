/** Consumers that read through the cache. */
import type { Codecs } from '../../src/core/batch/compression/codec.ts'
import type { EdgelogError } from '../../src/core/errors.ts'
import type { Clock } from '../clock.ts'
import { clientCodecs } from '../codecs.ts'
import { Consumer, type ConsumerContext } from '../consumer/consumer.ts'
import type { ConsumerOptions } from '../consumer/consumer-options.ts'
import type { FetchBatchesOptions, FetchedBatches } from '../consumer/fetch-batches.ts'
import { type LogSource, networkSource } from '../consumer/log-source.ts'
import type { GroupConsumer } from '../group/group-consumer.ts'
import type { GroupConsumerOptions } from '../group/group-consumer-options.ts'
import type { Connection } from '../http/connection.ts'
import type { TopicMetadataSource } from '../topic-metadata.ts'
import type { CacheNews } from './cache/cache-news.ts'
import { CachedSource, type CachedSourceContext } from './cache/cached-source.ts'
import { CACHE_USE_INTERVAL_MS } from './limits.ts'

/** What a consumer in a page leaves open: the way of reading is the client's to choose. */
export type BrowserConsumerOptions = Omit<ConsumerOptions, 'transport'>
export type BrowserGroupConsumerOptions = Omit<GroupConsumerOptions, 'transport'>

export interface ReadingContext {
  readonly connection: Connection
  readonly topics: TopicMetadataSource
  readonly cache: CachedSourceContext['cache']
  readonly news: CacheNews
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
  const { GroupConsumer } = await import('../group/group-consumer.ts')
  const newMemberId = () => crypto.randomUUID()
  return new GroupConsumer(
    { ...consumerContext(context), newMemberId },
    { ...options, ...TRANSPORT },
  )
}

function consumerContext(context: ReadingContext): ConsumerContext {
  const { connection, topics: metadata, cache, news, failed, onClosed, use } = context
  const codecs = clientCodecs(context.codecs)
  const network = networkSource(connection)
  const cached = new CachedSource({ cache, network, news, codecs, clock: connection.clock, failed })
  return {
    connection,
    source: new FollowingSource(cached, use, connection.clock),
    metadata,
    codecs,
    onClosed,
  }
}

/** Sees to it that what is read is kept. */
class FollowingSource implements LogSource {
  readonly #source: LogSource
  readonly #use: (topic: string) => Promise<void>
  readonly #clock: Clock
  readonly #uses = new Map<string, { readonly atMs: number; readonly done: Promise<void> }>()

  constructor(source: LogSource, use: (topic: string) => Promise<void>, clock: Clock) {
    this.#source = source
    this.#use = use
    this.#clock = clock
  }

  async fetch(
    topic: string,
    partition: number,
    options: FetchBatchesOptions,
  ): Promise<FetchedBatches> {
    await this.#keep(topic)
    return await this.#source.fetch(topic, partition, options)
  }

  #keep(topic: string): Promise<void> {
    const nowMs = this.#clock.now()
    const last = this.#uses.get(topic)
    if (last !== undefined && nowMs - last.atMs < CACHE_USE_INTERVAL_MS) return last.done
    const done = this.#use(topic)
    this.#uses.set(topic, { atMs: nowMs, done })
    done.catch(() => this.#uses.delete(topic))
    return done
  }
}
