/** The reading half of the client: cache, sync, and consumers. */
import { EdgelogError } from '../../../src/core/errors.ts'
import type { Consumer, ConsumerContext } from '../../consumer/consumer.ts'
import { networkSource } from '../../consumer/log-source.ts'
import type { GroupConsumer } from '../../group/group-consumer.ts'
import { BatchCache } from '../cache/batch-cache.ts'
import { CacheWriter } from '../cache/cache-writer.ts'
import { Follower } from '../cache/follower.ts'
import { CACHE_USE_INTERVAL_MS } from '../limits.ts'
import type { TopicDirectory } from '../outbox/topic-directory.ts'
import type { Session } from '../session/session.ts'
import type { TokenRenewal } from '../session/token-renewal.ts'
import type { CacheLimits } from '../store/schema.ts'
import { type LastError, Sync, type SyncSink, type SyncStatus } from '../sync/sync.ts'
import { AuthRetry } from './auth-retry.ts'
import {
  type BrowserConsumerOptions,
  type BrowserGroupConsumerOptions,
  consumerContext,
  openConsumer,
  openGroupConsumer,
  type ReadingContext,
} from './open-consumer.ts'

export class Reading {
  readonly authRetry: AuthRetry
  readonly #session: Session
  readonly #topics: TopicDirectory
  readonly #tokens: TokenRenewal
  readonly #cache: BatchCache
  readonly #follower: Follower
  readonly #sync: Sync
  readonly #consumers = new Set<{ close(): Promise<void> }>()
  readonly #uses = new Map<string, { readonly atMs: number; readonly done: Promise<void> }>()
  #isLeading = false
  #isClosed = false

  constructor(session: Session, topics: TopicDirectory, tokens: TokenRenewal) {
    this.#session = session
    this.#topics = topics
    this.#tokens = tokens
    const { connection, database, channel, page, options, changed } = session
    this.authRetry = new AuthRetry({ connection, renewToken: () => tokens.renew(), changed })
    this.#cache = new BatchCache(database, options.cache)
    this.#follower = new Follower({
      cache: this.#cache,
      writer: new CacheWriter(database, session.now),
      channel,
      connection,
      network: networkSource(connection),
      topics,
      changed: () => this.#sync.changed(),
      failed: (error) => this.#failed(error),
    })
    const { WebSocket: given, transports } = options
    const WebSocket = given === undefined ? globalThis.WebSocket : (given ?? undefined)
    this.#sync = new Sync({ connection, page, WebSocket }, this.#sink(), { transports })
    channel.listen('news', changed)
    channel.listen('follows', () => this.#followsChanged())
  }

  /** State of this tab's link to the log. */
  get syncStatus(): SyncStatus {
    return this.#sync.status
  }

  /** The reason why reading is suspended; undefined if the token is not known to be rejected. */
  get refusal(): LastError | undefined {
    return this.authRetry.refusal
  }

  /** Starts keeping followed topics in step. */
  start(): void {
    this.#isLeading = true
    this.#sync.start()
  }

  stop(): void {
    this.#isLeading = false
    this.#sync.stop()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.stop()
    await Promise.allSettled([...this.#consumers].map((consumer) => consumer.close()))
  }

  /** Retries with the new token. */
  tokenChanged(): void {
    this.authRetry.forget()
    this.#sync.setToken()
  }

  /** Reports that the server has this topic. */
  found(topic: string): void {
    this.#follower.found(topic)
  }

  /** Makes the next reads follow their topics again. */
  storageLost(): void {
    this.#uses.clear()
  }

  lagRecords(): Promise<number | null> {
    return this.#cache.lagRecords()
  }

  async follow(topic: string, limits?: Partial<CacheLimits>): Promise<void> {
    await this.#cache.follow(topic, limits)
    this.#session.channel.publish({ kind: 'follows' })
  }

  async unfollow(topic: string): Promise<void> {
    this.#uses.delete(topic)
    await this.#cache.unfollow(topic)
    this.#session.channel.publish({ kind: 'follows' })
  }

  async consumer(
    options: BrowserConsumerOptions | BrowserGroupConsumerOptions,
  ): Promise<Consumer | GroupConsumer> {
    const context = this.#context(() => this.#consumers.delete(consumer))
    const consumer =
      'groupId' in options
        ? await openGroupConsumer(context, options)
        : openConsumer(context, options)
    this.#consumers.add(consumer)
    if (this.#isClosed) {
      await consumer.close()
      throw new EdgelogError('invalid_request', 'the client is closed')
    }
    return consumer
  }

  /** Returns the log as this browser has it, for the tasks of a topology. */
  log(): Pick<ConsumerContext, 'source' | 'metadata' | 'codecs'> {
    return consumerContext(this.#context(() => undefined))
  }

  #context(onClosed: () => void): ReadingContext {
    return {
      authRetry: this.authRetry,
      codecs: this.#session.options.codecs,
      topics: this.#topics,
      cache: this.#cache,
      channel: this.#session.channel,
      use: (topic) => this.#use(topic),
      failed: (error) => this.#failed(error),
      onClosed,
    }
  }

  #sink(): SyncSink {
    const follower = this.#follower
    return {
      subscriptions: () => follower.subscriptions(),
      subscribed: (subscription, position) => follower.subscribed(subscription, position),
      frame: (subscription, frame) => follower.frame(subscription, frame),
      closed: (subscription, error) => follower.closed(subscription, error),
      changed: (status) => {
        follower.changed(status)
        if (status.link === 'authNeeded') void this.#tokens.renew()
        this.#session.changed()
      },
    }
  }

  /** Keeps a topic in step while it is read. */
  #use(topic: string): Promise<void> {
    const nowMs = this.#session.now()
    const last = this.#uses.get(topic)
    if (last !== undefined && Math.abs(nowMs - last.atMs) < CACHE_USE_INTERVAL_MS) return last.done
    const done = this.#cache.use(topic, nowMs).then((isNew) => {
      if (isNew) this.#session.channel.publish({ kind: 'follows' })
    })
    this.#uses.set(topic, { atMs: nowMs, done })
    done.catch(() => this.#uses.delete(topic))
    return done
  }

  #followsChanged(): void {
    if (!this.#isLeading) return
    void this.#follower.seek()
    this.#sync.changed()
  }

  #failed({ code, message }: EdgelogError): void {
    this.#session.lastError = { code, message, atMs: this.#session.now() }
    this.#session.changed()
  }
}
