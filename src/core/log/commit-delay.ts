/** Decides how long a partition collects appends after a commit, as Postgres does with `commit_delay`. */
import { COMMIT_DELAY_BYTES_MAX, COMMIT_DELAY_CALLS, COMMIT_DELAY_MS_MAX } from '../limits.ts'

/**
 * Returns the wait after a commit. About as many calls are on their way as it had, because their senders have just got
 * their responses; the more of them share a commit, the less each costs. A few calls do not wait for others, and large
 * ones do not either: their bytes cost more than their commit.
 *
 * @param callsCount calls whose appends were committed: the appends of one call arrive together.
 */
export function commitDelayMs(callsCount: number, sizeBytes: number): number {
  if (sizeBytes > COMMIT_DELAY_BYTES_MAX) return 0
  return Math.min(Math.floor(callsCount / COMMIT_DELAY_CALLS), COMMIT_DELAY_MS_MAX)
}
