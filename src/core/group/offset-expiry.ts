/** Decides when committed offsets expire. */
import type { CommittedOffset } from './group-api.ts'

export interface OffsetExpiry {
  readonly retentionMs: number
  /** Time at which the group became empty; null: it has members. */
  readonly emptySinceMs: number | null
  /** Returns whether some member subscribes to a topic. */
  readonly isSubscribed: (topicId: string) => boolean
  /** Returns whether an open transaction may change the offset. */
  readonly isPending: (offset: CommittedOffset) => boolean
}

/**
 * Returns when an offset expires: `offsets.retention.minutes` after the group became empty, or after the commit
 * if that was later. In a group with members, only offsets of topics without a subscriber expire; an offset
 * that an open transaction may change does not.
 */
export function offsetExpiresAtMs(
  offset: CommittedOffset,
  { retentionMs, emptySinceMs, isSubscribed, isPending }: OffsetExpiry,
): number {
  const { topicId, committedAtMs } = offset
  if (isPending(offset)) return Number.POSITIVE_INFINITY
  if (emptySinceMs !== null) return Math.max(committedAtMs, emptySinceMs) + retentionMs
  return isSubscribed(topicId) ? Number.POSITIVE_INFINITY : committedAtMs + retentionMs
}
