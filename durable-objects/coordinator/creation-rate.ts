/** Limits how fast clients create something, in memory: stops a client in a faulty loop. */
import { EdgelogError } from '../../src/core/errors.ts'

interface CreationLimits {
  /** Number that may be created at once. */
  readonly burst: number
  readonly perMinute: number
}

export class CreationRate {
  readonly #limits: CreationLimits
  /** Number that may be created now; refills over time. */
  #left: number
  #filledAtMs = 0

  constructor(limits: CreationLimits) {
    this.#limits = limits
    this.#left = limits.burst
  }

  /**
   * Counts a creation.
   *
   * @param refusal the message of the error.
   * @throws {EdgelogError} `throttled`.
   */
  take(nowMs: number, refusal: string): void {
    const { burst, perMinute } = this.#limits
    const earned = ((nowMs - this.#filledAtMs) * perMinute) / 60_000
    this.#left = Math.min(burst, this.#left + earned)
    this.#filledAtMs = nowMs
    if (this.#left < 1) {
      const details = { retryAfterMs: Math.ceil(60_000 / perMinute) }
      throw new EdgelogError('throttled', refusal, { details })
    }
    this.#left -= 1
  }
}
