/**
 * The state machine of the sync: when it connects, by which transport, and in which
 * state. Pure: an event leads from one context to the next, and returns the effects.
 *
 *                  idle     offline   connecting   catchingUp   live         backingOff   authNeeded
 *
 *   start          open     -         reopen       reopen       reopen       -            -
 *   opened         -        -         catchingUp   alive        catchingUp   -            -
 *   data           -        -         catchingUp   progress     progress     -            -
 *   upToDate       -        -         live         live         alive        -            -
 *   ping           -        -         catchingUp   alive        alive        -            -
 *   closedByServer -        -         failed       again        again        -            -
 *   error          -        -         failed       failed       failed       -            -
 *   online         -        soon      -            check        check        soon         -
 *   offline        -        -         offline      offline      offline      offline      -
 *   visible        -        recheck   -            check        check        soon         -
 *   hidden         -        -         -            -            -            -            -
 *   timer          -        recheck   mute         watch        watch        open         open
 *   token          -        -         -            -            -            soon         open
 *   stop           closed   closed    closed       closed       closed       closed       closed
 *
 * `closed` is final. `opened` is the first message of a connection, not its handshake: a
 * proxy may accept it and pass nothing on. A further `start` means that the subscriptions
 * have changed and the transport is fixed. `failed` leads to backingOff, or to authNeeded.
 *
 * Invariants: every state except idle and closed has a timer. Two
 * connections are opened within a second only if the first brought data.
 */
import { backoffMs } from '../../http/backoff.ts'
import {
  NO_PROGRESS_PAUSE_MS,
  RESUME_BACKOFF_MS,
  RESUME_BACKOFF_MS_MAX,
  TAIL_OPEN_TIMEOUT_MS,
  TAIL_SILENCE_MS_MAX,
} from '../../limits.ts'
import {
  AUTH_RETRY_MS,
  FAILED_ATTEMPTS_MAX,
  HEALTHY_MS,
  LATE_TIMER_MS_MAX,
  OFFLINE_CHECK_MS,
  PROBE_INTERVAL_MS,
  WAKE_JITTER_MS,
  WAKE_SILENCE_MS_MAX,
} from '../limits.ts'
import type { TransportName } from './transport.ts'

export type State =
  | 'idle'
  | 'offline'
  | 'connecting'
  | 'catchingUp'
  | 'live'
  | 'backingOff'
  | 'authNeeded'
  | 'closed'

export type EventType =
  | 'start'
  | 'opened'
  | 'data'
  | 'upToDate'
  | 'ping'
  | 'closedByServer'
  | 'error'
  | 'online'
  | 'offline'
  | 'visible'
  | 'hidden'
  | 'timer'
  | 'token'
  | 'stop'

export interface SyncEvent {
  readonly type: EventType
  /** The page's own online state at that moment. */
  readonly isOnline: boolean
  /** With `error`: the token was rejected. */
  readonly isAuth?: boolean
  /** With `error`: delay that the server requested; the failure is then not counted against the transport. */
  readonly retryAfterMs?: number | undefined
}

export interface SyncMachine {
  readonly state: State
  /** Best first, at least one. */
  readonly transports: readonly TransportName[]
  /** Index of the transport in use, or to be used next. */
  readonly index: number
  /** Failures of that transport since its last data. */
  readonly failedAttempts: number
  /** Index to return to while better transports are probed; otherwise 0. */
  readonly fallback: number
  /** Time of the last change from a better transport to a worse one. */
  readonly downgradedAtMs: number
  /** Failures since the sync was healthy. */
  readonly attempts: number
  /** True while a connection is open or being opened. */
  readonly isOpen: boolean
  /** Time since when the state is catchingUp or live. */
  readonly openedAtMs: number
  readonly lastMessageAtMs: number
  /** No connection is opened before this time; 0 once the current one has brought data. */
  readonly notBeforeMs: number
  /** Whole length of that wait; the remaining part is never longer, even if the clock changes. */
  readonly pauseMs: number
  /** End of the wait for the next connection. */
  readonly dueAtMs: number
}

/** In the order of execution. */
interface Effects {
  readonly close?: boolean
  readonly open?: TransportName | undefined
  /** Replaces the previous timer; null: no timer. */
  readonly timerMs?: number | null
}

export interface Step {
  readonly context: SyncMachine
  readonly effects: Effects
}

type Rule = (context: SyncMachine, event: SyncEvent, nowMs: number, random: () => number) => Step

export function initialSync(transports: readonly TransportName[]): SyncMachine {
  return {
    state: 'idle',
    transports,
    index: 0,
    failedAttempts: 0,
    fallback: 0,
    downgradedAtMs: 0,
    attempts: 0,
    isOpen: false,
    openedAtMs: 0,
    lastMessageAtMs: 0,
    notBeforeMs: 0,
    pauseMs: 0,
    dueAtMs: 0,
  }
}

