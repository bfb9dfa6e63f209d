/** Detects an application that does not request the next batch within `max.poll.interval.ms`. */
import type { Clock, Timer } from '../clock.ts'

interface PollListener {
  /** The first batch has exceeded the interval. */
  overdue(): void
  /** No batch exceeds the interval any more. */
  back(): void
}

export class PollWatch {
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #listener: PollListener
  readonly #timers = new Map<object, Timer>()
  readonly #overdue = new Set<object>()

  constructor(clock: Clock, intervalMs: number, listener: PollListener) {
    this.#clock = clock
    this.#intervalMs = intervalMs
    this.#listener = listener
  }

  get isOverdue(): boolean {
    return this.#overdue.size > 0
  }

  begin(work: object): void {
    const timer = this.#clock.setTimeout(() => {
      this.#overdue.add(work)
      if (this.#overdue.size === 1) this.#listener.overdue()
    }, this.#intervalMs)
    this.#timers.set(work, timer)
  }

  end(work: object): void {
    this.#clock.clearTimeout(this.#timers.get(work))
    this.#timers.delete(work)
    if (this.#overdue.delete(work) && !this.isOverdue) this.#listener.back()
  }

  close(): void {
    for (const timer of this.#timers.values()) this.#clock.clearTimeout(timer)
    this.#timers.clear()
    this.#overdue.clear()
  }
}
