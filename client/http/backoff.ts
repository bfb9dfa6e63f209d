import type { Connection } from './connection.ts'
import { retryAfterMsOf } from './request-error.ts'

/**
 * Returns the delay before attempt number `attempts + 1`: "full jitter", random between 0
 * and a bound that doubles, so that clients which failed together do not retry together.
 */
export function backoffMs(
  attempts: number,
  baseMs: number,
  maxMs: number,
  random: () => number,
): number {
  const boundMs = Math.min(maxMs, baseMs * 2 ** Math.min(attempts - 1, 30))
  return random() * boundMs
}

/** Returns the back-off delay, or the error's `Retry-After` if that is longer. */
export function retryDelayMs(
  { random }: Connection,
  error: unknown,
  attempts: number,
  baseMs: number,
  maxMs: number,
): number {
  return Math.max(backoffMs(attempts, baseMs, maxMs, random), retryAfterMsOf(error))
}
