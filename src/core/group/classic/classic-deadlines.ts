/**
 * Deadlines by member id, as an immutable value that is cheap to change one at a time: recent changes are in a
 * small map of their own, which is merged into the large one when it has grown. So a heartbeat in a group of
 * 2,000 copies some dozens of entries, not all of them.
 */

export interface Deadlines {
  readonly settled: ReadonlyMap<string, number>
  /** Overrides `settled`. */
  readonly recent: ReadonlyMap<string, number>
}

/** About the square root of the maximum number of members: then copying and merging cost the same. */
const RECENT_MAX = 48

export const NO_DEADLINES: Deadlines = { settled: new Map(), recent: new Map() }

/** Deadline of a member that never expires. */
export const NEVER_MS = Number.POSITIVE_INFINITY

export function deadlineOf(deadlines: Deadlines, key: string): number | undefined {
  return deadlines.recent.get(key) ?? deadlines.settled.get(key)
}

export function setDeadline(deadlines: Deadlines, key: string, deadlineMs: number): Deadlines {
  const recent = new Map(deadlines.recent).set(key, deadlineMs)
  return recent.size <= RECENT_MAX
    ? { settled: deadlines.settled, recent }
    : { settled: fold(deadlines.settled, recent), recent: new Map() }
}

/** Sets many deadlines at once. */
export function setDeadlines(
  deadlines: Deadlines,
  changes: Iterable<readonly [string, number]>,
): Deadlines {
  const settled = fold(fold(deadlines.settled, deadlines.recent), changes)
  return { settled, recent: new Map() }
}

export function deleteDeadlines(deadlines: Deadlines, keys: Iterable<string>): Deadlines {
  const settled = fold(deadlines.settled, deadlines.recent)
  for (const key of keys) settled.delete(key)
  return { settled, recent: new Map() }
}

/** Returns the earliest deadline; `NEVER_MS` if there is none. */
export function earliestDeadlineMs(deadlines: Deadlines): number {
  let earliestMs = NEVER_MS
  for (const deadlineMs of deadlines.recent.values()) earliestMs = Math.min(earliestMs, deadlineMs)
  for (const [key, deadlineMs] of deadlines.settled) {
    if (deadlineMs < earliestMs && !deadlines.recent.has(key)) earliestMs = deadlineMs
  }
  return earliestMs
}

/** Returns the keys whose deadline is `nowMs` or earlier. */
export function dueKeys(deadlines: Deadlines, nowMs: number): string[] {
  const due: string[] = []
  for (const [key, deadlineMs] of deadlines.settled) {
    if (deadlineMs <= nowMs && !deadlines.recent.has(key)) due.push(key)
  }
  for (const [key, deadlineMs] of deadlines.recent) if (deadlineMs <= nowMs) due.push(key)
  return due
}

function fold(
  settled: ReadonlyMap<string, number>,
  changes: Iterable<readonly [string, number]>,
): Map<string, number> {
  const folded = new Map(settled)
  for (const [key, deadlineMs] of changes) folded.set(key, deadlineMs)
  return folded
}
