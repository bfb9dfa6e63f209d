/** Sizes of partitions in bytes, without what is in R2 only, as Kafka's log directories. */
import { EdgelogError } from '../core/errors.ts'
import type { Topic } from '../core/topic/topic.ts'
import type { Cluster } from './cluster.ts'
import { fanOut } from './fan-out.ts'

export interface SizedPartition {
  readonly topic: Topic
  readonly partition: number
  /** Null if the partition was not called or did not respond. */
  readonly sizeBytes: number | null
}

/** Calls the first `askedMax` partitions for their sizes. Leaves out partitions that no longer exist. */
export async function partitionSizes(
  cluster: Cluster,
  partitions: ReadonlyArray<Omit<SizedPartition, 'sizeBytes'>>,
  askedMax: number,
): Promise<SizedPartition[]> {
  const asked = await fanOut(partitions.slice(0, askedMax), async ({ topic, partition }) => {
    try {
      const described = await cluster.topics.describePartition(topic.name, partition)
      const sizeBytes = described.remote?.localBytes ?? described.sizeBytes
      return [{ topic, partition, sizeBytes }]
    } catch (error) {
      if (!(error instanceof EdgelogError)) throw error
      return error.retryable ? [{ topic, partition, sizeBytes: null }] : []
    }
  })
  const others = partitions.slice(askedMax).map((one) => ({ ...one, sizeBytes: null }))
  return [...asked.flat(), ...others]
}
