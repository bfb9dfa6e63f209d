/**
 * Follows the logs of tables, in the leading tab: stores the records of frames by key, and builds a table again
 * when compaction may have removed tombstones that it had not seen yet.
 */
import { decodeBatch } from '../../../src/core/batch/decode-records.ts'
import type { LogRecord } from '../../../src/core/batch/record.ts'
import type { Decompressors } from '../../../src/core/compression/codec.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import type { TailFrame } from '../../../src/core/log/tail-protocol.ts'
import type { Timer } from '../../clock.ts'
import type { FetchedBatches } from '../../consumer/fetch-batches.ts'
import { parseChunk } from '../../consumer/log-chunk.ts'
import type { LogSource } from '../../consumer/log-source.ts'
import type { Connection } from '../../http/connection.ts'
import { CORRUPT_READS_MAX, METADATA_MAX_AGE_MS } from '../../limits.ts'
import { CACHE_REST_MS, CACHE_UNUSED_MS, TABLE_CHECK_MS } from '../limits.ts'
import type { TablePartition, TableState } from '../store/schema.ts'
import type { Followed, SyncSink, SyncStatus } from '../sync/sync.ts'
import type { Subscription } from '../sync/transport.ts'
import type { Publisher } from '../tabs/channel.ts'
import { tableFull } from './table-space.ts'
import { copyInWork, type TablePlace, type TableTopic, type TableWriter } from './table-writer.ts'

export interface TableFollowerContext {
  readonly writer: TableWriter
  readonly channel: Publisher
  readonly connection: Connection
  readonly network: LogSource
  readonly codecs: Decompressors
  readonly topics: {
    /** Loads the stored metadata, however old. */
    load(topic: string): Promise<TableTopic>
    /** Requests the metadata from the server. */
    request(topic: string): Promise<TableTopic>
  }
  /** The result of `subscriptions` may have changed. */
  readonly changed: () => void
  /** The browser cannot store, or the log is damaged. */
  readonly failed: (error: EdgelogError) => void
}

export class TableFollower implements SyncSink {
  readonly #context: TableFollowerContext
  /** Times of the last comparison with the log. */
  readonly #checkedAtMs = new Map<string, number>()
  /** Partitions that are left out once, so that they are followed from another offset. */
  readonly #restarting = new Set<string>()
  readonly #damages = new Map<string, number>()
  readonly #checks = new Map<string, Timer>()
  #suspendedUntilMs = 0
  #timer: Timer

  constructor(context: TableFollowerContext) {
    this.#context = context
  }

