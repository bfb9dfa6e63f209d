/**
 * Decides which objects that were found in R2 become part of a log again when the rows of a partition were lost. Only
 * objects that lie below the log without a gap and without an overlap fit; of a log without any record and any row, the
 * objects are the whole log:
 *
 *     | found | found | live segments | chunks |
 */
import type { FoundSegment } from '../partition-api.ts'

export interface AdoptingLog {
  /** The first offset that the partition has a row for; the end of the log if it has none. */
  readonly firstOffset: number
  readonly highWatermark: number
}

/** Returns the segments that fit, in order. Of several that end at one offset the largest is taken. */
export function planAdopt(
  { firstOffset, highWatermark }: AdoptingLog,
  found: readonly FoundSegment[],
): FoundSegment[] {
  const byEnd = new Map<number, FoundSegment>()
  for (const segment of found) {
    const kept = byEnd.get(segment.endOffset)
    const isLarger = kept === undefined || segment.baseOffset < kept.baseOffset
    if (isLarger && segment.baseOffset < segment.endOffset) byEnd.set(segment.endOffset, segment)
  }
  const endOffset = highWatermark === 0 ? Math.max(0, ...byEnd.keys()) : firstOffset
  const chain: FoundSegment[] = []
  for (let next = byEnd.get(endOffset); next !== undefined; next = byEnd.get(next.baseOffset)) {
    chain.push(next)
  }
  return chain.reverse()
}
