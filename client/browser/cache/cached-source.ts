/**
 * Lets readers read followed topics from the cache, in every tab, online or offline.
 *
 *   not cached yet            the network, without long polls while it may be cached soon
 *   before the cache          the network, so that no record is skipped
 *   in it                     the cache
 *   from its end to the log's waits until the leading tab has stored more
 *   behind the log's end, or not followed: the network
 *   uncommitted records       the network: the cache has committed ones only
 *
 * `latest` is the last reported end of the log. `earliest`, or a time, is resolved by the
 * network if it may lie before the cache; offline the reader begins where the cache begins.
 */

import { decodeBatch } from '../../../src/core/batch/decode-records.ts'
import type { Decompressors } from '../../../src/core/compression/codec.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { type Clock, sleep } from '../../clock.ts'
import type { StartPosition } from '../../consumer/consumer-options.ts'
import type { FetchBatchesOptions, FetchedBatches } from '../../consumer/fetch-batches.ts'
import { type LogRange, parseChunk } from '../../consumer/log-chunk.ts'
import type { LogSource } from '../../consumer/log-source.ts'
import { isTransient } from '../../http/request-error.ts'
import { CACHE_FIRST_READ_BYTES, CACHE_NETWORK_MS, CACHE_RECHECK_MS } from '../limits.ts'
import type { BatchRow, CursorRow } from '../store/schema.ts'
import type { Channel } from '../tabs/channel.ts'
import type { BatchCache, CacheRead } from './batch-cache.ts'

export interface CachedSourceContext {
  readonly cache: BatchCache
  readonly network: LogSource
  readonly channel: Channel
  readonly codecs: Decompressors
  readonly clock: Clock
  /** Called when cached data was damaged and has been dropped. */
  readonly failed: (error: EdgelogError) => void
}

interface CachedPartition {
  readonly topic: string
  readonly partition: number
}

/** The source of one consumer; it stores which topics that consumer has read. */
export class CachedSource implements LogSource {
  readonly #context: CachedSourceContext
  /** Partitions that were not cached in time: there may be no space, or no leading tab. */
  readonly #unkept = new Set<string>()
  /** Size of the next read of a partition that is not cached yet. */
  readonly #readBytes = new Map<string, number>()
  /** Topic id of each partition at its first read. */
  readonly #topicIds = new Map<string, string>()

  constructor(context: CachedSourceContext) {
    this.#context = context
  }

  /** @throws {EdgelogError} `offset_out_of_range` once for an offset of a topic that was recreated */
  async fetch(
    topic: string,
    partition: number,
    options: FetchBatchesOptions,
  ): Promise<FetchedBatches> {
    const { channel, clock, network } = this.#context
    const { from, maxBytes, waitMs, signal } = options
    if (options.isolation === 'uncommitted') return await network.fetch(topic, partition, options)
    const place = { topic, partition }
    const deadlineMs = clock.now() + waitMs
    let at = from
    let reportedEnd = 0
    for (;;) {
      const wake = new AbortController()
      const end = () => wake.abort()
      signal.addEventListener('abort', end)
      const unlisten = channel.listen('news', (message) => {
        if (message.topic !== topic || message.partition !== partition) return
        reportedEnd = message.endOffset
        end()
      })
      const endBefore = reportedEnd
      try {
        const found = await this.#read(place, typeof at === 'number' ? at : 0)
        this.#checkTopic(place, found, at)
        const { cursor, row } = found
        if (cursor === undefined) {
          const fetched = await this.#fetchUnkept(place, { ...options, from: at }, deadlineMs, wake)
          if (fetched !== undefined) return fetched
          continue
        }
        this.#unkept.delete(keyOf(place))
        this.#readBytes.delete(keyOf(place))
        if (typeof at !== 'number') {
          const { offset, isSure } = await this.#resolve(place, cursor, at)
          const fetched = isSure ? undefined : await this.#tryNetwork(place, options)
          if (fetched !== undefined) return fetched
          at = offset
          continue
        }
        const { startOffset, endOffset, highWatermark } = cursor
        if (at >= startOffset && at < endOffset && row !== undefined) {
          const cut = await this.#cut(place, row, at, maxBytes)
          if (cut !== undefined) return { ...cut, ...endsAt(highWatermark) }
          continue
        }
        // Reported, but not stored: the cache is not written at present.
        const isMissed = endBefore > at
        if (at < endOffset || at > highWatermark || isMissed) {
          return await network.fetch(topic, partition, { ...options, from: at })
        }
        const leftMs = deadlineMs - clock.now()
        if (leftMs <= 0 || signal.aborted) {
          // Reports the readable end as the end of the log, so that the reader waits, though the log may have more.
          return { from: at, to: at, batches: new Uint8Array(), ...endsAt(at) }
        }
        await sleep(clock, Math.min(leftMs, CACHE_RECHECK_MS), wake.signal)
      } finally {
        unlisten()
        signal.removeEventListener('abort', end)
      }
    }
  }

