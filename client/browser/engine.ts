/**
 * What a page can wait for, in one piece: reading, speaking with the server, tidying up. Loaded on
 * demand. Queueing does not need it, so that a page can write as soon as it is there.
 */
import type { Codecs } from '../../src/core/compression/codec.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import type { Consumer } from '../consumer/consumer.ts'
import type { ConsumerRecord } from '../consumer/consumer-record.ts'
import { networkSource } from '../consumer/log-source.ts'
import type { WebSocketConstructor } from '../consumer/tail-connection.ts'
import type { GroupConsumer } from '../group/group-consumer.ts'
import { BatchCache } from './cache/batch-cache.ts'
import { CacheNews } from './cache/cache-news.ts'
import { CacheWriter } from './cache/cache-writer.ts'
import { Follower } from './cache/follower.ts'
import type { Emitter } from './events.ts'
import { CACHE_USE_INTERVAL_MS, SYNC_TAG } from './limits.ts'
import type { AckWaiters } from './outbox/ack-waiters.ts'
import { checkWaiters } from './outbox/check-waiters.ts'
import { type FlushContext, untilFlushed } from './outbox/flush.ts'
import type { RetryOptions } from './outbox/outbox-contents.ts'
import {
  type ParkedRecord,
  parkedRecords,
  pendingRecords,
  unpark,
} from './outbox/outbox-contents.ts'
import { OutboxDrain } from './outbox/outbox-drain.ts'
import type { OutboxSender, SenderState } from './outbox/outbox-sender.ts'
import type { OutboxContext, OutboxStore } from './outbox/outbox-store.ts'
import { Patience } from './patience.ts'
import { adopt, otherPrincipals, outboxSender, type SendingContext } from './principals.ts'
import {
  type BrowserConsumerOptions,
  type BrowserGroupConsumerOptions,
  openConsumer,
  openGroupConsumer,
} from './reading.ts'
import { isAnotherDatabase } from './store/identity-mark.ts'
import type { CacheLimits, ProducerRow } from './store/schema.ts'
import type { PageEvents } from './sync/page-events.ts'
import { type LastError, Sync, type SyncSink, type SyncStatus } from './sync/sync.ts'
import type { TransportName } from './sync/transport.ts'
import type { Channel, OutboxNews } from './tabs/channel.ts'
import { TokenRenewal, type TokenRenewalContext } from './token-renewal.ts'
import { TopicDirectory } from './topic-directory.ts'

export interface EngineContext extends TokenRenewalContext {
  readonly outbox: OutboxContext
  readonly store: OutboxStore
  readonly channel: Channel
  readonly page: PageEvents
  readonly cacheLimits: CacheLimits
  readonly codecs: Partial<Codecs> | undefined
  readonly WebSocket: WebSocketConstructor | undefined
  readonly transports: readonly TransportName[] | undefined
  readonly tell: (news: OutboxNews) => void
  readonly emitter: Emitter
  /** The status may be another one now. */
  readonly changed: () => void
}

export class Engine {
  readonly #context: EngineContext
  readonly #cache: BatchCache
  readonly #writer: CacheWriter
  readonly #news: CacheNews
  readonly #topics: TopicDirectory
  readonly #follower: Follower
  readonly #sender: OutboxSender
  readonly #sync: Sync
  readonly #tokens: TokenRenewal
  readonly #patience: Patience
  readonly #consumers = new Set<{ close(): Promise<void> }>()
  readonly #uses = new Map<string, { readonly atMs: number; readonly done: Promise<void> }>()
  #senderState: SenderState = 'idle'
  #lastError: LastError | null = null
  #isLeading = false
  #isClosed = false

