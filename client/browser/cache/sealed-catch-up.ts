/**
 * Fills the cache of a partition that is followed for the first time with sealed chunks, which caches near the page may
 * have. The live tail goes on from their end:
 *
 *     sealed chunk ──> sealed chunk ──> ... ──> none, a small one, or any error ──> tail
 */
import { EdgelogError } from '../../../src/core/errors.ts'
import type { LogEnds } from '../../../src/core/log/log-ends.ts'
import { sealedPath } from '../../../src/core/log/sealed.ts'
import { fetchSealed } from '../../consumer/fetch-batches.ts'
import { parseChunk } from '../../consumer/log-chunk.ts'
import type { Connection } from '../../http/connection.ts'
import { CATCH_UP_BYTES_MIN, CATCH_UP_CHUNK_BYTES_MIN, CATCH_UPS_MAX } from '../limits.ts'
import type { Arrival } from './cache-plan.ts'

export interface CatchUpPlace {
  readonly topic: string
  readonly partition: number
  readonly topicId: string
}

/** The partition when it was described. */
type Described = LogEnds & { readonly sizeBytes: number }

interface SealedCatchUpContext {
  readonly connection: Connection
  /** Stores a chunk; resolves to whether the next one may follow. */
  readonly keep: (arrival: Arrival) => Promise<boolean>
  /** A partition has come as far as possible: it is to be followed by the tail. */
  readonly finished: () => void
}

export class SealedCatchUp {
  readonly #context: SealedCatchUpContext
  /** Partitions that are being filled. */
  readonly #filling = new Map<string, AbortController>()

  constructor(context: SealedCatchUpContext) {
    this.#context = context
  }

  isFilling(place: CatchUpPlace): boolean {
    return this.#filling.has(keyOf(place))
  }

  /**
   * Begins to fill a partition. Resolves when the first chunk is stored, to whether more are being read: then the tail
   * is not to follow the partition until `finished` is called.
   */
  async begin(place: CatchUpPlace, offset: number, described: Described): Promise<boolean> {
    const isFar = offset < described.lastStableOffset && described.sizeBytes >= CATCH_UP_BYTES_MIN
    if (!isFar || this.#filling.size >= CATCH_UPS_MAX) return false
    const abort = new AbortController()
    this.#filling.set(keyOf(place), abort)
    let isWorthwhile = false
    try {
      const first = await this.#fetch(place, offset, described, abort.signal)
      const isStored = first !== undefined && (await this.#store(first))
      isWorthwhile = isStored && first.bytes.length >= CATCH_UP_CHUNK_BYTES_MIN
      if (isWorthwhile && first !== undefined) {
        void this.#goOn(place, first.endOffset, described, abort.signal)
      }
    } finally {
      if (!isWorthwhile) this.#filling.delete(keyOf(place))
    }
    return isWorthwhile
  }

  stop(): void {
    for (const abort of this.#filling.values()) abort.abort()
  }

  /** Fetches a chunk while the one before is stored. */
  async #goOn(
    place: CatchUpPlace,
    start: number,
    described: Described,
    signal: AbortSignal,
  ): Promise<void> {
    let next: number | undefined = start
    let stored = Promise.resolve(true)
    try {
      while (next !== undefined && next < described.lastStableOffset) {
        const chunk: Arrival | undefined = await this.#fetch(place, next, described, signal)
        if (chunk === undefined || !(await stored) || signal.aborted) break
        stored = this.#store(chunk)
        next = chunk.bytes.length < CATCH_UP_CHUNK_BYTES_MIN ? undefined : chunk.endOffset
      }
      await stored
    } finally {
      this.#filling.delete(keyOf(place))
      if (!signal.aborted) this.#context.finished()
    }
  }

  /** Returns false after an error, which the tail meets too, or not. */
  async #store(chunk: Arrival): Promise<boolean> {
    try {
      return await this.#context.keep(chunk)
    } catch (error) {
      if (error instanceof EdgelogError) return false
      throw error
    }
  }

  /** Fetches the chunk that holds an offset. Returns undefined after an error, which the tail meets too, or not. */
  async #fetch(
    place: CatchUpPlace,
    offset: number,
    { logStartOffset, lastStableOffset }: Described,
    signal: AbortSignal,
  ): Promise<Arrival | undefined> {
    const path = sealedPath(place.topicId, place.partition, offset)
    try {
      const { to, batches } = await fetchSealed(this.#context.connection, path, { offset, signal })
      const { bytes, headers, nextOffset: endOffset } = parseChunk({ from: offset, to, batches })
      const ends = { logStartOffset, highWatermark: Math.max(to, lastStableOffset) }
      return { ...place, ...ends, from: offset, endOffset, bytes, headers }
    } catch (error) {
      if (signal.aborted || error instanceof EdgelogError) return undefined
      throw error
    }
  }
}

function keyOf({ topicId, partition }: CatchUpPlace): string {
  return `${partition}/${topicId}`
}