  /**
   * Reads from the network what the leading tab has not cached yet. It holds no long poll
   * meanwhile: one per partition and tab would use up the browser's connections to a host.
   *
   * @returns undefined if there was nothing, and the cache is to be read again
   */
  async #fetchUnkept(
    place: CachedPartition,
    options: FetchBatchesOptions,
    deadlineMs: number,
    wake: AbortController,
  ): Promise<FetchedBatches | undefined> {
    const { clock, network } = this.#context
    const { topic, partition } = place
    const { from, signal } = options
    const key = keyOf(place)
    // Never more than requested: the clock may have been set back.
    const waitMs = Math.min(options.waitMs, Math.max(0, deadlineMs - clock.now()))
    if (this.#unkept.has(key)) return await network.fetch(topic, partition, { ...options, waitMs })
    const readBytes = this.#readBytes.get(key) ?? CACHE_FIRST_READ_BYTES
    const maxBytes = Math.min(options.maxBytes, readBytes)
    const fetched = await network.fetch(topic, partition, { ...options, maxBytes, waitMs: 0 })
    if (fetched.batches.length > 0) this.#readBytes.set(key, maxBytes * 2)
    const isProgress = typeof from !== 'number' || fetched.to > from
    if (isProgress || waitMs === 0 || signal.aborted) return fetched
    await sleep(clock, Math.min(waitMs, CACHE_RECHECK_MS), wake.signal)
    if (!wake.signal.aborted) this.#unkept.add(key)
    return undefined
  }

  /** Reads the cache; a failed database counts as an empty cache. */
  async #read({ topic, partition }: CachedPartition, offset: number): Promise<CacheRead> {
    try {
      return await this.#context.cache.read(topic, partition, offset)
    } catch (error) {
      if (!(error instanceof EdgelogError)) throw error
      return { topicId: undefined, cursor: undefined, row: undefined }
    }
  }

  #checkTopic(
    { topic, partition }: CachedPartition,
    { topicId }: CacheRead,
    at: StartPosition,
  ): void {
    if (topicId === undefined) return
    const key = keyOf({ topic, partition })
    const known = this.#topicIds.get(key) ?? topicId
    this.#topicIds.set(key, topicId)
    if (known === topicId || typeof at !== 'number') return
    throw new EdgelogError('offset_out_of_range', `offset: ${topic} was recreated`)
  }

  /** Resolves an end of the log or a time. `isSure` is false if the network may have earlier records. */
  async #resolve(
    { topic, partition }: CachedPartition,
    { startOffset, endOffset, logStartOffset, highWatermark }: CursorRow,
    from: Exclude<StartPosition, number>,
  ): Promise<{ readonly offset: number; readonly isSure: boolean }> {
    const end = Math.max(endOffset, highWatermark)
    let offset = from === 'latest' ? end : Math.max(startOffset, logStartOffset)
    if (typeof from === 'object') {
      const row = await this.#context.cache.rowAtTime(topic, partition, from.timestamp)
      offset = row === undefined ? end : await this.#offsetAtTime(row, from.timestamp)
    }
    return { offset, isSure: startOffset <= logStartOffset || offset > startOffset }
  }

  async #offsetAtTime(row: BatchRow, timestamp: number): Promise<number> {
    try {
      for (const header of parseChunk(rangeOf(row)).headers) {
        if (header.isControl || header.maxTimestamp < timestamp) continue
        const records = await decodeBatch(row.bytes, header, this.#context.codecs)
        const first = records.find((record) => record.timestamp >= timestamp)
        if (first !== undefined) return first.offset
      }
    } catch (error) {
      // The damage is reported when a reader reaches this row.
      if (!(error instanceof EdgelogError)) throw error
      return row.baseOffset
    }
    return row.endOffset
  }

  /** @returns undefined if the network does not respond within `CACHE_NETWORK_MS` */
  async #tryNetwork(
    { topic, partition }: CachedPartition,
    options: FetchBatchesOptions,
  ): Promise<FetchedBatches | undefined> {
    const soon = { ...options, waitMs: 0, silenceMs: CACHE_NETWORK_MS }
    try {
      return await this.#context.network.fetch(topic, partition, soon)
    } catch (error) {
      if (isTransient(error)) return undefined
      throw error
    }
  }

  /**
   * Returns whole batches from the one that contains `offset`, up to `maxBytes`
   * but at least one; none if the row has no record at or after `offset`.
   *
   * @returns undefined if the row is damaged: it, and all rows before it, are dropped
   */
  async #cut(
    { topic, partition }: CachedPartition,
    row: BatchRow,
    offset: number,
    maxBytes: number,
  ): Promise<LogRange | undefined> {
    const { bytes, baseOffset, endOffset } = row
    try {
      if (offset >= endOffset) {
        throw new EdgelogError('corrupt_message', `row ${baseOffset} ends before ${offset}`)
      }
      const { headers } = parseChunk(rangeOf(row), offset)
      const begin = headers[0]?.position ?? 0
      let end = begin
      let to = endOffset
      for (const header of headers) {
        const batchEnd = header.position + header.sizeBytes
        if (end > begin && batchEnd - begin > maxBytes) {
          to = header.baseOffset
          break
        }
        end = batchEnd
      }
      return { from: offset, to, batches: bytes.subarray(begin, end) }
    } catch (error) {
      if (!(error instanceof EdgelogError)) throw error
      await this.#context.cache.dropThrough(topic, partition, baseOffset)
      this.#context.failed(error)
      return undefined
    }
  }
}

function rangeOf({ baseOffset, endOffset, bytes }: BatchRow): LogRange {
  return { from: baseOffset, to: endOffset, batches: bytes }
}

/** Cached batches contain no undecided transaction. */
function endsAt(highWatermark: number) {
  return { lastStableOffset: highWatermark, highWatermark }
}

function keyOf({ topic, partition }: CachedPartition): string {
  return `${partition}/${topic}`
}
