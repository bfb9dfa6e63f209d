/**
 * Reads the next slice of a partition while the former is on its way to the client. For a consumer in a session, which
 * fetches a partition slice by slice and asks for one only when it has processed the last.
 *
 *     fetch at 0 ──> read 0 to 90 ──> response
 *                                        read 90 to 180, kept
 *     fetch at 90 ─> describe ──────> response with the kept slice and the ends of now
 *                                        read 180 to 270, kept
 *
 * A kept slice is below the high watermark, so its records do not change, but they may be deleted. So each use asks the
 * partition for the ends of its log, which costs a tenth of reading them again.
 */
import { EdgelogError } from '../core/errors.ts'
import {
  READ_AHEAD_AGE_MS_MAX,
  READ_AHEAD_BYTES_MAX,
  READ_AHEAD_SLICE_BYTES_MAX,
} from '../core/limits.ts'
import { readableEnd } from '../core/log/log-ends.ts'
import type { FetchRequest, FetchResult } from '../core/log/partition-api.ts'
import type { LogRead, LogReader } from './log-reader.ts'
import type { CalledTopic } from './topic-metadata.ts'

/** The bytes that the sessions of an isolate may read ahead. */
export class ReadAheadBudget {
  /** A session may end without releasing, so reservations expire. */
  readonly #reservations = new Set<{ readonly sizeBytes: number; readonly expiresAtMs: number }>()
  #usedBytes = 0

  /** Returns the function that releases the bytes; undefined if there are not enough. */
  reserve(sizeBytes: number, nowMs: number): (() => void) | undefined {
    for (const reservation of this.#reservations) {
      if (reservation.expiresAtMs > nowMs) break
      this.#release(reservation)
    }
    if (this.#usedBytes + sizeBytes > READ_AHEAD_BYTES_MAX) return undefined
    const reservation = { sizeBytes, expiresAtMs: nowMs + READ_AHEAD_AGE_MS_MAX }
    this.#reservations.add(reservation)
    this.#usedBytes += sizeBytes
    return () => this.#release(reservation)
  }

  #release(reservation: { readonly sizeBytes: number; readonly expiresAtMs: number }): void {
    if (this.#reservations.delete(reservation)) this.#usedBytes -= reservation.sizeBytes
  }
}

type ReadLimits = Omit<FetchRequest, 'offset' | 'content'>

interface Slice {
  readonly offset: number
  readonly limits: ReadLimits
  readonly read: Promise<LogRead | undefined>
  /** Forgets the slice. */
  readonly drop: () => void
}

/** The slices of one session: at most one of a partition. */
export class ReadAhead {
  readonly #reader: LogReader
  readonly #budget: ReadAheadBudget
  /** By partition and topic. */
  readonly #slices = new Map<string, Slice>()

  constructor(reader: LogReader, budget: ReadAheadBudget) {
    this.#reader = reader
    this.#budget = budget
  }

  /** Returns the slice that was read for this fetch, with the ends of the log; undefined if it has to be read. */
  async take(
    topic: CalledTopic,
    partition: number,
    { offset, ...limits }: Omit<FetchRequest, 'content'>,
  ): Promise<FetchResult | undefined> {
    const slice = this.#slices.get(keyOf(topic, partition))
    if (slice === undefined) return undefined
    slice.drop()
    const isWanted =
      slice.offset === offset &&
      slice.limits.maxBytes === limits.maxBytes &&
      slice.limits.isolation === limits.isolation
    const found = isWanted ? await slice.read : undefined
    if (found === undefined || found.result.batches.length < Math.max(1, limits.minBytes)) {
      return undefined
    }
    return await this.#confirm(topic, partition, found)
  }

  /** Returns the slice with the ends of the log; undefined if its records may no longer be read. */
  async #confirm(
    topic: CalledTopic,
    partition: number,
    { topicId, result }: LogRead,
  ): Promise<FetchResult | undefined> {
    const found = await orUndefined(this.#reader.endsFor(topic, partition, result.from))
    if (found === undefined || found.topicId !== topicId) return undefined
    if (found.ends.logStartOffset > result.from) return undefined
    return { ...result, ...found.ends }
  }

  /** Begins to read what follows a result, if the result was cut off by its limit and there is room for more. */
  start(topic: CalledTopic, partition: number, limits: ReadLimits, before: FetchResult): void {
    const { maxBytes, isolation } = limits
    if (before.batches.length === 0 || before.to >= readableEnd(before, isolation)) return
    if (maxBytes > READ_AHEAD_SLICE_BYTES_MAX) return
    const key = keyOf(topic, partition)
    this.#slices.get(key)?.drop()
    const release = this.#budget.reserve(maxBytes, Date.now())
    if (release === undefined) return
    const offset = before.to
    const drop = () => {
      clearTimeout(timer)
      release()
      this.#slices.delete(key)
    }
    const timer = setTimeout(drop, READ_AHEAD_AGE_MS_MAX)
    const read = this.#read(topic, partition, { ...limits, offset, minBytes: 0, maxWaitMs: 0 })
    this.#slices.set(key, { offset, limits, read, drop })
  }

  /** Returns undefined after an error: the fetch that follows meets it by itself. */
  async #read(
    topic: CalledTopic,
    partition: number,
    request: Omit<FetchRequest, 'content'>,
  ): Promise<LogRead | undefined> {
    return await orUndefined(this.#reader.read(topic, partition, { ...request, content: 'stored' }))
  }
}

function keyOf({ name, id = '' }: CalledTopic, partition: number): string {
  return `${partition} ${id} ${name}`
}

async function orUndefined<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (error instanceof EdgelogError) return undefined
    throw error
  }
}
