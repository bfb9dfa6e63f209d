/** Makes the results of the calls that read a log. */
import { concatenate, ownBytes } from '../../src/core/bytes/concatenate.ts'
import { type IsolationLevel, type LogEnds, readableEnd } from '../../src/core/log/log-ends.ts'
import type { FetchRequest, FetchResult, SealedChunk } from '../../src/core/log/partition-api.ts'
import { remoteRange } from './describe-log.ts'
import type { PartitionLog } from './partition-log.ts'
import { readSealed, sealedOffsetOf } from './read-sealed.ts'

const NO_BATCHES = new Uint8Array(0)

/**
 * Reads what the log has now.
 *
 * @param requestedFrom the resolved offset of the request, if an earlier read has passed over offsets without a record
 * @throws {EdgelogError} `offset_out_of_range`.
 */
export function readLog(
  log: PartitionLog,
  request: FetchRequest,
  requestedFrom: number | undefined,
): FetchResult {
  const { maxBytes, mayLeaveFirst = false, isolation, content = 'visible' } = request
  const offset = resolveOffset(log.ends, request.offset, isolation)
  const remote = remoteRange(log, offset)
  const { version: topicVersion } = log.assignment
  if (remote !== undefined) {
    const from = requestedFrom ?? offset
    return { from, to: offset, ...log.ends, topicVersion, remote, batches: NO_BATCHES }
  }
  const slice = log.read({ offset, maxBytes, mayLeaveFirst, isolation, content })
  const { to, batches, aborted } = slice
  const isFiltered = isolation === 'committed' && content === 'visible'
  const sealedOffset = isFiltered ? sealedOffsetOf(log.sealedRows, slice) : undefined
  const { tombstonesGoneBelow } = log.compaction.state
  return {
    from: requestedFrom ?? offset,
    to,
    ...log.ends,
    topicVersion,
    ...(sealedOffset !== undefined && { sealedOffset }),
    ...(tombstonesGoneBelow > 0 && { tombstonesGoneBelow }),
    ...(aborted.length > 0 && { abortedTransactions: aborted }),
    batches: ownBytes(concatenate(batches)),
  }
}

export function readSealedChunk(log: PartitionLog, offset: number): SealedChunk {
  const { config, version: topicVersion } = log.assignment
  const remote = remoteRange(log, offset)
  if (remote !== undefined) {
    return { from: offset, to: offset, ...log.ends, topicVersion, remote, batches: NO_BATCHES }
  }
  const mayHaveHoles = config.cleanupPolicy.includes('compact')
  const { from, to, batches } = readSealed(log.sealedRows, offset, mayHaveHoles)
  return { from, to, ...log.ends, topicVersion, batches: ownBytes(batches) }
}

export function resolveOffset(
  ends: LogEnds,
  offset: number | 'earliest' | 'latest',
  isolation: IsolationLevel,
): number {
  if (offset === 'earliest') return ends.logStartOffset
  return offset === 'latest' ? readableEnd(ends, isolation) : offset
}
