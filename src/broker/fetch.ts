/** Reads a partition: batches as they lie in the log, or their records. */
import { decodeBatch } from '../core/batch/decode-records.ts'
import type { LogRecord } from '../core/batch/record.ts'
import { readBatchHeaders, verifyCrc } from '../core/batch/record-batch.ts'
import type { FetchReply } from '../core/log/partition-api.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { Cluster } from './cluster.ts'
import { SERVER_CODECS } from './codecs.ts'
import { findOffsetByTimestamp } from './list-offsets.ts'

export interface FetchOptions {
  readonly from: FetchPosition
  readonly maxBytes: number
  readonly minBytes: number
  readonly maxWaitMs: number
}

export type FetchPosition =
  | { readonly offset: number | 'earliest' | 'latest' }
  /** The first record at or after this time; the end of the log if there is none. */
  | { readonly timestamp: number }

/** @throws {EdgelogError} `offset_out_of_range`, `unknown_topic_or_partition`. */
export async function fetchBatches(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  options: FetchOptions,
): Promise<FetchReply> {
  const { from, ...limits } = options
  const offset =
    'offset' in from
      ? from.offset
      : ((await findOffsetByTimestamp(cluster, name, partition, from.timestamp))?.offset ??
        'latest')
  return await cluster.callPartition(name, partition, (stub) => stub.read({ offset, ...limits }))
}

export interface FetchedRecords extends Omit<FetchReply, 'batches'> {
  readonly records: readonly LogRecord[]
}

/** The same, decoded. */
export async function fetchRecords(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  options: FetchOptions,
): Promise<FetchedRecords> {
  const { batches, ...rest } = await fetchBatches(cluster, name, partition, options)
  return { ...rest, records: await decodeFrom(batches, rest.offset) }
}

/**
 * The records of whole batches from `offset` on, without the control records between them.
 *
 * @throws {EdgelogError} `corrupt_message` if what was stored is not what was appended.
 */
export async function decodeFrom(batches: Uint8Array, offset: number): Promise<LogRecord[]> {
  if (batches.length === 0) return []
  const records: LogRecord[] = []
  for (const header of readBatchHeaders(batches)) {
    verifyCrc(batches, header)
    if (header.isControl) continue
    for (const record of await decodeBatch(batches, header, SERVER_CODECS)) {
      if (record.offset >= offset) records.push(record)
    }
  }
  return records
}