  constructor(context: EngineContext) {
    this.#context = context
    const { connection, outbox, channel, page, tell, WebSocket, transports } = context
    this.#tokens = new TokenRenewal(context)
    const renewToken = () => this.renewToken()
    this.#patience = new Patience({ connection, renewToken, changed: context.changed })
    const drain = new OutboxDrain(outbox)
    this.#cache = new BatchCache(outbox.database, context.cacheLimits)
    this.#writer = new CacheWriter(outbox.database, outbox.now)
    this.#news = new CacheNews(channel)
    this.#topics = new TopicDirectory(connection, drain, tell, (topic) =>
      this.#follower.found(topic),
    )
    this.#sender = outboxSender(this.#sending, drain, this.#topics, (state, error) => {
      this.#senderState = state
      this.#note(error)
    })
    this.#follower = this.#newFollower()
    this.#sync = new Sync({ connection, page, WebSocket }, this.#sink(), { transports })
    this.#news.listen(() => context.changed())
    channel.listen('follows', () => this.#followsChanged())
  }

  /** @param heard What the tab that leads says, where it is another one. */
  status(heard?: SyncStatus): SyncStatus {
    const { refusal } = this.#patience
    const status = heard ?? this.#leaderStatus()
    return refusal === undefined ? status : { ...status, link: 'authNeeded', lastError: refusal }
  }

  /** Of both directions; where nothing is followed, how the outbox fares is all there is to tell. */
  #leaderStatus(): SyncStatus {
    const { link, transport, lastError } = this.#sync.status
    const isOffline = !this.#context.page.isOnline && link !== 'authNeeded'
    const isMute = link === 'idle' || link === 'closed' || this.#senderState === 'authNeeded'
    const isNewest = (lastError?.atMs ?? 0) > (this.#lastError?.atMs ?? 0)
    return {
      link: isOffline ? 'offline' : isMute ? this.#senderState : link,
      transport,
      lastError: isNewest ? lastError : this.#lastError,
    }
  }

  /** This tab speaks with the server from now on. */
  lead(): void {
    if (this.#isLeading || this.#isClosed) return
    this.#isLeading = true
    this.#sender.start()
    this.#sync.start()
  }

  rest(): void {
    this.#isLeading = false
    this.#sender.stop()
    this.#sync.stop()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.rest()
    await Promise.allSettled([...this.#consumers].map((consumer) => consumer.close()))
  }

  /** Something was queued. */
  wake(): void {
    this.#sender.wake()
  }

  /** The network or the page changed: what waits may be worth trying. */
  hint(): void {
    this.#sender.hint()
  }

  /** The server refuses the token; resolves to whether there is another one now. */
  renewToken(): Promise<boolean> {
    return this.#tokens.renew()
  }

  setToken(): void {
    this.#tokens.given()
    this.#patience.forget()
    this.#sender.hint(true)
    this.#sync.setToken()
  }

  flush(onSettled: FlushContext['onSettled'], signal: AbortSignal): Promise<void> {
    const { store, connection } = this.#context
    return untilFlushed({ store, clock: connection.clock, onSettled }, signal)
  }

  /** The service worker is woken when there is a network, be it now. A bonus where there is such a thing. */
  async registerSync(): Promise<void> {
    const worker = (await globalThis.navigator?.serviceWorker?.ready) as
      | { readonly sync?: { register(tag: string): Promise<void> } }
      | undefined
    await worker?.sync?.register(SYNC_TAG).catch(() => undefined)
  }

  checkWaiters(
    waiters: AckWaiters,
    producers: readonly ProducerRow[],
    serial: number,
  ): Promise<void> {
    return checkWaiters(waiters, producers, serial, this.#context.store)
  }

  /** What is read is to be kept anew. */
  storageLost(): void {
    this.#uses.clear()
  }

  lagRecords(): Promise<number | null> {
    return this.#cache.lagRecords()
  }

  async follow(topic: string, limits?: Partial<CacheLimits>): Promise<void> {
    await this.#cache.follow(topic, limits)
    this.#tellFollows()
  }

  async unfollow(topic: string): Promise<void> {
    this.#uses.delete(topic)
    await this.#cache.unfollow(topic)
    this.#tellFollows()
  }

  async consumer(
    options: BrowserConsumerOptions | BrowserGroupConsumerOptions,
  ): Promise<Consumer | GroupConsumer> {
    const { codecs } = this.#context
    const context = {
      patience: this.#patience,
      codecs,
      topics: this.#topics,
      cache: this.#cache,
      news: this.#news,
      use: (topic: string) => this.#use(topic),
      failed: (error: EdgelogError) => this.#note(error),
      onClosed: () => this.#consumers.delete(consumer),
    }
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

  pending(topic: string | undefined): Promise<ConsumerRecord[]> {
    return pendingRecords(this.#context.outbox, topic)
  }

  parked(): Promise<ParkedRecord[]> {
    return parkedRecords(this.#context.outbox)
  }

  unpark(id: number | undefined, retry: RetryOptions | undefined): Promise<number> {
    return unpark(this.#context.outbox, id, retry)
  }

  /** Lets go of cached batches; resolves to whether there were any. */
  makeRoom(): Promise<boolean> {
    return this.#writer.makeRoom()
  }

  /** Tells what the page was left with, and by whom. */
  async lookAround(prefix: string): Promise<void> {
    const { outbox, connection, emitter, failed } = this.#context
    const { database } = outbox
    try {
      if (await isAnotherDatabase(database)) emitter.emit('storageLost', { pendingRecords: null })
      for (const other of await otherPrincipals(prefix, database.name, connection.clock)) {
        emitter.emit('otherPrincipal', other)
      }
    } catch (error) {
      failed(error)
    }
  }

  adopt(name: string, signal: AbortSignal): Promise<number> {
    return adopt(this.#sending, name, signal)
  }

  get #sending(): SendingContext {
    return { ...this.#context, renewToken: () => this.renewToken() }
  }

  #newFollower(): Follower {
    const { connection, channel, emitter } = this.#context
    return new Follower({
      cache: this.#cache,
      writer: this.#writer,
      news: this.#news,
      channel,
      connection,
      network: networkSource(connection),
      topics: this.#topics,
      changed: () => this.#sync.changed(),
      topicReset: (topic, reason) => emitter.emit('topicReset', { topic, reason }),
      failed: (error) => this.#note(error),
    })
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
        if (status.link === 'authNeeded') void this.renewToken()
        this.#context.changed()
      },
    }
  }

  /** Keeps a topic in step while it is read. */
  #use(topic: string): Promise<void> {
    const nowMs = this.#context.outbox.now()
    const last = this.#uses.get(topic)
    if (last !== undefined && Math.abs(nowMs - last.atMs) < CACHE_USE_INTERVAL_MS) return last.done
    const done = this.#cache.use(topic, nowMs).then((isNew) => {
      if (isNew) this.#tellFollows()
    })
    this.#uses.set(topic, { atMs: nowMs, done })
    done.catch(() => this.#uses.delete(topic))
    return done
  }

  #tellFollows(): void {
    this.#context.channel.post({ kind: 'follows' })
    this.#followsChanged()
  }

  #followsChanged(): void {
    if (!this.#isLeading) return
    void this.#follower.seek()
    this.#sync.changed()
  }

  #note(error: EdgelogError | undefined): void {
    if (error !== undefined) {
      const { code, message } = error
      this.#lastError = { code, message, atMs: this.#context.connection.clock.now() }
    }
    this.#context.changed()
  }
}
