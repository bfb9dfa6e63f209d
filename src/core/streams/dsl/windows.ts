/** Makes windows, and checks them. */
import { EdgelogError } from '../../errors.ts'
import { WINDOWS_PER_RECORD_MAX } from '../limits.ts'
import type { JoinWindows, SessionWindows, SlidingWindows, TimeWindows } from '../windows.ts'

/**
 * Returns windows of a fixed size: tumbling ones, or hopping ones that start each `advanceMs`. A window is closed when
 * stream time is its end and `graceMs`; later records do not change it.
 *
 * @param options `advanceMs`: default `sizeMs`; `graceMs`: default 0
 */
export function timeWindows(options: {
  readonly sizeMs: number
  readonly advanceMs?: number
  readonly graceMs?: number
}): TimeWindows {
  const { sizeMs, advanceMs = sizeMs, graceMs = 0 } = options
  check('sizeMs', sizeMs, 1)
  check('advanceMs', advanceMs, Math.ceil(sizeMs / WINDOWS_PER_RECORD_MAX), sizeMs)
  check('graceMs', graceMs, 0)
  return { kind: 'time', sizeMs, advanceMs, graceMs }
}

/**
 * Returns sliding windows: two records of a key are in one window if they are at most `differenceMs` apart.
 *
 * @param options `graceMs`: default 0
 */
export function slidingWindows(options: {
  readonly differenceMs: number
  readonly graceMs?: number
}): SlidingWindows {
  const { differenceMs, graceMs = 0 } = options
  check('differenceMs', differenceMs, 0)
  check('graceMs', graceMs, 0)
  return { kind: 'sliding', differenceMs, graceMs }
}

/**
 * Returns sessions: records of a key are in one session if each follows another within `gapMs`.
 *
 * @param options `graceMs`: default 0
 */
export function sessionWindows(options: {
  readonly gapMs: number
  readonly graceMs?: number
}): SessionWindows {
  const { gapMs, graceMs = 0 } = options
  check('gapMs', gapMs, 1)
  check('graceMs', graceMs, 0)
  return { kind: 'session', gapMs, graceMs }
}

/**
 * Returns the windows of a join of two streams: a right record is joined with a left one if it is at most `beforeMs`
 * before and at most `afterMs` behind it.
 *
 * @param options `graceMs`: default 0
 */
export function joinWindows(options: {
  readonly beforeMs: number
  readonly afterMs: number
  readonly graceMs?: number
}): JoinWindows {
  const { beforeMs, afterMs, graceMs = 0 } = options
  check('beforeMs', beforeMs, 0)
  check('afterMs', afterMs, 0)
  check('graceMs', graceMs, 0)
  return { kind: 'join', beforeMs, afterMs, graceMs }
}

/** When `suppress` forwards the update that it holds. */
export type SuppressUntil =
  | { readonly until: 'window-closes' }
  | { readonly until: 'time-limit'; readonly limitMs: number }

/** Forwards one update for each window: the last one, when no more can come. */
export function untilWindowCloses(): SuppressUntil {
  return { until: 'window-closes' }
}

/** Forwards the last update of a key when stream time is `limitMs` behind the first one that is held. */
export function untilTimeLimit(limitMs: number): SuppressUntil {
  check('limitMs', limitMs, 0)
  return { until: 'time-limit', limitMs }
}

function check(field: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return
  const limit = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`
  const allowed = `${limit} whole milliseconds are allowed`
  throw new EdgelogError('invalid_request', `${field}: ${value}; ${allowed}`)
}
