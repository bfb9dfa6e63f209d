/** Restores batches of another log in a partition, at the offsets that they had there. */
import { checkStoredBatch } from '../core/batch/decode-records.ts'
import {
  assignMaxTimestamp,
  holeBatch,
  readBatchHeader,
  readBatchHeaders,
  removeProducer,
} from '../core/batch/record-batch.ts'
import { concatenate, ownBytes } from '../core/bytes/concatenate.ts'
import { EdgelogError } from '../core/errors.ts'
import { REQUEST_BATCHES_MAX, RESTORE_HOLE_MAX } from '../core/limits.ts'
import type { LogEnds } from '../core/log/log-ends.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { Cluster } from './cluster.ts'
import { requestCodecs } from './codecs.ts'

export interface RestoredRange {
  /** The id of the topic that the batches come from. */
  readonly sourceId: string
  readonly from: number
  /** The batches are all that the source has at the offsets from `from` up to, not including, `to`. */
  readonly to: number
  /** May be empty. */
  readonly batches: Uint8Array
}

/**
 * Appends the batches at their offsets. Their producers are removed: the sequences of this log begin anew, and a
 * transactional batch without a marker would stop its readers.
 *
 * @throws {EdgelogError} errors of `checkStoredBatch` and `decideRestore`; `invalid_request` for a wrong range.
 */
export async function restoreRecords(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  { sourceId, from, to, batches: given }: RestoredRange,
): Promise<LogEnds> {
  const batches = await checkedBatches(given, from, to)
  const request = { sourceId, from, batches }
  return await cluster.topics.callPartition(name, partition, async (stub, { id }) => {
    const result = await stub.restore(request)
    cluster.bounds.forget(id, partition)
    return result
  })
}

/** Checks the batches, removes their producers, and covers the offsets behind them. */
async function checkedBatches(given: Uint8Array, from: number, to: number): Promise<Uint8Array> {
  const batches = ownBytes(given)
  const headers = batches.length === 0 ? [] : readBatchHeaders(batches)
  if (headers.length > REQUEST_BATCHES_MAX) {
    const why = `at most ${REQUEST_BATCHES_MAX} batches are allowed, got ${headers.length}`
    throw new EdgelogError('invalid_request', `body: ${why}`)
  }
  const codecs = requestCodecs()
  for (const header of headers) {
    const { maxTimestamp } = await checkStoredBatch(batches, header, codecs)
    const isWrong =
      maxTimestamp !== header.maxTimestamp &&
      (header.timestampType === 'CreateTime' || header.recordsCount === 0)
    if (isWrong) assignMaxTimestamp(batches, header, maxTimestamp)
    removeProducer(batches, readBatchHeader(batches, header.position))
  }
  const last = headers.at(-1)
  const end = last === undefined ? from : last.baseOffset + last.lastOffsetDelta + 1
  const holeCount = to - Math.max(end, from)
  if (holeCount < 0 || holeCount > RESTORE_HOLE_MAX) {
    const why = `${end} to ${end + RESTORE_HOLE_MAX} is allowed, got ${to}`
    throw new EdgelogError('invalid_request', `Edgelog-Next-Offset: ${why}`)
  }
  // Kafka's clients reach the end of a log only by a batch that ends there.
  return holeCount === 0
    ? batches
    : concatenate([batches, holeBatch(to - holeCount, holeCount - 1)])
}
