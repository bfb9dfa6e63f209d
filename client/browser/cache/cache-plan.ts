/**
 * Decides what to do with batches that arrive, and what to evict. The cache of a partition
 * is one range of its log, [startOffset, endOffset): an offset in it that is in no batch has
 * no record. It grows at its end and shrinks at its start. Pure: reads and writes nothing.
 *
 *   log       |------------------------------------------|
 *   cache                 |=======|=====|==|  endOffset
 *   arrival                      |-----------|             the cached part is trimmed
 *   arrival                                    |-----|     gap: the range between is fetched first
 */
import type { BatchHeader } from '../../../src/core/batch/record-batch.ts'
import { endOffsetOf } from '../../consumer/log-chunk.ts'
import { CACHE_ROW_BYTES } from '../limits.ts'
import type { CacheLimits, CursorRow } from '../store/schema.ts'
import type { TopicResetReason } from '../tabs/channel.ts'

/** Reason why the cached part of a partition is invalid. */
export type ResetReason = Exclude<TopicResetReason, 'deleted'>

/** The ends of the log for readers of committed records. */
export interface LogEnds {
  readonly logStartOffset: number
  /** The last stable offset. */
  readonly highWatermark: number
}

/**
 * All records of the log in [from, endOffset): an offset without a batch has no
 * record. The end of the log was at or after `from` when they were requested.
 */
export interface Arrival extends LogEnds {
  readonly topic: string
  readonly partition: number
  readonly topicId: string
  readonly from: number
  readonly endOffset: number
  readonly bytes: Uint8Array
  /** Headers of the batches in `bytes`, checked; the first batch may begin before `from`. */
  readonly headers: readonly BatchHeader[]
}

type ArrivalPlan =
  /** The new batches; possibly none. */
  | { readonly kind: 'append'; readonly headers: readonly BatchHeader[] }
  | { readonly kind: 'gap' }
  | { readonly kind: 'reset'; readonly reason: ResetReason }

/** Plans what to do with an arrival. The first one begins the cache at its own start. */
export function planArrival(cursor: CursorRow | undefined, arrival: Arrival): ArrivalPlan {
  const { headers, from } = arrival
  if (cursor === undefined) return { kind: 'append', headers }
  const { startOffset, endOffset } = cursor
  const reason = resetReason(cursor, arrival.topicId, arrival, from)
  if (reason !== undefined) return { kind: 'reset', reason }
  if (from > endOffset) return { kind: 'gap' }
  const fresh = headers.filter((header) => endOffsetOf(header) > endOffset)
  const base = fresh[0]?.baseOffset ?? endOffset
  // A log never splits a batch differently from before, so this is another log.
  if (base < endOffset && startOffset < endOffset) return { kind: 'reset', reason: 'truncated' }
  return { kind: 'append', headers: fresh }
}

/**
 * Compares the ends of the log with the cache, and returns why the cache is invalid, if it is. `knownOffset` is the
 * end of the cache when the ends were requested: a late response may be older than the cache, which is no reason.
 */
export function resetReason(
  { topicId, endOffset }: CursorRow,
  currentId: string,
  { logStartOffset, highWatermark }: LogEnds,
  knownOffset = endOffset,
): ResetReason | undefined {
  if (topicId !== currentId) return 'recreated'
  if (logStartOffset > endOffset) return 'logStartMoved'
  return highWatermark < Math.min(knownOffset, endOffset) ? 'truncated' : undefined
}

/**
 * Returns whether to evict the oldest row of the topic's largest partition. The newest
 * row of a partition stays, whatever its number of records, unless it exceeds the bytes.
 */
export function isOver(
  cursors: readonly CursorRow[],
  { bytesMax, recordsMax }: CacheLimits,
  isNewest: boolean,
): boolean {
  const sum = (of: (cursor: CursorRow) => number) =>
    cursors.reduce((total, cursor) => total + of(cursor), 0)
  if (sum(({ sizeBytes }) => sizeBytes) > bytesMax) return true
  return !isNewest && sum(({ recordsCount }) => recordsCount) > recordsMax
}

/** Groups batches into rows. */
export function cutRows<Batch extends { readonly bytes: Uint8Array }>(
  batches: Iterable<Batch>,
): Batch[][] {
  const rows: Batch[][] = []
  let sizeBytes = CACHE_ROW_BYTES
  for (const batch of batches) {
    if (sizeBytes >= CACHE_ROW_BYTES) {
      rows.push([])
      sizeBytes = 0
    }
    rows.at(-1)?.push(batch)
    sizeBytes += batch.bytes.length
  }
  return rows
}

/** Returns the offset at which to begin a partition, so that the cache fits into the limits approximately. */
export function beginOffset(
  { logStartOffset, highWatermark }: LogEnds,
  sizeBytes: number,
  { bytesMax, recordsMax }: CacheLimits,
  partitions: number,
): number {
  const records = highWatermark - logStartOffset
  const share = Math.min(1, Math.min(recordsMax / records, bytesMax / sizeBytes) / partitions)
  return highWatermark - Math.floor(records * share)
}
