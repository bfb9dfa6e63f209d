/**
 * How much of one partition may be under way on a live tail: little at first, more where it comes
 * quickly. So on a slow line little is under way, and what others are waiting for does not queue
 * behind it. Decides only.
 */
import { TAIL_CREDIT_BYTES_MIN, TAIL_CREDIT_GROWTH, TAIL_CREDIT_WINDOW_MS } from '../limits.ts'

export class TailCredit {
  readonly #bytesMax: number
  /** Granted and not taken yet, at most. */
  #windowBytes: number
  /** Taken since `#sinceMs`. */
  #takenBytes = 0
  #sinceMs: number
  #ungrantedBytes = 0

  /** @param nowMs time of the subscription */
  constructor(bytesMax: number, nowMs: number) {
    this.#bytesMax = bytesMax
    this.#windowBytes = Math.min(bytesMax, TAIL_CREDIT_BYTES_MIN)
    this.#sinceMs = nowMs
  }

  /** The first credit of a subscription. */
  get firstBytes(): number {
    return this.#windowBytes
  }

  /** Takes `bytes` that have come. Returns how many to grant now. */
  take(bytes: number, nowMs: number): number {
    this.#takenBytes += bytes
    this.#ungrantedBytes += bytes
    if (this.#takenBytes >= this.#windowBytes) this.#grow(nowMs)
    // One message for many frames: the other half of the window keeps the log sending.
    if (this.#ungrantedBytes < this.#windowBytes / 2) return 0
    const granted = this.#ungrantedBytes
    this.#ungrantedBytes = 0
    return granted
  }

  #grow(nowMs: number): void {
    const before = this.#windowBytes
    if (nowMs - this.#sinceMs <= TAIL_CREDIT_WINDOW_MS) {
      this.#windowBytes = Math.min(this.#bytesMax, before * TAIL_CREDIT_GROWTH)
    }
    this.#ungrantedBytes += this.#windowBytes - before
    this.#takenBytes = 0
    this.#sinceMs = nowMs
  }
}
