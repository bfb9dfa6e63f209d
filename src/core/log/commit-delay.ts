/** Decides how long a partition collects appends after a commit, as Postgres does with `commit_delay`. */
import { COMMIT_DELAY_APPENDS, COMMIT_DELAY_BYTES_MAX, COMMIT_DELAY_MS_MAX } from '../limits.ts'

/**
 * Returns the wait after a commit. About as many appends are on their way as it had, because their senders have just
 * got their responses; the more of them share a commit, the less each costs. A few appends do not wait for others, and
 * large ones do not either: their bytes cost more than their commit.
 */
export function commitDelayMs(appendsCount: number, sizeBytes: number): number {
  if (sizeBytes > COMMIT_DELAY_BYTES_MAX) return 0
  return Math.min(Math.floor(appendsCount / COMMIT_DELAY_APPENDS), COMMIT_DELAY_MS_MAX)
}
