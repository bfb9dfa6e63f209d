/**
 * Reads many partitions for one response, like Kafka's Fetch (KIP-74): in the order requested they share `maxBytes`,
 * and the first one that has records returns at least one batch, however large. Batches are returned as they are
 * stored: Kafka's clients leave out markers and aborted records by themselves.
 *
 *     read all ──enough, or an error──> response
 *        ▲  │ wait for the ends of their logs, one long poll each
 *        └──┴ read those again that have grown
 */
import { EdgelogError } from '../core/errors.ts'
import {
  EDGE_FANOUT_MAX,
  FETCH_BYTES_MAX,
  FETCH_GATHER_MS,
  FETCH_WAIT_SLICE_MS_MIN,
  FETCH_WAITS_MAX,
} from '../core/limits.ts'
import { type IsolationLevel, readableEnd } from '../core/log/log-ends.ts'
import type { FetchRequest, FetchResult } from '../core/log/partition-api.ts'
import type { Cluster } from './cluster.ts'
import type { CalledTopic } from './topic-metadata.ts'

export interface WantedPartition {
  readonly topic: CalledTopic
  readonly partition: number
  readonly offset: number
  readonly maxBytes: number
}

export interface FetchManyOptions {
  /** Limit for all partitions together, capped at `FETCH_BYTES_MAX`. */
  readonly maxBytes: number
  readonly minBytes: number
  readonly maxWaitMs: number
  readonly isolation: IsolationLevel
}

/** The result of one partition; errors are e.g. `offset_out_of_range`, `unknown_topic_id`, `unavailable`. */
export type FetchResultOrError = FetchResult | EdgelogError

/**
 * Returns at once if `minBytes` are available, if a partition fails, or if nothing is requested; otherwise once they
 * are available, or after `maxWaitMs` with what was read.
 *
 * @returns one result for each of `wanted`, in the same order.
 */
export async function fetchMany(
  cluster: Cluster,
  wanted: readonly WantedPartition[],
  { minBytes, maxWaitMs, isolation, ...options }: FetchManyOptions,
): Promise<FetchResultOrError[]> {
  const maxBytes = Math.min(options.maxBytes, FETCH_BYTES_MAX)
  const [only] = wanted
  if (only !== undefined && wanted.length === 1) {
    const ownBytesMax = Math.min(only.maxBytes, maxBytes)
    const limits = { maxBytes: ownBytesMax, minBytes, maxWaitMs, isolation }
    return [await readNext(cluster, only, limits)]
  }
  const deadlineMs = Date.now() + maxWaitMs
  const results: FetchResultOrError[] = []
  const growth = watchGrowth(cluster, wanted, isolation)
  const share: SharedRead = { cluster, wanted, maxBytes, isolation }
  let due = [...wanted.keys()]
  try {
    for (;;) {
      await readInto(results, share, due)
      const waitMs = deadlineMs - Date.now()
      if (waitMs <= 0 || isEnough(results, Math.min(minBytes, maxBytes), isolation)) return results
      for (const [index, outcome] of results.entries()) {
        if (!hasMore(outcome, isolation)) growth.watch(index, nextOffsetOf(outcome), deadlineMs)
      }
      due = await growth.next(waitMs)
      if (due.length === 0) return results
    }
  } finally {
    growth.close()
  }
}

function isEnough(
  results: readonly FetchResultOrError[],
  minBytes: number,
  isolation: IsolationLevel,
): boolean {
  return (
    sumOfSizes(results) >= minBytes ||
    results.some((outcome) => outcome instanceof EdgelogError) ||
    results.every((outcome) => hasMore(outcome, isolation))
  )
}

function sumOfSizes(results: readonly FetchResultOrError[]): number {
  return results.reduce((sum, outcome) => sum + sizeOf(outcome), 0)
}

function sizeOf(outcome: FetchResultOrError | undefined): number {
  return outcome === undefined || outcome instanceof EdgelogError ? 0 : outcome.batches.length
}

/** Returns whether the log continues after the result: the rest did not fit. */
function hasMore(outcome: FetchResultOrError, isolation: IsolationLevel): boolean {
  return !(outcome instanceof EdgelogError) && outcome.to < readableEnd(outcome, isolation)
}

function nextOffsetOf(outcome: FetchResultOrError): number {
  return outcome instanceof EdgelogError ? 0 : outcome.to
}

// -- reading -----------------------------------------------------------------------------------

type ReadLimits = Omit<FetchRequest, 'offset' | 'content'>

/** The bytes that partitions share, and how they are read. */
interface SharedRead extends Pick<FetchManyOptions, 'maxBytes' | 'isolation'> {
  readonly cluster: Cluster
  readonly wanted: readonly WantedPartition[]
}

/** Returns an error as the result; anything unexpected is thrown. */
async function read(
  cluster: Cluster,
  { topic, partition, offset }: WantedPartition,
  limits: ReadLimits,
): Promise<FetchResultOrError> {
  try {
    const request = { offset, ...limits, content: 'stored' } as const
    const { result } = await cluster.reader.read(topic, partition, request)
    return result
  } catch (error) {
    if (error instanceof EdgelogError) return error
    throw error
  }
}

/** Reads the only partition of a fetch. A session takes what was read ahead, and reads ahead for its next fetch. */
async function readNext(
  cluster: Cluster,
  wanted: WantedPartition,
  limits: ReadLimits,
): Promise<FetchResultOrError> {
  const { readAhead } = cluster
  if (readAhead === undefined) return await read(cluster, wanted, limits)
  const { topic, partition, offset } = wanted
  const kept = await readAhead.take(topic, partition, { offset, ...limits })
  const outcome = kept ?? (await read(cluster, wanted, limits))
  if (!(outcome instanceof EdgelogError)) readAhead.start(topic, partition, limits, outcome)
  return outcome
}

