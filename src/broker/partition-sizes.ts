/** How many bytes partitions take. */
import { EdgelogError } from '../core/errors.ts'
import type { Topic } from '../core/topic/topic.ts'
import type { Cluster } from './cluster.ts'
import { fanOut } from './fan-out.ts'

export interface SizedPartition {
  readonly topic: Topic
  readonly partition: number
  /** Null: it was not asked, or did not answer. */
  readonly sizeBytes: number | null
}

/**
 * Asks the first `askedMax` partitions, each by a call. Partitions that turn out not to exist any more are
 * left out.
 */
export async function partitionSizes(
  cluster: Cluster,
  partitions: ReadonlyArray<Omit<SizedPartition, 'sizeBytes'>>,
  askedMax: number,
): Promise<SizedPartition[]> {
  const asked = await fanOut(partitions.slice(0, askedMax), async ({ topic, partition }) => {
    try {
      const { sizeBytes } = await cluster.topics.callPartition(topic.name, partition, (stub) =>
        stub.describe(),
      )
      return [{ topic, partition, sizeBytes }]
    } catch (error) {
      if (!(error instanceof EdgelogError)) throw error
      return error.retryable ? [{ topic, partition, sizeBytes: null }] : []
    }
  })
  const others = partitions.slice(askedMax).map((one) => ({ ...one, sizeBytes: null }))
  return [...asked.flat(), ...others]
}
