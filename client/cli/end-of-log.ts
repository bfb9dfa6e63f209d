/** Finds out whether a silent consumer has read the whole log, or its connection is stalled. */
import type { Client, PartitionPosition } from '../index.ts'

/** A partition with unread records. */
export interface Unread {
  readonly partition: number
  /** Next offset; undefined until the server has resolved the start position. */
  readonly offset: number | undefined
  readonly highWatermark: number
}

/**
 * Returns the partitions with unread records.
 *
 * @param options `onlyAssigned`: skips partitions without a position
 * @throws the error of the server; `unavailable` if it does not respond
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

/** Describes how far each partition was read. */
export function describeUnread(unread: readonly Unread[]): string {
  const parts = unread.map(
    ({ partition, offset = 'nothing', highWatermark }) =>
      `partition ${partition} to ${offset} of ${highWatermark}`,
  )
  return parts.join(', ')
}
