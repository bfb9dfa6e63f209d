import type { Client, ConsumerRecord } from '../../client/index.ts'

/** Reads all records of a partition, up to its current end. */
export async function readTopic(
  log: Client,
  topic: string,
  partition: number,
): Promise<ConsumerRecord[]> {
  const { partitionDetails = [] } = await log.admin.describeTopic(topic)
  const highWatermark = partitionDetails[partition]?.highWatermark ?? 0
  const records: ConsumerRecord[] = []
  if (highWatermark === 0) return records
  const consumer = await log.consumer({ assignments: [{ topic, partition, offset: 'earliest' }] })
  for await (const batch of consumer) {
    records.push(...batch.records)
    if (batch.nextOffset >= highWatermark) break
  }
  await consumer.close()
  return records
}
