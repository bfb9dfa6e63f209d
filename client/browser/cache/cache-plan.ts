/**
 * Decides what becomes of batches that arrive, and what has to go. The cache of a partition is one
 * range of its log, [startOffset, endOffset): an offset in it that no batch has is one without a record. It grows at
 * its end and shrinks at its start. Nothing here reads or writes.
 *
 *   log       |------------------------------------------|
 *   cache                 |=======|=====|==|  endOffset
 *   arrival                      |-----------|             what is there already is trimmed
 *   arrival                                    |-----|     gap: what lies between is asked for first
 */
import type { BatchHeader } from '../../../src/core/batch/record-batch.ts'
import { endOffsetOf } from '../../consumer/log-chunk.ts'
import { CACHE_ROW_BYTES } from '../limits.ts'
import type { CacheLimits, CursorRow } from '../store/schema.ts'
import type { TopicResetReason } from '../tabs/channel.ts'

/** Why what was kept of a partition is void. */
export type ResetReason = Exclude<TopicResetReason, 'deleted'>

/** The ends of the log for readers of committed records. */
export interface LogEnds {
  readonly logStartOffset: number
  /** The last stable offset. */
  readonly highWatermark: number
}

/**
 * All that the log has in [from, endOffset): an offset without a batch has no record. The log reached `from` when it
 * was asked for this.
 */
export interface Arrival extends LogEnds {
  readonly topic: string
  readonly partition: number
  readonly topicId: string
  readonly from: number
  readonly endOffset: number
  readonly bytes: Uint8Array
  /** Of the batches in `bytes`, checked; the first may begin before `from`. */
  readonly headers: readonly BatchHeader[]
}

type ArrivalPlan =
  /** These are new; perhaps none is. */
  | { readonly kind: 'append'; readonly headers: readonly BatchHeader[] }
  | { readonly kind: 'gap' }
  | { readonly kind: 'reset'; readonly reason: ResetReason }

/** A first arrival begins the cache, wherever it begins. */
export function planArrival(cursor: CursorRow | undefined, arrival: Arrival): ArrivalPlan {
  const { headers, from } = arrival
  if (cursor === undefined) return { kind: 'append', headers }
  const { startOffset, endOffset } = cursor
  const reason = resetReason(cursor, arrival.topicId, arrival, from)
  if (reason !== undefined) return { kind: 'reset', reason }
  if (from > endOffset) return { kind: 'gap' }
  const fresh = headers.filter((header) => endOffsetOf(header) > endOffset)
  const base = fresh[0]?.baseOffset ?? endOffset
  // No batch is ever cut otherwise by the log that it was read from.
  if (base < endOffset && startOffset < endOffset) return { kind: 'reset', reason: 'truncated' }
  return { kind: 'append', headers: fresh }
}

/**
 * What the ends of the log say of what is kept, which held `knownOffset` before they were asked for: an
 * answer that is late says less than there is, and means nothing.
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
 * Whether the oldest row goes, of the partition that holds most of its topic. The newest row of a
 * partition stays, however many records it has, unless it takes the bytes that are allowed.
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

/** Cuts batches into rows. */
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

/** Where to begin with a partition, so that what is read fits into the limits about. */
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
