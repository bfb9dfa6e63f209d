/** Deletes the records of a partition that lie before an offset (KIP-107). */
import type { Topic } from '../core/topic/topic.ts'
import type { Cluster } from './cluster.ts'

/**
 * @returns where the log starts now: there, or further up where it did already.
 * @throws {EdgelogError} `offset_out_of_range`, `policy_violation`, `unknown_topic_or_partition`,
 * `unknown_topic_id`.
 */
export async function deleteRecords(
  cluster: Cluster,
  topic: Pick<Topic, 'name' | 'id'>,
  partition: number,
  beforeOffset: number | 'highWatermark',
): Promise<number> {
  const { logStartOffset } = await cluster.topics.callPartitionOf(topic, partition, (stub) =>
    stub.deleteRecords(beforeOffset),
  )
  return logStartOffset
}
