/** Admits one event per cause and interval, so that one cause that fails thousands of calls is one log line. */
import { EVENT_CAUSES_MAX, EVENT_INTERVAL_MS } from '../core/limits.ts'

interface Admitted {
  readonly atMs: number
  repeats: number
}

export class RepeatLimit {
  /** The least recently admitted cause is first. */
  readonly #causes = new Map<string, Admitted>()

  /** Returns the number of repeats left out since the last admission; undefined if this event is left out too. */
  admit(cause: string, nowMs: number): number | undefined {
    const last = this.#causes.get(cause)
    const elapsedMs = nowMs - (last?.atMs ?? 0)
    // Negative if the clock was set back.
    if (last !== undefined && elapsedMs >= 0 && elapsedMs < EVENT_INTERVAL_MS) {
      last.repeats += 1
      return undefined
    }
    this.#causes.delete(cause)
    if (this.#causes.size >= EVENT_CAUSES_MAX) {
      const [oldest] = this.#causes.keys()
      if (oldest !== undefined) this.#causes.delete(oldest)
    }
    this.#causes.set(cause, { atMs: nowMs, repeats: 0 })
    return last?.repeats ?? 0
  }
}
