/** Decides which transactions hang. Pure. */
import type { TransactionDescription } from '../index.ts'

/** Returns whether a transaction is open for longer than its timeout allows, or takes too long to end. */
export function isHanging(
  { state, startedAtMs, updatedAtMs, timeoutMs }: TransactionDescription,
  nowMs: number,
  graceMs: number,
): boolean {
  if (state === 'PrepareCommit' || state === 'PrepareAbort') return nowMs - updatedAtMs > graceMs
  return state === 'Ongoing' && nowMs - (startedAtMs ?? nowMs) > timeoutMs + graceMs
}
