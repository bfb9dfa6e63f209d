/** Finds offsets by time. */
import { decodeBatch } from '../core/batch/decode-records.ts'
import type { LogRecord } from '../core/batch/record.ts'
import { readBatchHeader } from '../core/batch/record-batch.ts'
import { CODECS } from '../core/compression/codecs.ts'
import { EMPTY_LOG } from '../core/log/empty-partition.ts'
import { type IsolationLevel, readableEnd } from '../core/log/log-ends.ts'
import type { TimestampLookup } from '../core/log/partition-api.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import { findRemoteBatches } from '../remote/remote-read.ts'
import type { Cluster } from './cluster.ts'

export interface OffsetAndTimestamp {
  readonly offset: number
  readonly timestamp: number
}

/**
 * Finds the first record at or after `timestamp`, exact to the record: the partition
 * finds the batch, and its records are decoded here. Returns undefined if readers of this isolation cannot read it yet.
 */
export async function findOffsetByTimestamp(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  timestamp: number,
  isolation: IsolationLevel,
): Promise<OffsetAndTimestamp | undefined> {
  for await (const records of findRecords(cluster, name, partition, timestamp, isolation)) {
    const found = records.find((record) => record.timestamp >= timestamp)
    if (found !== undefined) return positionOf(found)
  }
  return undefined
}

/** Finds the first record with the latest time; undefined if no record has a time. */
export async function findMaxTimestamp(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  isolation: IsolationLevel,
): Promise<OffsetAndTimestamp | undefined> {
  let latest: LogRecord | undefined
  for await (const records of findRecords(cluster, name, partition, 'max', isolation)) {
    for (const record of records) {
      if (record.timestamp > (latest?.timestamp ?? -1)) latest = record
    }
  }
  return latest && positionOf(latest)
}

/** Decodes the batches that the partition returned, without records that cannot be read. */
async function* findRecords(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  timestamp: number | 'max',
  isolation: IsolationLevel,
): AsyncGenerator<LogRecord[]> {
  const lookup = await cluster.topics.callPartition<TimestampLookup>(
    name,
    partition,
    (stub) => stub.findTimestamp(timestamp),
    () => ({ batches: [], ...EMPTY_LOG }),
  )
  const { logStartOffset } = lookup
  const endOffset = readableEnd(lookup, isolation)
  for await (const batch of batchesOf(cluster, lookup, timestamp)) {
    const records = await decodeBatch(batch, readBatchHeader(batch), CODECS)
    yield records.filter(({ offset }) => offset >= logStartOffset && offset < endOffset)
  }
}

/** Yields the batches in R2, which are older, and then those of the partition. */
async function* batchesOf(
  { reader }: Cluster,
  { remote, batches, logStartOffset }: TimestampLookup,
  timestamp: number | 'max',
): AsyncGenerator<Uint8Array> {
  if (remote !== undefined) {
    yield* findRemoteBatches(reader.objects, remote, timestamp, logStartOffset)
  }
  yield* batches
}

function positionOf({ offset, timestamp }: LogRecord): OffsetAndTimestamp {
  return { offset, timestamp }
}
