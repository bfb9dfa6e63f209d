/** Applies due deadlines to a group of the classic protocol, and returns the next one. */
import { INITIAL_REBALANCE_DELAY_MS } from '../../limits.ts'
import { dueKeys, earliestDeadlineMs, NEVER_MS } from './classic-deadlines.ts'
import { andThen, type ClassicGroup, type ClassicStep } from './classic-group.ts'
import { completeIfAllJoined, completeJoin, removeMembers } from './classic-rebalance.ts'

/**
 * Returns when `decideTime` has to be called next; null if no deadline is set. Visits all members. Heartbeats,
 * syncs and commits of a stable group never make it earlier, so a shell whose timer is set need not recompute
 * it after them, and may call `decideTime` too early.
 */
export function nextDeadlineMs({ sessions, reserved, clock }: ClassicGroup): number | null {
  let earliestMs = earliestDeadlineMs(sessions)
  for (const deadlineMs of reserved.values()) earliestMs = Math.min(earliestMs, deadlineMs)
  if (isRunning(clock)) earliestMs = Math.min(earliestMs, clock.deadlineMs)
  return earliestMs === NEVER_MS ? null : earliestMs
}

/**
 * Applies all that is due: reservations, sessions, and the clock of the phase. If
 * nothing is due, keeps the same object.
 */
export function decideTime(group: ClassicGroup, nowMs: number): ClassicStep {
  const unreserved = expireReservations(group, nowMs)
  const expired = andThen(unreserved, (next) =>
    removeMembers(next, dueKeys(next.sessions, nowMs), nowMs),
  )
  return andThen(expired, (next) => expireClock(next, nowMs))
}

function expireReservations(group: ClassicGroup, nowMs: number): ClassicStep {
  const reserved = new Map([...group.reserved].filter(([, deadlineMs]) => deadlineMs > nowMs))
  if (reserved.size === group.reserved.size) return { group, responses: [] }
  return completeIfAllJoined({ ...group, reserved }, nowMs)
}

function expireClock(group: ClassicGroup, nowMs: number): ClassicStep {
  const { clock } = group
  if (!isRunning(clock) || clock.deadlineMs > nowMs) return { group, responses: [] }
  if (clock.kind === 'sync') return removeMembers(group, [...clock.pending], nowMs)
  if (clock.kind === 'initial' && clock.hasNewMember && nowMs < clock.latestMs) {
    const deadlineMs = Math.min(nowMs + INITIAL_REBALANCE_DELAY_MS, clock.latestMs)
    return {
      group: { ...group, clock: { ...clock, deadlineMs, hasNewMember: false } },
      responses: [],
    }
  }
  return completeJoin(group, nowMs)
}

/** Returns whether a clock can still expire. After all members have synced, a sync clock has nothing left to end. */
function isRunning(clock: ClassicGroup['clock']): clock is NonNullable<ClassicGroup['clock']> {
  return clock !== null && !(clock.kind === 'sync' && clock.pending.size === 0)
}