/**
 * Reads the partitions in `due`, ascending, into the bytes that the others leave of `maxBytes`. Parallel reads reserve
 * their limits, so the bytes in flight never exceed the budget.
 */
async function readInto(
  results: FetchResultOrError[],
  share: SharedRead,
  due: readonly number[],
): Promise<void> {
  const { cluster, wanted, maxBytes, isolation } = share
  const isDue = new Set(due)
  const kept = results.filter((_, index) => !isDue.has(index))
  let leftBytes = maxBytes - sumOfSizes(kept)
  for (let next = 0; next < due.length; ) {
    const round: Promise<void>[] = []
    let roomBytes = leftBytes
    while (
      next < due.length &&
      round.length < EDGE_FANOUT_MAX &&
      (roomBytes > 0 || leftBytes <= 0)
    ) {
      const index = due[next++] as number
      const one = wanted[index] as WantedPartition
      const ownBytes = Math.max(0, Math.min(one.maxBytes, roomBytes))
      roomBytes -= ownBytes
      const times = { minBytes: 0, maxWaitMs: 0 }
      const limits = { maxBytes: ownBytes, ...times, mayLeaveFirst: true, isolation }
      round.push(
        read(cluster, one, limits).then((outcome) => {
          results[index] = outcome
          leftBytes -= sizeOf(outcome)
        }),
      )
    }
    await Promise.all(round)
  }
  await ensureFirstBatch(results, share)
}

/**
 * Ensures that the first partition with records returns a batch. Batches that
 * then no longer fit are left to the next fetch.
 */
async function ensureFirstBatch(
  results: FetchResultOrError[],
  { cluster, wanted, maxBytes, isolation }: SharedRead,
): Promise<void> {
  const first = results.findIndex((outcome) => sizeOf(outcome) > 0 || hasMore(outcome, isolation))
  if (first === -1 || sizeOf(results[first]) > 0) return
  const one = wanted[first] as WantedPartition
  const ownBytesMax = Math.min(one.maxBytes, maxBytes)
  const limits = { maxBytes: ownBytesMax, minBytes: 0, maxWaitMs: 0, isolation }
  results[first] = await read(cluster, one, limits)
  let leftBytes = maxBytes - sizeOf(results[first])
  for (const [index, outcome] of results.entries()) {
    const sizeBytes = sizeOf(outcome)
    if (index === first || sizeBytes === 0 || outcome instanceof EdgelogError) continue
    if (sizeBytes <= leftBytes) leftBytes -= sizeBytes
    else results[index] = withoutBatches(outcome)
  }
}

function withoutBatches({ abortedTransactions: _, ...result }: FetchResult): FetchResult {
  return { ...result, to: result.from, batches: new Uint8Array(0) }
}

// -- waiting -----------------------------------------------------------------------------------

interface Growth {
  /** Waits until the partition's log grows beyond `offset`. Does nothing if such a wait is running. */
  watch(index: number, offset: number, deadlineMs: number): void
  /** Returns the partitions that have grown since the last call; an empty list after `waitMs`. */
  next(waitMs: number): Promise<number[]>
  /** Stops renewing polls. */
  close(): void
}

/**
 * Runs long polls that return no records. Polls that outlive the response end soon on their own: while the response
 * waits, a poll is renewed with a doubled duration each time. So a busy fetch leaves polls of half a second, any other
 * fetch leaves polls about as long as it has lasted, and a fetch that waits for 30 s makes six calls per partition.
 */
function watchGrowth(
  cluster: Cluster,
  wanted: readonly WantedPartition[],
  isolation: IsolationLevel,
): Growth {
  const watched = new Set<number>()
  const grown = new Set<number>()
  let wake = () => {}
  let isClosed = false
  const poll = async (index: number, offset: number, deadlineMs: number) => {
    const one = { ...(wanted[index] as WantedPartition), offset }
    for (let sliceMs = FETCH_WAIT_SLICE_MS_MIN; !isClosed; sliceMs *= 2) {
      const endsAtMs = Math.min(Date.now() + sliceMs, deadlineMs)
      const maxWaitMs = endsAtMs - Date.now()
      if (maxWaitMs <= 0) return
      const limits = { maxBytes: 0, minBytes: 1, maxWaitMs, mayLeaveFirst: true, isolation }
      // The error appears when the partition is read again.
      const outcome = await read(cluster, one, limits).catch(() => undefined)
      if (outcome === undefined || outcome instanceof EdgelogError || hasMore(outcome, isolation))
        break
      // The partition also returns early when it has too many waiters: an immediate retry would add load.
      await sleepUntil(endsAtMs)
    }
    watched.delete(index)
    grown.add(index)
    wake()
  }
  return {
    watch(index, offset, deadlineMs) {
      if (watched.has(index) || watched.size >= FETCH_WAITS_MAX) return
      watched.add(index)
      void poll(index, offset, deadlineMs)
    },
    close() {
      isClosed = true
    },
    async next(waitMs) {
      if (grown.size === 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, waitMs)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
      if (grown.size > 0) await new Promise((resolve) => setTimeout(resolve, FETCH_GATHER_MS))
      const due = [...grown].sort((one, other) => one - other)
      grown.clear()
      return due
    },
  }
}

async function sleepUntil(endsAtMs: number): Promise<void> {
  const waitMs = endsAtMs - Date.now()
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
}
