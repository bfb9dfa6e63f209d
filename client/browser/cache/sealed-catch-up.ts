/**
 * Fills the cache of a partition that is followed for the first time with sealed chunks, which caches near the page may
 * have. The live tail goes on from their end:
 *
 *     sealed chunk ──> sealed chunk ──> ... ──> none, or any error ──> tail
 */
import { EdgelogError } from '../../../src/core/errors.ts'
import type { LogEnds } from '../../../src/core/log/log-ends.ts'
import { sealedPath } from '../../../src/core/log/sealed.ts'
import { fetchSealed } from '../../consumer/fetch-batches.ts'
import { parseChunk } from '../../consumer/log-chunk.ts'
import type { Connection } from '../../http/connection.ts'
import { CATCH_UP_BYTES_MIN, CATCH_UPS_MAX } from '../limits.ts'
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
   * Begins to fill a partition. Resolves when the first chunk is stored, to whether it was: the partition is not to be
   * followed by the tail then, until `finished` is called.
   */
  async begin(place: CatchUpPlace, offset: number, described: Described): Promise<boolean> {
    const isFar = offset < described.lastStableOffset && described.sizeBytes >= CATCH_UP_BYTES_MIN
    if (!isFar || this.#filling.size >= CATCH_UPS_MAX) return false
    const abort = new AbortController()
    this.#filling.set(keyOf(place), abort)
    let next: number | undefined
    try {
      next = await this.#take(place, offset, described, abort.signal)
    } finally {
      if (next === undefined) this.#filling.delete(keyOf(place))
    }
    if (next !== undefined) void this.#goOn(place, next, described, abort.signal)
    return next !== undefined
  }

  stop(): void {
    for (const abort of this.#filling.values()) abort.abort()
  }

  async #goOn(
    place: CatchUpPlace,
    start: number,
    described: Described,
    signal: AbortSignal,
  ): Promise<void> {
    let next: number | undefined = start
    try {
      while (next !== undefined && next < described.lastStableOffset) {
        next = await this.#take(place, next, described, signal)
      }
    } finally {
      this.#filling.delete(keyOf(place))
      if (!signal.aborted) this.#context.finished()
    }
  }

  /** Stores the chunk that holds an offset. Returns the next offset; undefined if the tail has to go on. */
  async #take(
    place: CatchUpPlace,
    offset: number,
    { logStartOffset, lastStableOffset }: Described,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { connection, keep } = this.#context
    const path = sealedPath(place.topicId, place.partition, offset)
    try {
      const { to, batches } = await fetchSealed(connection, path, { offset, signal })
      const { bytes, headers, nextOffset } = parseChunk({ from: offset, to, batches })
      const highWatermark = Math.max(to, lastStableOffset)
      const ends = { from: offset, endOffset: nextOffset, logStartOffset, highWatermark }
      const isStored = await keep({ ...place, ...ends, bytes, headers })
      return isStored && !signal.aborted ? nextOffset : undefined
    } catch (error) {
      // The tail has the records, or the same error.
      if (signal.aborted || error instanceof EdgelogError) return undefined
      throw error
    }
  }
}

function keyOf({ topicId, partition }: CatchUpPlace): string {
  return `${partition}/${topicId}`
}
