/** Long polls that wait for readable records. Waking is only a hint: the woken call reads the log again. */
import { WAITERS_MAX } from '../../src/core/limits.ts'
import { type IsolationLevel, type LogEnds, readableEnd } from '../../src/core/log/log-ends.ts'

interface Waiter {
  missingBytes: number
  readonly isolation: IsolationLevel
  readonly wake: () => void
}

export class Waiters {
  readonly #waiters = new Set<Waiter>()
  /** Bytes that were appended and may lie above the last stable offset: at least those that do. */
  #undecidedBytes = 0
  #lastStableOffset = 0

  /**
   * True at the limit: the caller then returns at once, and a client that
   * polls again costs less than an unbounded queue.
   */
  get isFull(): boolean {
    return this.#waiters.size >= WAITERS_MAX
  }

  /** Resolves when `missingBytes` more have become readable, or after `maxWaitMs`. */
  wait(isolation: IsolationLevel, missingBytes: number, maxWaitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        missingBytes,
        isolation,
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

  appended(sizeBytes: number, ends: LogEnds): void {
    const newBytes = { uncommitted: sizeBytes, committed: this.#decided(sizeBytes, ends) }
    for (const waiter of [...this.#waiters]) {
      waiter.missingBytes -= newBytes[waiter.isolation]
      if (newBytes[waiter.isolation] > 0 && waiter.missingBytes <= 0) waiter.wake()
    }
  }

  /** Returns how many bytes became readable for committed readers; too many if only a part of them did. */
  #decided(sizeBytes: number, ends: LogEnds): number {
    const end = readableEnd(ends, 'committed')
    const hasMoved = end > this.#lastStableOffset
    const bytes = this.#undecidedBytes + sizeBytes
    this.#lastStableOffset = end
    this.#undecidedBytes = end === ends.highWatermark ? 0 : bytes
    return hasMoved ? bytes : 0
  }

  wakeAll(): void {
    for (const waiter of [...this.#waiters]) waiter.wake()
  }
}
