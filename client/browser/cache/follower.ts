/**
 * Keeps followed topics in step with the log, in the leading tab:
 * stores frames of the server in the cache, and notifies all readers.
 */
import { EdgelogError } from '../../../src/core/errors.ts'
import type { LogEnds as CoreLogEnds } from '../../../src/core/log/log-ends.ts'
import type { TailFrame } from '../../../src/core/log/tail-protocol.ts'
import type { Timer } from '../../clock.ts'
import { type LogChunk, parseChunk } from '../../consumer/log-chunk.ts'
import type { LogSource } from '../../consumer/log-source.ts'
import type { TailPosition } from '../../consumer/tail-messages.ts'
import { describeTopic, type PartitionDetails } from '../../describe-topic.ts'
import type { Connection } from '../../http/connection.ts'
import { CORRUPT_READS_MAX, METADATA_MAX_AGE_MS } from '../../limits.ts'
import {
  CACHE_AGE_MS_MAX,
  CACHE_REST_MS,
  CACHE_UNUSED_MS,
  MISSING_TOPIC_RETRY_MS,
} from '../limits.ts'
import type { CacheLimits, CursorRow, FollowRow, TopicRow } from '../store/schema.ts'
import type { Followed, SyncSink, SyncStatus } from '../sync/sync.ts'
import type { Subscription } from '../sync/transport.ts'
import type { Channel, TopicResetReason } from '../tabs/channel.ts'
import type { BatchCache } from './batch-cache.ts'
import { type Arrival, beginOffset, type LogEnds, resetReason } from './cache-plan.ts'
import type { CacheWriter, Stored } from './cache-writer.ts'
import { SealedCatchUp } from './sealed-catch-up.ts'

interface FollowerContext {
  readonly cache: BatchCache
  readonly writer: CacheWriter
  readonly channel: Channel
  readonly connection: Connection
  readonly network: LogSource
  readonly topics: {
    /** Loads the stored metadata, however old. */
    load(topic: string): Promise<TopicRow>
    /** Requests the metadata from the server. */
    request(topic: string): Promise<TopicRow>
  }
  /** The result of `subscriptions` may have changed. */
  readonly changed: () => void
  /** The browser cannot store, or the log is damaged; readers use the network then. */
  readonly failed: (error: EdgelogError) => void
}

interface Waiting {
  readonly arrival: Arrival
  readonly resolve: (stored: Stored) => void
  readonly reject: (error: unknown) => void
}

export class Follower implements SyncSink {
  readonly #context: FollowerContext
  readonly #catchUp: SealedCatchUp
  /** Next offset of each partition. */
  readonly #positions = new Map<string, number>()
  readonly #damages = new Map<string, number>()
  /** Topics that the server does not have; they are looked up at an interval. */
  readonly #missing = new Set<string>()
  #seekTimer: Timer
  #isClosed = false
  /** Arrivals during a transaction share the next one. */
  #waiting: Waiting[] = []
  #isWriting = false
  #suspendedUntilMs = 0
  #timer: Timer

