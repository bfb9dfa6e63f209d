/** Windows of time. All are aligned to 1970 in UTC; none starts before it. */

/** Windows of a fixed size, which start at each multiple of `advanceMs`. The start is included, the end is not. */
export interface TimeWindows {
  readonly kind: 'time'
  readonly sizeMs: number
  readonly advanceMs: number
  readonly graceMs: number
}

/** Windows that end at a record, or start 1 ms behind one. Start and end are included. */
export interface SlidingWindows {
  readonly kind: 'sliding'
  readonly differenceMs: number
  readonly graceMs: number
}

/** Windows of records that follow one another within `gapMs`. Start and end are included. */
export interface SessionWindows {
  readonly kind: 'session'
  readonly gapMs: number
  readonly graceMs: number
}

/** Windows of pairs: the right record is at most `beforeMs` before and at most `afterMs` behind the left one. */
export interface JoinWindows {
  readonly kind: 'join'
  readonly beforeMs: number
  readonly afterMs: number
  readonly graceMs: number
  /**
   * True to join a record that has no partner with null at once, and again with each partner that comes later; by
   * default it waits until none can come.
   */
  readonly isEager?: boolean
}

export type Windows = TimeWindows | SlidingWindows | SessionWindows

/** Returns how long after its `endMs` a window may change: it is final when stream time is at least this much later. */
export function finalAfterMs(windows: Windows): number {
  if (windows.kind === 'time') return windows.graceMs
  // The end of these is a time at which a record may still come.
  return windows.kind === 'sliding' ? windows.graceMs + 1 : windows.gapMs + windows.graceMs + 1
}

/** Returns how long behind the start of a window, or the end of a session, its row is needed. */
export function retentionOf(windows: Windows | JoinWindows): number {
  if (windows.kind === 'join') return windows.beforeMs + windows.afterMs + windows.graceMs
  if (windows.kind === 'time') return windows.sizeMs + windows.graceMs
  // A record may be late by a window and the grace; the windows that it shares with earlier records start before.
  if (windows.kind === 'sliding') return 3 * windows.differenceMs + windows.graceMs + 1
  return windows.gapMs + windows.graceMs
}

/** Returns the starts of the windows that contain a time, in ascending order. */
export function windowStarts({ sizeMs, advanceMs }: TimeWindows, timeMs: number): number[] {
  const starts: number[] = []
  const first = Math.floor(Math.max(0, timeMs - sizeMs + advanceMs) / advanceMs) * advanceMs
  for (let startMs = first; startMs <= timeMs; startMs += advanceMs) starts.push(startMs)
  return starts
}
