/**
 * Decides whether a fetch may go over the session. On a slow line its response would delay those to heartbeats for
 * longer than a group waits: so there are few at a time, and none for a while after one that took long.
 */
import type { Clock } from '../clock.ts'
import { SESSION_FETCH_MS_MAX, SESSION_FETCHES_AVOIDED_MS, SESSION_FETCHES_MAX } from '../limits.ts'

export class FetchPace {
  readonly #clock: Clock
  #count = 0
  #avoidedUntilMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get isFree(): boolean {
    return this.#count < SESSION_FETCHES_MAX && this.#clock.now() >= this.#avoidedUntilMs
  }

  /** @param over resolves when the response is complete, or lost */
  begin(over: Promise<void>): void {
    const sinceMs = this.#clock.now()
    this.#count += 1
    void over.then(() => {
      this.#count -= 1
      const nowMs = this.#clock.now()
      if (nowMs - sinceMs > SESSION_FETCH_MS_MAX) {
        this.#avoidedUntilMs = nowMs + SESSION_FETCHES_AVOIDED_MS
      }
    })
  }
}