  async subscriptions(): Promise<Followed[]> {
    const { writer, connection } = this.#context
    const nowMs = connection.clock.now()
    if (isWithin(this.#suspendedUntilMs - nowMs, CACHE_REST_MS)) return []
    const followed: Followed[] = []
    for (const { topic, usedAtMs } of await writer.states()) {
      if (nowMs - usedAtMs > CACHE_UNUSED_MS) await this.#drop(topic)
      else followed.push(...(await this.#partitionsOf(topic)))
    }
    return followed
  }

  /** Frames report the ends of the log too. */
  subscribed(): void {}

  async frame(subscription: Subscription, frame: TailFrame): Promise<'taken' | 'resubscribe'> {
    const { writer, channel, connection, failed } = this.#context
    const place = placeOf(subscription)
    const key = keyOf(place)
    try {
      const { from, to, logStartOffset } = frame
      const records = await this.#decode(frame)
      const arrival = { from, to, logStartOffset, records }
      const { outcome, dropped } = await writer.append(place, arrival, connection.clock.now())
      this.#damages.delete(key)
      if (outcome === 'gap') return 'resubscribe'
      for (const topic of [place.topic, ...dropped]) channel.publish({ kind: 'table', topic })
      // Other partitions are followed no longer.
      if (outcome === 'full' || dropped.length > 0) this.#context.changed()
      if (outcome === 'full') {
        failed(tableFull(place.topic))
        return 'taken'
      }
      this.#planCheck(place)
      return 'taken'
    } catch (error) {
      if (!(error instanceof EdgelogError)) throw error
      if (error.code.startsWith('storage')) {
        this.#suspendedUntilMs = connection.clock.now() + CACHE_REST_MS
        connection.clock.setTimeout(() => this.#context.changed(), CACHE_REST_MS)
      } else this.#damages.set(key, (this.#damages.get(key) ?? 0) + 1)
      failed(error)
      return 'resubscribe'
    }
  }

  async closed(subscription: Subscription, { code }: EdgelogError): Promise<void> {
    if (code !== 'offset_out_of_range' && !code.startsWith('unknown_topic')) return
    const { topics, writer, channel } = this.#context
    const { topic } = subscription
    this.#checkedAtMs.delete(keyOf(placeOf(subscription)))
    try {
      await writer.keep(await topics.request(topic))
      channel.publish({ kind: 'table', topic })
    } catch (error) {
      if (!isGone(error)) throw error
      await this.#drop(topic)
    }
  }

  changed({ link }: SyncStatus): void {
    const { clock } = this.#context.connection
    if (link === 'closed') {
      for (const timer of this.#checks.values()) clock.clearTimeout(timer)
      this.#checks.clear()
    }
    const isLive = link === 'live'
    if (isLive === (this.#timer !== undefined)) return
    clock.clearTimeout(this.#timer)
    this.#timer = undefined
    if (isLive) this.#maintain()
  }

  /** Looks for new partitions, every `METADATA_MAX_AGE_MS`. */
  #maintain(): void {
    const { connection, changed } = this.#context
    this.#timer = connection.clock.setTimeout(() => {
      this.#maintain()
      changed()
    }, METADATA_MAX_AGE_MS)
  }

  async #partitionsOf(topic: string): Promise<Followed[]> {
    const { topics, writer, channel } = this.#context
    let known: TableTopic
    try {
      known = await topics.load(topic)
    } catch (error) {
      if (!isGone(error)) throw error
      await this.#drop(topic)
      return []
    }
    if (await writer.keep(known)) channel.publish({ kind: 'table', topic })
    const state = (await writer.states()).find((stored) => stored.topic === topic)
    if (state?.fullAtMs !== undefined) return []
    const ready = state?.partitions.map((_, partition) => this.#follow(state, partition))
    const followed = await Promise.all(ready ?? [])
    return followed.filter((one) => one !== undefined)
  }

  /** Returns where to follow a partition; undefined: not now. */
  async #follow(
    { topic, topicId, partitions }: TableState,
    partition: number,
  ): Promise<Followed | undefined> {
    const place = { topic, topicId, partition }
    const key = keyOf(place)
    if ((this.#damages.get(key) ?? 0) >= CORRUPT_READS_MAX) return undefined
    if (this.#restarting.delete(key)) return this.#leaveOut()
    let copy = copyInWork(partitions[partition] as TablePartition)
    const sinceMs = this.#context.connection.clock.now() - (this.#checkedAtMs.get(key) ?? 0)
    if (copy === null || !isWithin(sinceMs, TABLE_CHECK_MS)) {
      const isFirst = copy === null
      if ((await this.#check(place)) && !isFirst) return this.#leaveOut()
      copy = await this.#copyOf(place)
    }
    return copy === null ? undefined : { ...place, offset: copy.position }
  }

  /** Leaves a partition out once: the sync subscribes only to what it does not follow, so never anew. */
  #leaveOut(): undefined {
    this.#context.changed()
    return undefined
  }

  async #copyOf({ topic, topicId, partition }: TablePlace) {
    const states = await this.#context.writer.states()
    const state = states.find((known) => known.topic === topic && known.topicId === topicId)
    const found = state?.partitions[partition]
    return found === undefined ? null : copyInWork(found)
  }

  /** Compares the table with the log, and begins it anew if it may have missed something. Returns whether it did. */
  async #check(place: TablePlace): Promise<boolean> {
    const { writer, connection, channel } = this.#context
    const { topic } = place
    const copy = await this.#copyOf(place)
    const ends = await this.#endsOf(place)
    const { logStartOffset = 0, lastStableOffset, tombstonesGoneBelow: goneBelow = 0 } = ends
    this.#checkedAtMs.set(keyOf(place), connection.clock.now())
    const isInside =
      copy !== null && copy.position >= logStartOffset && copy.position <= lastStableOffset
    if (isInside && (await writer.check(place, copy, { goneBelow, logStartOffset }))) return false
    await writer.begin(place, { logStartOffset, lastStableOffset, goneBelow })
    channel.publish({ kind: 'table', topic })
    return true
  }

  /** Asks for the ends of a log, without records. */
  async #endsOf({ topic, partition }: TablePlace): Promise<FetchedBatches> {
    const { signal } = new AbortController()
    const options = { from: 'latest', maxBytes: 1, waitMs: 0, signal } as const
    return await this.#context.network.fetch(topic, partition, options)
  }

  /** Compares the table with the log later: a tombstone stays in the log for a while. */
  #planCheck(place: TablePlace): void {
    const { clock } = this.#context.connection
    const key = keyOf(place)
    if (this.#checks.has(key)) return
    const work = () => {
      this.#checks.delete(key)
      this.#check(place).then(
        (isBegun) => {
          if (!isBegun) return
          this.#restarting.add(key)
          this.#context.changed()
        },
        // Compared again with the next frame, or connection.
        () => this.#checkedAtMs.delete(key),
      )
    }
    this.#checks.set(key, clock.setTimeout(work, TABLE_CHECK_MS))
  }

  async #decode(frame: TailFrame): Promise<LogRecord[]> {
    const { bytes, headers } = parseChunk(frame)
    const records: LogRecord[] = []
    for (const header of headers) {
      if (header.isControl) continue
      for (const record of await decodeBatch(bytes, header, this.#context.codecs)) {
        if (record.offset >= frame.from) records.push(record)
      }
    }
    return records
  }

  async #drop(topic: string): Promise<void> {
    const { writer, channel } = this.#context
    if (await writer.drop(topic)) channel.publish({ kind: 'table', topic })
  }
}

function placeOf({ topic, topicId = '', partition }: Followed): TablePlace {
  return { topic, topicId, partition }
}

/** Returns whether less than `limitMs` are over, or left; a clock that was set back counts as over. */
function isWithin(ms: number, limitMs: number): boolean {
  return ms >= 0 && ms < limitMs
}

function isGone(error: unknown): boolean {
  return error instanceof EdgelogError && error.code === 'unknown_topic_or_partition'
}

function keyOf({ topic, topicId, partition }: TablePlace): string {
  return `${partition}/${topic}/${topicId}`
}
