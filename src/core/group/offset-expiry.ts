/** When committed offsets are forgotten. */
import type { CommittedOffset } from './group-api.ts'

export interface OffsetExpiry {
  readonly retentionMs: number
  /** Since when the group has no members; null: it has some. */
  readonly emptySinceMs: number | null
  /** Whether some member subscribes to a topic. */
  readonly isSubscribed: (topicId: string) => boolean
}

/**
 * When an offset is forgotten: `offsets.retention.minutes` after the group became empty, or after the
 * commit where that was later; in a group with members only that of a topic nobody subscribes to.
 */
export function offsetExpiresAtMs(
  { topicId, committedAtMs }: CommittedOffset,
  { retentionMs, emptySinceMs, isSubscribed }: OffsetExpiry,
): number {
  if (emptySinceMs !== null) return Math.max(committedAtMs, emptySinceMs) + retentionMs
  return isSubscribed(topicId) ? Number.POSITIVE_INFINITY : committedAtMs + retentionMs
}
