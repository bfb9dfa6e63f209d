/**
 * Limits the objects that the partitions of an isolate hold in memory while they write them: partitions share the
 * isolate's 128 MB.
 */
import { REMOTE_COPIES_MAX, REMOTE_IN_DOUBT_MS } from '../../src/core/limits.ts'

/** Times at which permits end by themselves: a partition that is evicted does not return its own. */
const permits = new Set<{ readonly expiresAtMs: number }>()

/** Returns the function that gives the permit back; undefined if there is none now. */
export function takeCopyPermit(nowMs: number): (() => void) | undefined {
  for (const permit of permits) if (permit.expiresAtMs <= nowMs) permits.delete(permit)
  if (permits.size >= REMOTE_COPIES_MAX) return undefined
  const permit = { expiresAtMs: nowMs + REMOTE_IN_DOUBT_MS }
  permits.add(permit)
  return () => permits.delete(permit)
}
