import type { Connection } from './connection.ts'
import { retryAfterMsOf } from './refusal.ts'

/**
 * How long to wait before attempt number `attempts + 1`: "full jitter", random between nothing and a
 * bound that doubles, so that clients which failed together do not return together.
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

/** The same, and at least as long as the refusal asks for. */
export function retryDelayMs(
  { random }: Connection,
  error: unknown,
  attempts: number,
  baseMs: number,
  maxMs: number,
): number {
  return Math.max(backoffMs(attempts, baseMs, maxMs, random), retryAfterMsOf(error))
}