/** Returns the next context and the effects of an event. */
export const step: Rule = (context, event, nowMs, random) =>
  TABLE[context.state][event.type](context, event, nowMs, random)

/** Closes the connection; keeps what was learnt about the transports. */
export function rest(context: SyncMachine, state: State, timerMs: number | null = null): Step {
  return {
    context: { ...context, state, isOpen: false },
    effects: { close: context.isOpen, timerMs },
  }
}

/** Connects after the required pause, if any; stays in `state` until then. */
function connect(context: SyncMachine, state: State, nowMs: number, delayMs: number): Step {
  const timerMs = Math.max(delayMs, leftMs(context, nowMs))
  const close = context.isOpen
  if (timerMs > 0) {
    const waiting = { ...context, state, isOpen: false, dueAtMs: nowMs + timerMs }
    return { context: waiting, effects: { close, timerMs } }
  }
  const isConnecting = state === 'backingOff'
  return {
    context: {
      ...context,
      state: isConnecting ? 'connecting' : state,
      isOpen: true,
      lastMessageAtMs: nowMs,
      notBeforeMs: nowMs + NO_PROGRESS_PAUSE_MS,
      pauseMs: NO_PROGRESS_PAUSE_MS,
    },
    effects: {
      close,
      open: context.transports[context.index],
      timerMs: isConnecting ? TAIL_OPEN_TIMEOUT_MS : TAIL_SILENCE_MS_MAX,
    },
  }
}

/** Returns the time until a connection may be opened; negative after that. */
function leftMs({ notBeforeMs, pauseMs }: SyncMachine, nowMs: number): number {
  return Math.min(notBeforeMs - nowMs, pauseMs)
}

const stay: Rule = (context) => ({ context, effects: {} })
const stop: Rule = (context) => rest(context, 'closed')
const open: Rule = (context, _event, nowMs) => connect(context, 'backingOff', nowMs, 0)
const reopen: Rule = (context, _event, nowMs) => connect(context, 'catchingUp', nowMs, 0)
const again: Rule = (context, _event, nowMs) => connect(context, context.state, nowMs, 0)

/** The network may be another one afterwards, so failures of transports are reset. */
const offline: Rule = (context) =>
  rest({ ...context, index: 0, failedAttempts: 0, fallback: 0 }, 'offline', OFFLINE_CHECK_MS)

const openIfOnline: Rule = (context, event, nowMs, random) =>
  (event.isOnline ? open : offline)(context, event, nowMs, random)

/** Adds jitter, so that a million pages do not return at once. */
const soon: Rule = (context, _event, nowMs, random) => {
  const jitterMs = random() * WAKE_JITTER_MS
  const isWaiting = context.state === 'backingOff'
  const delayMs = isWaiting ? Math.min(jitterMs, context.dueAtMs - nowMs) : jitterMs
  return connect(context, 'backingOff', nowMs, delayMs)
}

/** An event may have been missed. */
const recheck: Rule = (context, event, nowMs, random) =>
  (event.isOnline ? soon : offline)(context, event, nowMs, random)

const CHANGES: { readonly [Type in EventType]?: Partial<SyncMachine> } = {
  opened: { state: 'catchingUp' },
  data: { notBeforeMs: 0 },
  upToDate: { state: 'live' },
}

const receive: Rule = (context, { type }, nowMs) => ({
  context: { ...context, lastMessageAtMs: nowMs, ...CHANGES[type] },
  effects: {},
})

/** Handles the first message of a connection. */
const receiveFirst: Rule = (context, event, nowMs, random) => {
  const changes = {
    state: 'catchingUp',
    failedAttempts: 0,
    fallback: 0,
    openedAtMs: nowMs,
  } as const
  const received = receive({ ...context, ...changes }, event, nowMs, random)
  return { ...received, effects: { timerMs: TAIL_SILENCE_MS_MAX } }
}

/** Handles a connection that ended or was never established. */
const fail =
  (failedAttempts: number): Rule =>
  (context, { isAuth, retryAfterMs }, nowMs, random) => {
    if (isAuth) return rest(context, 'authNeeded', AUTH_RETRY_MS)
    if (context.fallback > 0) return leaveProbe(context, nowMs)
    const healthyMs = context.state === 'connecting' ? 0 : nowMs - context.openedAtMs
    const attempts = (healthyMs >= HEALTHY_MS ? 0 : context.attempts) + 1
    const isCounted = context.state === 'connecting' && retryAfterMs === undefined
    const failed = isCounted ? countFailure(context, failedAttempts, nowMs) : context
    const pauseMs = Math.max(leftMs(context, nowMs), retryAfterMs ?? 0)
    const paused = { ...failed, notBeforeMs: nowMs + pauseMs, pauseMs }
    const delayMs = backoffMs(attempts, RESUME_BACKOFF_MS, RESUME_BACKOFF_MS_MAX, random)
    return connect({ ...paused, attempts }, 'backingOff', nowMs, delayMs)
  }
