/** Reads a partition: batches as stored, or their decoded records. */
import { BatchBuilder } from '../core/batch/batch-builder.ts'
import { decodeBatch } from '../core/batch/decode-records.ts'
import type { LogRecord } from '../core/batch/record.ts'
import { readBatchHeaders, verifyCrc } from '../core/batch/record-batch.ts'
import { CODECS } from '../core/compression/codecs.ts'
import { DECODED_BYTES_MAX } from '../core/limits.ts'
import type { FetchRequest, FetchResult } from '../core/log/partition-api.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { Cluster } from './cluster.ts'
import { findOffsetByTimestamp } from './list-offsets.ts'

export interface FetchOptions
  extends Pick<FetchRequest, 'maxBytes' | 'minBytes' | 'maxWaitMs' | 'isolation'> {
  readonly from: FetchPosition
}

export type FetchPosition =
  | { readonly offset: number | 'earliest' | 'latest' }
  /** The first record at or after this time; the end of the log if there is none. */
  | { readonly timestamp: number }

export interface FetchedBatches extends FetchResult {
  readonly topicId: string
}

/**
 * Returns whole batches as stored.
 *
 * @throws {EdgelogError} `offset_out_of_range`, `unknown_topic_or_partition`.
 */
export async function fetchBatches(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  options: FetchOptions,
): Promise<FetchedBatches> {
  const { from, ...limits } = options
  const offset =
    'offset' in from
      ? from.offset
      : ((await findOffsetByTimestamp(cluster, name, partition, from.timestamp, limits.isolation))
          ?.offset ?? 'latest')
  const request = { offset, ...limits }
  const { topicId, result } = await cluster.reader.read({ name }, partition, request)
  return { ...result, topicId }
}

export interface FetchedRecords extends Omit<FetchedBatches, 'batches'> {
  readonly records: readonly LogRecord[]
}

/**
 * Like `fetchBatches`, but decoded. A small batch may decompress to a large size, so
 * records beyond `DECODED_BYTES_MAX` are left to the next fetch.
 */
export async function fetchRecords(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  options: FetchOptions,
): Promise<FetchedRecords> {
  const { batches, ...rest } = await fetchBatches(cluster, name, partition, options)
  const records: LogRecord[] = []
  let { to } = rest
  let sizeBytes = 0
  for await (const batch of decodeFrom(batches, rest.from)) {
    for (const record of batch.records) {
      records.push(record)
      sizeBytes += BatchBuilder.recordSizeBytesMax(record)
    }
    if (sizeBytes < DECODED_BYTES_MAX) continue
    // Only the range up to the last decoded batch is returned.
    to = batch.nextOffset
    break
  }
  return { ...rest, to, records }
}

export interface DecodedBatch {
  readonly records: readonly LogRecord[]
  readonly nextOffset: number
}

/**
 * Decodes the records of whole batches from `offset` on, one batch at a time, without control records.
 *
 * @throws {EdgelogError} `corrupt_message` if a stored batch is damaged.
 */
export async function* decodeFrom(
  batches: Uint8Array,
  offset: number,
): AsyncGenerator<DecodedBatch> {
  if (batches.length === 0) return
  for (const header of readBatchHeaders(batches)) {
    verifyCrc(batches, header)
    const records = header.isControl ? [] : await decodeBatch(batches, header, CODECS)
    const nextOffset = header.baseOffset + header.lastOffsetDelta + 1
    yield { records: records.filter((record) => record.offset >= offset), nextOffset }
  }
}
