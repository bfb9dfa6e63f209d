/** The bytes of responses that the clients of one app have not taken: all share the memory of the isolate. */
import {
  FETCH_BYTES_MAX,
  KAFKA_RESPONSE_BYTES_MIN,
  KAFKA_RESPONSES_BYTES_MAX,
} from '../core/limits.ts'

/** Part of the free memory that one response may take. */
const SHARE = 1 / 4

export class ResponseMemory {
  #heldBytes = 0

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** @param changeBytes negative for bytes that a client has taken. */
  hold(changeBytes: number): void {
    this.#heldBytes += changeBytes
  }

  /**
   * Reserves memory for the records of one response: less while others hold much, so that clients that take nothing
   * cannot fill it. Give it back by `hold`.
   */
  reserve(): number {
    const shareBytes = Math.floor((KAFKA_RESPONSES_BYTES_MAX - this.#heldBytes) * SHARE)
    const sizeBytes = Math.min(FETCH_BYTES_MAX, Math.max(KAFKA_RESPONSE_BYTES_MIN, shareBytes))
    this.#heldBytes += sizeBytes
    return sizeBytes
  }
}
