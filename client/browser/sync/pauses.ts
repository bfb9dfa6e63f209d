/** Back-off of failed work by key: longer after each failure, until it succeeds. */
import type { Clock, Timer } from '../../clock.ts'
import { backoffMs } from '../../http/backoff.ts'
import { NO_PROGRESS_PAUSE_MS, RESUME_BACKOFF_MS, RESUME_BACKOFF_MS_MAX } from '../../limits.ts'

interface Pause {
  readonly attempts: number
  readonly untilMs: number
}

export class Pauses {
  readonly #clock: Clock
  readonly #random: () => number
  readonly #over: () => void
  readonly #pauses = new Map<string, Pause>()
  #timer: Timer

  /** @param over called when a pause is over */
  constructor(clock: Clock, random: () => number, over: () => void) {
    this.#clock = clock
    this.#random = random
    this.#over = over
  }

  /** Starts a pause. `isForgiven`: the first failure causes no pause. */
  begin(key: string, isForgiven = false): void {
    const attempts = (this.#pauses.get(key)?.attempts ?? 0) + 1
    const delayMs =
      isForgiven && attempts === 1
        ? 0
        : NO_PROGRESS_PAUSE_MS +
          backoffMs(attempts, RESUME_BACKOFF_MS, RESUME_BACKOFF_MS_MAX, this.#random)
    this.#pauses.set(key, { attempts, untilMs: this.#clock.now() + delayMs })
    if (delayMs === 0) this.#over()
    else this.#plan()
  }

  isPaused(key: string): boolean {
    return this.#leftMs(this.#pauses.get(key)) > 0
  }

  /** Resets the key after a success. */
  end(key: string): void {
    this.#pauses.delete(key)
  }

  clear(): void {
    this.#pauses.clear()
    this.#plan()
  }

  #plan(): void {
    this.#clock.clearTimeout(this.#timer)
    const lefts = [...this.#pauses.values()].map((pause) => this.#leftMs(pause))
    const nextMs = Math.min(...lefts.filter((leftMs) => leftMs > 0))
    if (nextMs === Number.POSITIVE_INFINITY) return
    this.#timer = this.#clock.setTimeout(() => {
      this.#plan()
      this.#over()
    }, nextMs)
  }

  /** A pause longer than the maximum means that the clock was set back. */
  #leftMs(pause: Pause | undefined): number {
    const leftMs = (pause?.untilMs ?? 0) - this.#clock.now()
    return leftMs > NO_PROGRESS_PAUSE_MS + RESUME_BACKOFF_MS_MAX ? 0 : leftMs
  }
}
