/**
 * Lets records that are queued in quick succession gather before they are sent. IndexedDB runs one transaction of the
 * outbox at a time, so those of the sender would delay each `send()`.
 *
 *   a record alone            is sent at once
 *   records close together    are sent when none followed for QUEUE_GAP_MS, or QUEUE_LINGER_MS_MAX have passed
 */
import { QUEUE_GAP_MS, QUEUE_LINGER_MS_MAX } from '../limits.ts'

export class QueueRhythm {
  #lastMs = Number.NEGATIVE_INFINITY
  #isFlowing = false
  /** When the records that wait began to gather. */
  #gatheringSinceMs: number | undefined

  /** Records were queued. */
  queued(nowMs: number): void {
    this.#isFlowing = this.#isRecent(nowMs)
    this.#lastMs = nowMs
  }

  /** Returns the time for which the sender lets records gather; 0 if it may send now. */
  waitMs(nowMs: number): number {
    const sinceMs = this.#gatheringSinceMs ?? nowMs
    const mayGather = nowMs >= sinceMs && nowMs - sinceMs < QUEUE_LINGER_MS_MAX
    if (this.#isFlowing && this.#isRecent(nowMs) && mayGather) {
      this.#gatheringSinceMs = sinceMs
      return this.#lastMs + QUEUE_GAP_MS - nowMs
    }
    this.#gatheringSinceMs = undefined
    return 0
  }

  /** False also if the clock was set back. */
  #isRecent(nowMs: number): boolean {
    return nowMs >= this.#lastMs && nowMs - this.#lastMs < QUEUE_GAP_MS
  }
}