  constructor(context: FollowerContext) {
    this.#context = context
    this.#catchUp = new SealedCatchUp({
      connection: context.connection,
      keep: async (arrival) => (await this.#keep(arrival)) === 'stored' && !this.#isSuspended,
      finished: context.changed,
    })
  }

  async subscriptions(): Promise<Followed[]> {
    const { cache, connection } = this.#context
    const cursors = await cache.cursors()
    const followed: Followed[] = []
    for (const follow of await cache.follows()) {
      const { topic } = follow
      if (this.#missing.has(topic)) continue
      if (isUnused(follow, connection.clock.now())) {
        await cache.unfollow(topic)
        continue
      }
      const own = cursors.filter((cursor) => cursor.topic === topic)
      try {
        followed.push(...(await this.#partitionsOf(follow, own)))
      } catch (error) {
        if (!isGone(error)) throw error
        await this.#forget(topic)
      }
    }
    return followed
  }

  subscribed({ topic, partition, topicId }: Subscription, position: TailPosition): void {
    const { offset } = position
    const place = { topic, partition, topicId: topicId ?? '' }
    this.#positions.set(keyOf(place), offset)
    const nothing = { bytes: new Uint8Array(), headers: [] }
    const arrival = {
      ...place,
      ...readableEnds(position),
      ...nothing,
      from: offset,
      endOffset: offset,
    }
    // Optional: frames report the ends too, and an error here occurs there again.
    void this.#keep(arrival).catch(() => undefined)
  }

  async frame(subscription: Subscription, frame: TailFrame): Promise<'taken' | 'resubscribe'> {
    const { topic, partition, topicId, offset } = subscription
    const key = keyOf(subscription)
    const from = this.#positions.get(key) ?? Number(offset)
    if (frame.from > from) return 'resubscribe'
    let chunk: LogChunk
    try {
      chunk = parseChunk(frame, from)
    } catch (error) {
      await this.#damaged(subscription, error)
      return 'resubscribe'
    }
    const { bytes, headers, nextOffset: endOffset } = chunk
    this.#damages.delete(key)
    this.#positions.set(key, endOffset)
    const ends = readableEnds(frame)
    const place = { topic, partition, topicId: topicId ?? '' }
    const stored = await this.#keep({ ...place, ...ends, from, endOffset, bytes, headers })
    if (stored === 'stored') return 'taken'
    if (stored === 'recreated') await this.#settle(subscription)
    else if (stored !== 'gap' && stored !== 'unfollowed') this.#publishReset(topic, stored)
    return 'resubscribe'
  }

  async closed(subscription: Subscription, { code }: EdgelogError): Promise<void> {
    if (code === 'offset_out_of_range' || code.startsWith('unknown_topic')) {
      await this.#settle(subscription)
    }
  }

  /** Reports that the server has this topic. */
  found(topic: string): void {
    if (this.#missing.delete(topic)) this.#context.changed()
  }

  /** Looks up the followed topics that were missing. */
  async seek(): Promise<void> {
    const { topics } = this.#context
    for (const topic of [...this.#missing]) {
      try {
        await topics.request(topic)
      } catch (error) {
        if (isGone(error)) continue
        // Sync reports other errors and retries.
      }
      this.found(topic)
    }
    this.#planSeek()
  }

  changed({ link }: SyncStatus): void {
    this.#isClosed = link === 'closed'
    if (this.#isClosed) this.#catchUp.stop()
    this.#planSeek()
    const isLive = link === 'live'
    if (isLive === (this.#timer !== undefined)) return
    this.#context.connection.clock.clearTimeout(this.#timer)
    this.#timer = undefined
    if (isLive) this.#maintain()
  }

  /** Evicts old rows and looks for new partitions, every `METADATA_MAX_AGE_MS`. */
  #maintain(): void {
    const { writer, connection, changed } = this.#context
    writer.evict().catch(() => undefined)
    this.#timer = connection.clock.setTimeout(() => {
      this.#maintain()
      changed()
    }, METADATA_MAX_AGE_MS)
  }

  async #partitionsOf(
    { topic, limits }: FollowRow,
    cursors: readonly CursorRow[],
  ): Promise<Followed[]> {
    const { topics, writer } = this.#context
    const { id: topicId, partitions } = await topics.load(topic)
    const isOther = (cursor: CursorRow) => cursor.topicId !== topicId
    if (cursors.some(isOther)) {
      const reset = await writer.reset(topic, (cursor) =>
        isOther(cursor) ? 'recreated' : undefined,
      )
      this.#publishReset(topic, reset)
    }
    const followed: Followed[] = []
    let ends: readonly PartitionDetails[] | undefined
    for (let partition = 0; partition < partitions; partition++) {
      const place = { topic, partition, topicId }
      if ((this.#damages.get(keyOf(place)) ?? 0) >= CORRUPT_READS_MAX) continue
      if (this.#catchUp.isFilling(place)) continue
      const cursor = cursors.find((known) => known.partition === partition && !isOther(known))
      let offset: Followed['offset'] = this.#isSuspended ? 'latest' : (cursor?.endOffset ?? 0)
      if (cursor === undefined && offset !== 'latest') {
        ends ??= await this.#endsOf(topic)
        const described = ends[partition]
        offset = await this.#beginOf(topic, described, limits, partitions)
        if (described !== undefined && typeof offset === 'number') {
          if (await this.#catchUp.begin(place, offset, described)) continue
        }
      }
      followed.push({ ...place, offset })
    }
    return followed
  }

  async #beginOf(
    topic: string,
    ends: PartitionDetails | undefined,
    limits: CacheLimits,
    partitions: number,
  ): Promise<Followed['offset']> {
    // The topic was recreated meanwhile, which the subscriber finds out.
    if (ends === undefined) return 'earliest'
    const { connection, network } = this.#context
    const offset = beginOffset(readableEnds(ends), ends.sizeBytes, limits, partitions)
    if (limits.ageMsMax >= CACHE_AGE_MS_MAX) return offset
    const { signal } = new AbortController()
    const from = { timestamp: connection.clock.now() - limits.ageMsMax }
    const options = { from, maxBytes: 1, waitMs: 0, signal }
    const oldest = await network.fetch(topic, ends.partition, options)
    return Math.max(offset, oldest.from)
  }

  async #endsOf(topic: string): Promise<readonly PartitionDetails[]> {
    const { connection } = this.#context
    const described = await describeTopic(connection, topic, { partitionDetails: true })
    return described.partitionDetails ?? []
  }

  /** Finds out why the log does not continue from the cache, and drops what is invalid. */
  async #settle({ topic, partition, offset }: Subscription): Promise<void> {
    const { writer, topics } = this.#context
    try {
      const { id } = await topics.request(topic)
      const described = (await this.#endsOf(topic))[partition]
      const ends = described && readableEnds(described)
      const known = typeof offset === 'number' ? offset : undefined
      const reason = await writer.reset(topic, (cursor) => {
        if (cursor.topicId !== id) return 'recreated'
        const isMeant = cursor.partition === partition && ends !== undefined
        return isMeant ? resetReason(cursor, id, ends, known) : undefined
      })
      this.#publishReset(topic, reason)
    } catch (error) {
      if (!isGone(error)) throw error
      await this.#forget(topic)
    }
  }

  #planSeek(): void {
    const { clock } = this.#context.connection
    const isNeeded = this.#missing.size > 0 && !this.#isClosed
    if (isNeeded === (this.#seekTimer !== undefined)) return
    clock.clearTimeout(this.#seekTimer)
    this.#seekTimer = undefined
    if (!isNeeded) return
    this.#seekTimer = clock.setTimeout(() => {
      this.#seekTimer = undefined
      void this.seek()
    }, MISSING_TOPIC_RETRY_MS)
  }

  async #forget(topic: string): Promise<void> {
    this.#missing.add(topic)
    this.#planSeek()
    this.#publishReset(topic, await this.#context.writer.reset(topic, () => 'deleted'))
  }

  #publishReset(topic: string, reason: TopicResetReason | undefined): void {
    if (reason === undefined) return
    this.#context.channel.publish({ kind: 'topicReset', topic, reason })
  }

  get #isSuspended(): boolean {
    const leftMs = this.#suspendedUntilMs - this.#context.connection.clock.now()
    // A longer rest means that the clock was set back.
    return leftMs > 0 && leftMs <= CACHE_REST_MS
  }

  /** Stores an arrival and publishes it; while storing is suspended, only publishes it. */
  async #keep(arrival: Arrival): Promise<Stored> {
    const { channel, connection, failed } = this.#context
    let stored: Stored = 'stored'
    try {
      if (!this.#isSuspended) stored = await this.#write(arrival)
    } catch (error) {
      if (!(error instanceof EdgelogError && error.code.startsWith('storage'))) throw error
      if (!this.#isSuspended) failed(error)
      this.#suspendedUntilMs = connection.clock.now() + CACHE_REST_MS
    }
    const { topic, partition, endOffset, highWatermark } = arrival
    if (stored === 'stored') {
      channel.publish({ kind: 'news', topic, partition, endOffset, highWatermark })
    }
    return stored
  }

  #write(arrival: Arrival): Promise<Stored> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ arrival, resolve, reject })
      if (!this.#isWriting) void this.#writeAll()
    })
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true
    while (this.#waiting.length > 0) {
      const group = this.#waiting
      this.#waiting = []
      try {
        const stored = await this.#context.writer.append(group.map(({ arrival }) => arrival))
        for (const [index, { resolve }] of group.entries()) resolve(stored[index] ?? 'gap')
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    this.#isWriting = false
  }

  /** Counts damaged frames. They are read again; permanent damage is reported to readers by the network. */
  async #damaged(subscription: Subscription, error: unknown): Promise<void> {
    if (!(error instanceof EdgelogError)) throw error
    const key = keyOf(subscription)
    const damages = (this.#damages.get(key) ?? 0) + 1
    this.#damages.set(key, damages)
    if (damages < CORRUPT_READS_MAX) return
    const { topic, partition } = subscription
    await this.#context.writer.reset(topic, (cursor) =>
      cursor.partition === partition ? 'truncated' : undefined,
    )
    this.#context.failed(error)
  }
}

/** The cache ends where its readers do: at the last stable offset. */
function readableEnds({ logStartOffset, lastStableOffset }: CoreLogEnds): LogEnds {
  return { logStartOffset, highWatermark: lastStableOffset }
}

/** Returns whether the topic was followed for a reader that has not returned. */
function isUnused({ usedAtMs }: FollowRow, nowMs: number): boolean {
  return usedAtMs !== null && nowMs - usedAtMs > CACHE_UNUSED_MS
}

function isGone(error: unknown): boolean {
  return error instanceof EdgelogError && error.code === 'unknown_topic_or_partition'
}

function keyOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${partition}/${topic}`
}
