/** Finds offsets by time. */
import { decodeBatch } from '../core/batch/decode-records.ts'
import { readBatchHeader } from '../core/batch/record-batch.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { Cluster } from './cluster.ts'
import { SERVER_CODECS } from './codecs.ts'

export interface OffsetAndTimestamp {
  readonly offset: number
  readonly timestamp: number
}

/**
 * The first record at or after `timestamp`, exact to the record: the partition finds the batch, its
 * records are decoded here.
 */
export async function findOffsetByTimestamp(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  timestamp: number,
): Promise<OffsetAndTimestamp | undefined> {
  const { batch } = await cluster.callPartition(name, partition, (stub) =>
    stub.findTimestamp(timestamp),
  )
  if (batch === null) return undefined
  const records = await decodeBatch(batch, readBatchHeader(batch), SERVER_CODECS)
  const found = records.find((record) => record.timestamp >= timestamp)
  return found && { offset: found.offset, timestamp: found.timestamp }
}