const failed = fail(1)
/** Handles silence while connecting: a proxy that blocks or buffers the stream costs one time-out, not two. */
const mute: Rule = (context, event, nowMs, random) => {
  const hasSlept = nowMs - context.lastMessageAtMs > LATE_TIMER_MS_MAX
  const excused = hasSlept ? { ...event, retryAfterMs: 0 } : event
  return fail(FAILED_ATTEMPTS_MAX)(context, excused, nowMs, random)
}

/**
 * Counts failures of a transport, and changes to the next one; if none
 * works, the transport is not the cause, so the first follows the last.
 */
function countFailure(context: SyncMachine, count: number, nowMs: number): SyncMachine {
  const { transports, index } = context
  const failedAttempts = context.failedAttempts + count
  if (failedAttempts < FAILED_ATTEMPTS_MAX) return { ...context, failedAttempts }
  return {
    ...context,
    failedAttempts: 0,
    index: (index + 1) % transports.length,
    downgradedAtMs: nowMs,
  }
}

/**
 * Ends the probe of a transport after one connection: then the next best is probed, and finally the one that worked.
 */
function leaveProbe(context: SyncMachine, nowMs: number): Step {
  const index = context.index + 1
  const fallback = index < context.fallback ? context.fallback : 0
  return connect({ ...context, index, fallback, downgradedAtMs: nowMs }, 'backingOff', nowMs, 0)
}

/**
 * Checks the silence of the connection by the time of the last message, not by the lateness
 * of the timer: after a sleep both are late, but timers of a hidden page are a minute late.
 */
const watch: Rule = (context, event, nowMs, random) => {
  const { isOpen, lastMessageAtMs, index, downgradedAtMs } = context
  if (!isOpen) return again(context, event, nowMs, random)
  const silentMs = nowMs - lastMessageAtMs
  // Negative if the clock was set back.
  if (silentMs < 0 || silentMs >= TAIL_SILENCE_MS_MAX) {
    // On a slow line a batch may take longer than that; a transport that shows single bytes gets through.
    const isStarved = context.state === 'catchingUp' && context.notBeforeMs > 0
    const judged = isStarved ? countFailure(context, FAILED_ATTEMPTS_MAX, nowMs) : context
    return failed(judged, event, nowMs, random)
  }
  if (index > 0 && Math.abs(nowMs - downgradedAtMs) >= PROBE_INTERVAL_MS) {
    return connect({ ...context, index: 0, fallback: index }, 'backingOff', nowMs, 0)
  }
  return { context, effects: { timerMs: TAIL_SILENCE_MS_MAX - silentMs } }
}

/** Checks the connection when the page or the network returns. */
const check: Rule = (context, event, nowMs, random) => {
  const isSilent = Math.abs(nowMs - context.lastMessageAtMs) >= WAKE_SILENCE_MS_MAX
  return (isSilent ? soon : stay)(context, event, nowMs, random)
}

type Row = Readonly<Record<EventType, Rule>>

/** Default row: the events are ignored. */
const QUIET: Row = {
  start: stay,
  opened: stay,
  data: stay,
  upToDate: stay,
  ping: stay,
  closedByServer: stay,
  error: stay,
  online: stay,
  offline: stay,
  visible: stay,
  hidden: stay,
  timer: stay,
  token: stay,
  stop,
}

const UP: Row = {
  ...QUIET,
  start: reopen,
  opened: receive,
  data: receive,
  upToDate: receive,
  ping: receive,
  closedByServer: again,
  error: failed,
  online: check,
  offline,
  visible: check,
  timer: watch,
}

/** The table above; test/client/browser/sync-state.test.ts checks each cell. */
const TABLE: Readonly<Record<State, Row>> = {
  idle: { ...QUIET, start: openIfOnline },
  offline: { ...QUIET, online: soon, visible: recheck, timer: recheck },
  connecting: {
    ...QUIET,
    start: open,
    opened: receiveFirst,
    data: receiveFirst,
    upToDate: receiveFirst,
    ping: receiveFirst,
    closedByServer: failed,
    error: failed,
    offline,
    timer: mute,
  },
  catchingUp: UP,
  live: UP,
  backingOff: {
    ...QUIET,
    online: soon,
    offline,
    visible: soon,
    timer: openIfOnline,
    token: soon,
  },
  authNeeded: { ...QUIET, timer: openIfOnline, token: openIfOnline },
  closed: { ...QUIET, stop: stay },
}
