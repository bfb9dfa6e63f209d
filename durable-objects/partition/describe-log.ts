/** Describes a log for the calls of a partition: its ends, sizes and times, and what of it is where. */
import { ownBytes } from '../../src/core/bytes/concatenate.ts'
import type {
  PartitionDescription,
  RemoteListing,
  TimestampLookup,
} from '../../src/core/log/partition-api.ts'
import type { PartitionIdentity, RemoteRange } from '../../src/core/log/remote/remote-segment.ts'
import type { PartitionLog } from './partition-log.ts'

export function describeLog(log: PartitionLog): PartitionDescription {
  const { assignment, sizeBytes } = log
  const remote = log.remote.describe(assignment)
  const description = { partition: assignment.partition, ...log.ends, sizeBytes }
  return remote === undefined ? description : { ...description, remote }
}

export function lookUpTimestamp(log: PartitionLog, timestamp: number | 'max'): TimestampLookup {
  const segments = log.remote.findTimestamp(timestamp)
  const remote = { fromOffset: log.logStartOffset, segments, partition: identityOf(log) }
  const batches = log.findTimestamp(timestamp).map(ownBytes)
  return { ...log.ends, ...(segments.length > 0 && { remote }), batches }
}

export function listRemote(log: PartitionLog, baseOffset: number, limit: number): RemoteListing {
  return { partition: identityOf(log), ...log.ends, ...log.remote.list(baseOffset, limit) }
}

/** Returns the segments that a read from `offset` needs; undefined if its records are in the partition. */
export function remoteRange(log: PartitionLog, offset: number): RemoteRange | undefined {
  const segments = log.remote.rangeFrom(offset)
  if (segments === undefined) return undefined
  const fromOffset = Math.min(offset, segments[0]?.baseOffset ?? offset)
  return { fromOffset, segments, partition: identityOf(log) }
}

function identityOf({ assignment }: PartitionLog): PartitionIdentity {
  const { topicId, partition } = assignment
  return { topicId, partition }
}
