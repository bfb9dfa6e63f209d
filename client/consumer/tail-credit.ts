/**
 * Decides how many bytes of one partition may be in flight on a live tail: few at first, more if they
 * arrive quickly. On a slow line little is in flight then, so other responses do not queue behind it.
 */
import { TAIL_CREDIT_BYTES_MIN, TAIL_CREDIT_GROWTH, TAIL_CREDIT_WINDOW_MS } from '../limits.ts'

export class TailCredit {
  readonly #bytesMax: number
  /** Most bytes that may be granted and not yet received. */
  #windowBytes: number
  /** Bytes received since `#sinceMs`. */
  #takenBytes = 0
  #sinceMs: number
  #ungrantedBytes = 0

  /** @param nowMs time of the subscription */
  constructor(bytesMax: number, nowMs: number) {
    this.#bytesMax = bytesMax
    this.#windowBytes = Math.min(bytesMax, TAIL_CREDIT_BYTES_MIN)
    this.#sinceMs = nowMs
  }

  /** First credit of a subscription. */
  get firstBytes(): number {
    return this.#windowBytes
  }

  /** Counts `bytes` that were delivered. Returns how many to grant now. */
  take(bytes: number, nowMs: number): number {
    this.#takenBytes += bytes
    this.#ungrantedBytes += bytes
    if (this.#takenBytes >= this.#windowBytes) this.#grow(nowMs)
    // Grants one message for many frames: the other half of the window keeps the server sending.
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
