/** A summary of the records of a batch. A topic's rules are checked with it, without decoding the records again. */
import type { NewRecord } from './record.ts'

/** The timestamp of a record without one. Kafka accepts it, whatever the topic's timestamp limits are. */
export const NO_TIMESTAMP = -1

export interface BatchCheck {
  /** True if a record has no key; a compacted topic refuses such records. */
  readonly hasNullKey: boolean
  /** The earliest timestamp of a record; `NO_TIMESTAMP` if no record has one. */
  readonly minTimestamp: number
  /** The latest timestamp. A producer's header may contain a wrong one. */
  readonly maxTimestamp: number
}

/** Returns the check of a batch with these records; there must be at least one. */
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
