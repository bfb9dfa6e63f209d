/** Long polls that wait for the log to grow. Waking is only a hint: the woken call reads the log again. */
import { WAITERS_MAX } from '../../src/core/limits.ts'

interface Waiter {
  missingBytes: number
  readonly wake: () => void
}

export class Waiters {
  readonly #waiters = new Set<Waiter>()

  /**
   * True at the limit: the caller then returns at once, and a client that
   * polls again costs less than an unbounded queue.
   */
  get isFull(): boolean {
    return this.#waiters.size >= WAITERS_MAX
  }

  /** Resolves when `missingBytes` more have been appended, or after `maxWaitMs`. */
  wait(missingBytes: number, maxWaitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        missingBytes,
        wake: () => {
          clearTimeout(timer)
          this.#waiters.delete(waiter)
          resolve()
        },
      }
      const timer = setTimeout(waiter.wake, maxWaitMs)
      this.#waiters.add(waiter)
    })
  }

  appended(sizeBytes: number): void {
    for (const waiter of [...this.#waiters]) {
      waiter.missingBytes -= sizeBytes
      if (waiter.missingBytes <= 0) waiter.wake()
    }
  }

  wakeAll(): void {
    for (const waiter of [...this.#waiters]) waiter.wake()
  }
}
