/**
 * Reads history by sealed chunks, which caches near the client may have, and the rest by fetches:
 *
 *     fetch ── the response names a sealed chunk ──> chunk ──> chunk ──> ... ──> fetch
 *
 * A fetch follows at the end, after any error, and after a small chunk.
 */
import { EdgelogError } from '../../src/core/errors.ts'
import { readableEnd } from '../../src/core/log/log-ends.ts'
import type { Connection } from '../http/connection.ts'
import { FETCH_BYTES, SEALED_BYTES_MIN, SMALL_CHUNK_FETCHES } from '../limits.ts'
import { type FetchBatchesOptions, type FetchedBatches, fetchSealed } from './fetch-batches.ts'
import type { LogSource } from './log-source.ts'

/** Where a partition goes on in sealed chunks. */
interface SealedPlace {
  /** Path of a chunk, up to its offset. */
  readonly path: string
  readonly nextOffset: number
  /** The ends of the log when it was last fetched. */
  readonly ends: Pick<FetchedBatches, 'lastStableOffset' | 'highWatermark'>
}

/** The source of one consumer. */
export class SealedSource implements LogSource {
  readonly #connection: Connection
  readonly #network: LogSource
  /** By partition and topic. */
  readonly #places = new Map<string, SealedPlace>()
  /** Fetches for which a partition with small chunks is not read by them. */
  readonly #pauses = new Map<string, number>()

  constructor(connection: Connection, network: LogSource) {
    this.#connection = connection
    this.#network = network
  }

  async fetch(
    topic: string,
    partition: number,
    options: FetchBatchesOptions,
  ): Promise<FetchedBatches> {
    const key = `${partition}/${topic}`
    const place = this.#places.get(key)
    this.#places.delete(key)
    const isNext = place !== undefined && place.nextOffset === options.from
    const sealed = isNext && mayBeSealed(options) ? await this.#read(place, options) : undefined
    if (sealed !== undefined) {
      if (sealed.batches.length < SEALED_BYTES_MIN) this.#pauses.set(key, SMALL_CHUNK_FETCHES)
      else this.#goOn(key, place?.path, sealed)
      return sealed
    }
    const fetched = await this.#network.fetch(topic, partition, options)
    if (!this.#isPaused(key)) this.#goOn(key, fetched.sealed?.replace(/\d+$/, ''), fetched)
    return fetched
  }

  #isPaused(key: string): boolean {
    const left = (this.#pauses.get(key) ?? 0) - 1
    if (left > 0) this.#pauses.set(key, left)
    else this.#pauses.delete(key)
    return left >= 0
  }

  /** Remembers where the next chunk is. At the end of the log as it was known a fetch looks for more. */
  #goOn(key: string, path: string | undefined, { to, ...ends }: FetchedBatches): void {
    if (path === undefined || to >= readableEnd(ends, 'committed')) return
    const { lastStableOffset, highWatermark } = ends
    this.#places.set(key, { path, nextOffset: to, ends: { lastStableOffset, highWatermark } })
  }

  /** Returns undefined after an error, because a fetch finds the records, or the same error. */
  async #read(
    { path, nextOffset, ends }: SealedPlace,
    { signal, silenceMs }: FetchBatchesOptions,
  ): Promise<FetchedBatches | undefined> {
    try {
      const call = { offset: nextOffset, silenceMs, signal }
      const { to, batches } = await fetchSealed(this.#connection, `${path}${nextOffset}`, call)
      return {
        from: nextOffset,
        to,
        batches,
        lastStableOffset: Math.max(to, ends.lastStableOffset),
        highWatermark: Math.max(to, ends.highWatermark),
      }
    } catch (error) {
      if (signal.aborted || !(error instanceof EdgelogError)) throw error
      return undefined
    }
  }
}

/** A sealed chunk is committed, arrives at once, and has up to 1 MiB whatever the reader wants. */
function mayBeSealed({ maxBytes, waitMs, isolation }: FetchBatchesOptions): boolean {
  return maxBytes >= FETCH_BYTES && waitMs === 0 && isolation !== 'uncommitted'
}
