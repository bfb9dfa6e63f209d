/** The description of a partition without records, for partitions that are not opened yet. */
import type { LogEnds } from './log-ends.ts'
import type { PartitionDescription } from './partition-api.ts'

export const EMPTY_LOG: LogEnds = { logStartOffset: 0, lastStableOffset: 0, highWatermark: 0 }

export function emptyPartition(partition: number): PartitionDescription {
  return { partition, ...EMPTY_LOG, sizeBytes: 0 }
}
