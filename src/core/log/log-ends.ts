/**
 * The ends of a partition's log. Readers get what lies between the start and the end of their isolation level.
 *
 *     logStartOffset          lastStableOffset      highWatermark
 *           |--------- decided -------|-- open transactions --|
 */
export interface LogEnds {
  /** The oldest offset that is kept. */
  readonly logStartOffset: number
  /** The offset of the first record of the oldest open transaction; the high watermark where none is open. */
  readonly lastStableOffset: number
  /** The offset of the next record. With one copy of the log it is the end of the log. */
  readonly highWatermark: number
}

/** Kafka's `isolation.level`: whether a reader gets records of transactions that are not decided. */
export const ISOLATION_LEVELS = ['committed', 'uncommitted'] as const
export type IsolationLevel = (typeof ISOLATION_LEVELS)[number]

/** Returns the offset up to which a reader reads. */
export function readableEnd(ends: LogEnds, isolation: IsolationLevel): number {
  return isolation === 'committed' ? ends.lastStableOffset : ends.highWatermark
}
