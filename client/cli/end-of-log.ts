/** Finds out whether a silent consumer has read the whole log, or its connection is stalled. */
import { type IsolationLevel, readableEnd } from '../../src/core/log/log-ends.ts'
import type { Client, PartitionPosition } from '../index.ts'

/** A partition with unread records. */
export interface Unread {
  readonly partition: number
  /** Next offset; undefined until the server has resolved the start position. */
  readonly offset: number | undefined
  /** The end of the log for the consumer: an open transaction holds back a committed one. */
  readonly readableEnd: number
}

interface UnreadOptions {
  readonly onlyAssigned: boolean
  readonly isolation: IsolationLevel
  readonly signal: AbortSignal
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
  options: UnreadOptions,
): Promise<Unread[]> {
  const { onlyAssigned, isolation, signal } = options
  const { partitionDetails = [] } = await client.admin.describeTopic(topic, { signal })
  return partitionDetails.flatMap(({ partition, ...ends }) => {
    const position = positions.find((one) => one.partition === partition)
    if (position === undefined && onlyAssigned) return []
    const offset = position?.offset
    const end = readableEnd(ends, isolation)
    const isRead = end === ends.logStartOffset || (offset ?? -1) >= end
    return isRead ? [] : [{ partition, offset, readableEnd: end }]
  })
}

/** Describes how far each partition was read. */
export function describeUnread(unread: readonly Unread[]): string {
  const parts = unread.map(
    ({ partition, offset = 'nothing', readableEnd }) =>
      `partition ${partition} to ${offset} of ${readableEnd}`,
  )
  return parts.join(', ')
}
