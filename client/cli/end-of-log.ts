/** Tells the end of a log from a connection that stands still. */
import type { Client, PartitionPosition } from '../index.ts'

/** A partition of which not all was read. */
export interface Unread {
  readonly partition: number
  /** The next offset; undefined where the log has not said yet where reading begins. */
  readonly offset: number | undefined
  readonly highWatermark: number
}

/**
 * Returns the partitions that hold more than was read.
 *
 * @param options `onlyAssigned`: leaves out the partitions that have no position.
 * @throws what the server refuses, and `unavailable` when it does not answer.
 */
export async function findUnread(
  client: Client,
  topic: string,
  positions: readonly PartitionPosition[],
  options: { readonly onlyAssigned: boolean; readonly signal: AbortSignal },
): Promise<Unread[]> {
  const { onlyAssigned, signal } = options
  const { partitionDetails = [] } = await client.admin.describeTopic(topic, { signal })
  return partitionDetails.flatMap(({ partition, logStartOffset, highWatermark }) => {
    const position = positions.find((one) => one.partition === partition)
    if (position === undefined && onlyAssigned) return []
    const offset = position?.offset
    const isRead = highWatermark === logStartOffset || (offset ?? -1) >= highWatermark
    return isRead ? [] : [{ partition, offset, highWatermark }]
  })
}

/** Says how far reading came in each partition. */
export function describeUnread(unread: readonly Unread[]): string {
  const parts = unread.map(
    ({ partition, offset = 'nothing', highWatermark }) =>
      `partition ${partition} to ${offset} of ${highWatermark}`,
  )
  return parts.join(', ')
}
