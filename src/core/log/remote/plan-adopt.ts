/**
 * Decides which objects that were found in R2 become part of a log again when rows of a partition were lost. An object
 * fits where the log has no offsets: below its beginning, or in a hole between two segments. Of a log without any
 * record and any row, the objects are the whole log.
 *
 *     | found | hole | found | live segments | hole, found | live segments | chunks |
 *
 * Holes that are left have no record for readers, as in a log that was compacted.
 */
import type { FoundSegment, OffsetRange } from '../partition-api.ts'

export interface AdoptingLog {
  /** The first offset that the partition has a row for; the end of the log if it has none. */
  readonly firstOffset: number
  readonly highWatermark: number
  /** Offsets between the segments and chunks that are in none of them. */
  readonly holes: readonly OffsetRange[]
}

/** Returns where an object of a log without a row for it may begin and end. */
export function placesToAdopt({ firstOffset, highWatermark, holes }: AdoptingLog): OffsetRange[] {
  const to = highWatermark === 0 ? Number.POSITIVE_INFINITY : firstOffset
  return [{ from: 0, to }, ...holes]
}

/** Returns the segments that fit, in order. Of several that end at one offset the largest is taken. */
export function planAdopt(log: AdoptingLog, found: readonly FoundSegment[]): FoundSegment[] {
  const latestFirst = found
    .filter(({ baseOffset, endOffset }) => baseOffset < endOffset)
    .sort((a, b) => b.endOffset - a.endOffset || a.baseOffset - b.baseOffset)
  const taken = placesToAdopt(log).flatMap(({ from, to }) => {
    let end = to
    return latestFirst.filter(({ baseOffset, endOffset }) => {
      const fits = baseOffset >= from && endOffset <= end
      if (fits) end = baseOffset
      return fits
    })
  })
  return taken.sort((a, b) => a.baseOffset - b.baseOffset)
}
