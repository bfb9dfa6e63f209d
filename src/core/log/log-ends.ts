/**
 * The ends of a partition's log. Readers get the records between the start and the end of their isolation level.
 *
 *     logStartOffset          lastStableOffset      highWatermark
 *           |--------- decided -------|-- open transactions --|
 */
export interface LogEnds {
  /** The oldest offset that is kept. */
  readonly logStartOffset: number
  /** The offset of the first record of the oldest open transaction; the high watermark if none is open. */
  readonly lastStableOffset: number
  /** The offset of the next record: with one copy of the log, the end of the log. */
  readonly highWatermark: number
}

/** Kafka's `isolation.level`: decides if a reader gets records of undecided transactions. */
export const ISOLATION_LEVELS = ['committed', 'uncommitted'] as const
export type IsolationLevel = (typeof ISOLATION_LEVELS)[number]

/** Returns the offset at which a reader has to stop. */
export function readableEnd(
  { lastStableOffset, highWatermark }: Omit<LogEnds, 'logStartOffset'>,
  isolation: IsolationLevel,
): number {
  return isolation === 'committed' ? lastStableOffset : highWatermark
}
