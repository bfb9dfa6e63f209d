/** The facts about the records of a batch by which a topic's rules are checked without decoding them again. */
import type { NewRecord } from './record.ts'

/** The timestamp of a record that has none. Kafka accepts it, whatever the bounds of the topic are. */
export const NO_TIMESTAMP = -1

export interface BatchCheck {
  /** A compacted topic refuses records without a key. */
  readonly hasNullKey: boolean
  /** The earliest timestamp of the records that have one; `NO_TIMESTAMP` if none has. */
  readonly minTimestamp: number
  /** The latest timestamp; the header of a careless producer may say something else. */
  readonly maxTimestamp: number
}

/** Returns the check of a batch with these records, of which there is at least one. */
export function checkOfRecords(
  records: Iterable<Pick<NewRecord, 'key' | 'timestamp'>>,
): BatchCheck {
  let hasNullKey = false
  let minTimestamp = Number.POSITIVE_INFINITY
  let maxTimestamp = Number.NEGATIVE_INFINITY
  for (const { key, timestamp } of records) {
    if (key === null) hasNullKey = true
    if (timestamp > maxTimestamp) maxTimestamp = timestamp
    if (timestamp < minTimestamp && timestamp !== NO_TIMESTAMP) minTimestamp = timestamp
  }
  if (minTimestamp === Number.POSITIVE_INFINITY) minTimestamp = NO_TIMESTAMP
  return { hasNullKey, minTimestamp, maxTimestamp }
}
