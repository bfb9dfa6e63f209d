/**
 * Lets readers read followed topics from the cache, in every tab, online or not.
 *
 *   nothing is kept yet       the network, and no long poll as long as something may be kept soon
 *   before the cache          the network, so that nothing is passed over
 *   in it                     the cache
 *   from its end to the log's waits until the tab that leads has stored more
 *   behind the log's end, or not followed: the network
 *
 * `latest` is the end of the log as it was heard of last. `earliest`, or a time, that may lie before
 * the cache is asked of the network; offline the reader begins where the cache begins.
 */

import { decodeBatch } from '../../../src/core/batch/decode-records.ts'
import type { Codecs } from '../../../src/core/compression/codec.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { type Clock, sleep } from '../../clock.ts'
import type { StartPosition } from '../../consumer/consumer-options.ts'
import type { FetchBatchesOptions, FetchedBatches } from '../../consumer/fetch-batches.ts'
import { type LogRange, parseChunk } from '../../consumer/log-chunk.ts'
import type { LogSource } from '../../consumer/log-source.ts'
import { isTransient } from '../../http/refusal.ts'
import { CACHE_FIRST_READ_BYTES, CACHE_NETWORK_MS, CACHE_RECHECK_MS } from '../limits.ts'
import type { BatchRow, CursorRow } from '../store/schema.ts'
import type { Channel } from '../tabs/channel.ts'
import type { BatchCache, CacheRead } from './batch-cache.ts'

export interface CachedSourceContext {
  readonly cache: BatchCache
  readonly network: LogSource
  readonly channel: Channel
  readonly codecs: Codecs
  readonly clock: Clock
  /** What was kept is damaged, and was dropped. */
  readonly failed: (error: EdgelogError) => void
}

interface Place {
  readonly topic: string
  readonly partition: number
}

/** For one consumer: it remembers which topics that has read. */
export class CachedSource implements LogSource {
  readonly #context: CachedSourceContext
  /** Partitions of which nothing was kept in time: there may be no space, or no tab that leads. */
  readonly #unkept = new Set<string>()
  /** By partition that is not kept yet: how much to read next. */
  readonly #readBytes = new Map<string, number>()
  /** By partition, of the topic that was read from. */
  readonly #topicIds = new Map<string, string>()

  constructor(context: CachedSourceContext) {
    this.#context = context
  }

  /** @throws {EdgelogError} `offset_out_of_range` once for an offset of a topic that was created anew. */
  async fetch(
    topic: string,
    partition: number,
    options: FetchBatchesOptions,
  ): Promise<FetchedBatches> {
    const { channel, clock, network } = this.#context
    const { from, maxBytes, waitMs, signal } = options
    const place = { topic, partition }
    const deadlineMs = clock.now() + waitMs
    let at = from
    let heardEnd = 0
    for (;;) {
      const wake = new AbortController()
      const end = () => wake.abort()
      signal.addEventListener('abort', end)
      const unlisten = channel.listen('news', (heard) => {
        if (heard.topic !== topic || heard.partition !== partition) return
        heardEnd = heard.endOffset
        end()
      })
      const toldEnd = heardEnd
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
        // Told of and not stored: nothing is kept at present.
        const isMissed = toldEnd > at
        if (at < endOffset || at > highWatermark || isMissed) {
          return await network.fetch(topic, partition, { ...options, from: at })
        }
        const leftMs = deadlineMs - clock.now()
        if (leftMs <= 0 || signal.aborted) {
          // The end of what can be read for now: the reader is to wait, though the log may have more.
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
   * What the tab that leads has yet to keep, from the network. No request is held open meanwhile: of
   * each partition in each tab they would take all the connections that a browser has for a host.
   *
   * @returns undefined if there is nothing, and it is to be looked again.
   */
  async #fetchUnkept(
    place: Place,
    options: FetchBatchesOptions,
    deadlineMs: number,
    wake: AbortController,
  ): Promise<FetchedBatches | undefined> {
    const { clock, network } = this.#context
    const { topic, partition } = place
    const { from, signal } = options
    const key = keyOf(place)
    // Never more than was asked: the clock may have been set back.
    const waitMs = Math.min(options.waitMs, Math.max(0, deadlineMs - clock.now()))
    if (this.#unkept.has(key)) return await network.fetch(topic, partition, { ...options, waitMs })
    const readBytes = this.#readBytes.get(key) ?? CACHE_FIRST_READ_BYTES
    const maxBytes = Math.min(options.maxBytes, readBytes)
    const fetched = await network.fetch(topic, partition, { ...options, maxBytes, waitMs: 0 })
    if (fetched.batches.length > 0) this.#readBytes.set(key, maxBytes * 2)
    const isNews = typeof from !== 'number' || fetched.to > from
    if (isNews || waitMs === 0 || signal.aborted) return fetched
    await sleep(clock, Math.min(waitMs, CACHE_RECHECK_MS), wake.signal)
    if (!wake.signal.aborted) this.#unkept.add(key)
    return undefined
  }

  /** A database that fails is none. */
  async #read({ topic, partition }: Place, offset: number): Promise<CacheRead> {
    try {
      return await this.#context.cache.read(topic, partition, offset)
    } catch (error) {
      if (!(error instanceof EdgelogError)) throw error
      return { topicId: undefined, cursor: undefined, row: undefined }
    }
  }

  #checkTopic({ topic, partition }: Place, { topicId }: CacheRead, at: StartPosition): void {
    if (topicId === undefined) return
    const key = keyOf({ topic, partition })
    const known = this.#topicIds.get(key) ?? topicId
    this.#topicIds.set(key, topicId)
    if (known === topicId || typeof at !== 'number') return
    throw new EdgelogError('offset_out_of_range', `offset: ${topic} was created anew`)
  }

  /** The offset of a name or a time, and whether what lies before the cache cannot matter. */
  async #resolve(
    { topic, partition }: Place,
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
      // Whoever reads there finds the damage.
      if (!(error instanceof EdgelogError)) throw error
      return row.baseOffset
    }
    return row.endOffset
  }

  /** @returns undefined if the network does not answer soon. */
  async #tryNetwork(
    { topic, partition }: Place,
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
   * Returns whole batches from the one that holds `offset`, up to `maxBytes` but at least one; none where no record of
   * the row lies at `offset` or behind it.
   *
   * @returns undefined if they are damaged: they, and all before them, are kept no longer.
   */
  async #cut(
    { topic, partition }: Place,
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

/** What is kept holds no transaction that is not decided. */
function endsAt(highWatermark: number) {
  return { lastStableOffset: highWatermark, highWatermark }
}

function keyOf({ topic, partition }: Place): string {
  return `${partition}/${topic}`
}
