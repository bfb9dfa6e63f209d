/**
 * Lets one log of an isolate be compacted at a time: all objects of an isolate share its memory, and a pass may need
 * tens of megabytes. A permit that is not renewed ends, because the runtime evicts objects without notice.
 */
import { PERMIT_MS } from '../../src/core/log/compaction/limits.ts'

interface Permit {
  readonly owner: object
  readonly untilMs: number
}

/** Module state, as the memory that it protects belongs to the isolate. */
let permit: Permit | undefined

/** Returns whether `owner` has the permit, which is renewed by each call. */
export function takePermit(owner: object, nowMs: number): boolean {
  if (permit !== undefined && permit.owner !== owner && permit.untilMs > nowMs) return false
  permit = { owner, untilMs: nowMs + PERMIT_MS }
  return true
}

export function returnPermit(owner: object): void {
  if (permit?.owner === owner) permit = undefined
}
