/** Names the records for which a partition rejected a batch, by their indexes in the caller's request. */
import { readOneByOne } from '../core/batch/decode-records.ts'
import type { NewRecord } from '../core/batch/record.ts'
import { type BatchHeader, readBatchHeaders } from '../core/batch/record-batch.ts'
import { nameRejectedRecords, refusedBatchOf } from '../core/log/record-errors.ts'
import { requestCodecs } from './codecs.ts'

/**
 * Returns the error that names the rejected records of a batch, or `error` itself if records did not cause it.
 *
 * @param batches as the partition received them.
 * @param firstIndexes the index of the first record of each batch; by default all are counted from 0.
 */
export async function withErrorsOfBatches(
  error: unknown,
  batches: Uint8Array,
  firstIndexes?: readonly number[],
): Promise<unknown> {
  const refused = refusedBatchOf(error)
  if (refused === undefined) return error
  const { batchIndex, recordRules } = refused
  const headers = readBatchHeaders(batches)
  const header = headers[batchIndex] as BatchHeader
  const firstIndex = firstIndexes?.[batchIndex] ?? countRecords(headers.slice(0, batchIndex))
  return await readOneByOne(batches, header, requestCodecs(), (records) =>
    nameRejectedRecords(records, recordRules, (position) => firstIndex + position),
  )
}

/** Like `withErrorsOfBatches`, for batches that were made from `records`. */
export function withErrorsOfRecords(
  error: unknown,
  records: readonly NewRecord[],
  indexes: readonly number[],
): unknown {
  const refused = refusedBatchOf(error)
  if (refused === undefined) return error
  const indexOf = (position: number) => indexes[position] as number
  return nameRejectedRecords(records, refused.recordRules, indexOf)
}

function countRecords(headers: readonly BatchHeader[]): number {
  return headers.reduce((sum, { recordsCount }) => sum + recordsCount, 0)
}
