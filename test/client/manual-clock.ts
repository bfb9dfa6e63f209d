import type { Clock, Timer } from '../../client/index.ts'

interface Planned {
  readonly atMs: number
  readonly work: () => void
}

/** A clock that advances only when a test calls it. */
export class ManualClock implements Clock {
  #nowMs = 1_700_000_000_000
  #planned: Planned[] = []

  get pending(): number {
    return this.#planned.length
  }

  now(): number {
    return this.#nowMs
  }

  setTimeout(work: () => void, delayMs: number): Timer {
    const planned = { atMs: this.#nowMs + delayMs, work }
    this.#planned.push(planned)
    return planned
  }

  clearTimeout(timer: Timer): void {
    this.#planned = this.#planned.filter((planned) => planned !== timer)
  }

  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs
    for (;;) {
      const due = this.#planned.filter(({ atMs }) => atMs <= untilMs)
      const [next] = due.toSorted((a, b) => a.atMs - b.atMs)
      if (next === undefined) break
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      this.clearTimeout(next)
      next.work()
    }
    this.#nowMs = untilMs
  }
  /** Advances the time without running timers, as on a machine that sleeps. */
  sleepThrough(byMs: number): void {
    this.#nowMs += byMs
  }
}
