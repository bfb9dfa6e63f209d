/**
 * Logs why calls to Durable Objects failed: a full disk, an object that was reset, too much load. Callers get
 * `unavailable` or `throttled` and retry, so that one cause can fail thousands of calls; it is logged once in
 * a while, with the number of failures since.
 */
import { FAILURE_CAUSES_MAX, FAILURE_LOG_INTERVAL_MS } from '../core/limits.ts'

interface Logged {
  readonly atMs: number
  /** Failures by the same cause since it was logged. */
  repeats: number
}

export class FailureLog {
  readonly #causes = new Map<string, Logged>()

  report(cause: unknown, nowMs: number): void {
    const why = cause instanceof Error ? cause.message : String(cause)
    const logged = this.#causes.get(why)
    if (logged !== undefined && nowMs - logged.atMs < FAILURE_LOG_INTERVAL_MS) {
      logged.repeats += 1
      return
    }
    const repeats = logged?.repeats ?? 0
    this.#causes.delete(why)
    if (this.#causes.size >= FAILURE_CAUSES_MAX) this.#causes.clear()
    this.#causes.set(why, { atMs: nowMs, repeats: 0 })
    const more = repeats === 0 ? '' : ` (and ${repeats} more times since this was last logged)`
    console.error(`a call to the log failed: ${why}${more}`)
  }
}
