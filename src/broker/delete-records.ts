/** Deletes the records of a partition below an offset (KIP-107). */
import type { Cluster } from './cluster.ts'
import type { CalledTopic } from './topic-metadata.ts'

/**
 * Raises the log start of a partition.
 *
 * @returns the new log start: `beforeOffset`, or the old one if that is higher.
 * @throws {EdgelogError} `offset_out_of_range`, `policy_violation`, `unknown_topic_or_partition`, `unknown_topic_id`.
 */
export async function deleteRecords(
  cluster: Cluster,
  topic: CalledTopic,
  partition: number,
  beforeOffset: number | 'highWatermark',
): Promise<number> {
  return await cluster.topics.callPartitionOf(topic, partition, async (stub, { id }) => {
    const result = await stub.deleteRecords(beforeOffset)
    cluster.bounds.forget(id, partition)
    return 'ok' in result ? { ok: result.ok.logStartOffset } : result
  })
}
