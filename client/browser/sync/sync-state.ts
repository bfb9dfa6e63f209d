/**
 * When the sync connects, by which transport, and what it is called meanwhile. Pure: an event leads
 * from one context to the next, and says what is to be done.
 *
 *                  idle     offline   connecting   catchingUp   live         backingOff   authNeeded
 *
 *   start          open     -         reopen       reopen       reopen       -            -
 *   opened         -        -         catchingUp   heard        catchingUp   -            -
 *   data           -        -         catchingUp   progress     progress     -            -
 *   upToDate       -        -         live         live         heard        -            -
 *   ping           -        -         catchingUp   heard        heard        -            -
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
 * `closed` stays what it is. Of a connection, `opened` is the first word that it brings, not its
 * handshake: a proxy may accept it and let nothing through. `start` once more: what is followed has
 * changed, and the transport cannot. `failed` leads to backingOff, or to authNeeded.
 *
 * Invariants: in all states but idle and closed there is a timer. Two connections are begun within a
 * second only where the first brought data.
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
  HEALTHY_MS,
  LATE_TIMER_MS_MAX,
  OFFLINE_CHECK_MS,
  PROBE_INTERVAL_MS,
  STRIKES_MAX,
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
  /** What the page says of itself at that moment. */
  readonly isOnline: boolean
  /** Of `error`: the token was refused. */
  readonly isAuth?: boolean
  /** Of `error`: how long to stay away; it then says nothing against the transport. */
  readonly retryAfterMs?: number | undefined
}

export interface SyncMachine {
  readonly state: State
  /** Best first, at least one. */
  readonly transports: readonly TransportName[]
  /** Of the transport in use, or to be used next. */
  readonly index: number
  /** Against that transport, since a connection of it delivered something. */
  readonly strikes: number
  /** While better transports are probed: the index of the one to return to. Otherwise 0. */
  readonly fallback: number
  /** When a better transport was last given up. */
  readonly downgradedAtMs: number
  /** Failures since the sync was healthy. */
  readonly attempts: number
  /** There is a connection, or one is on its way. */
  readonly isOpen: boolean
  /** Since when the state is catchingUp or live. */
  readonly openedAtMs: number
  readonly heardAtMs: number
  /** No connection is begun before; 0 once the one there is has delivered something. */
  readonly notBeforeMs: number
  /** The whole of that wait: what is left is never more, whatever becomes of the clock. */
  readonly pauseMs: number
  /** When the wait for the next connection is over. */
  readonly dueAtMs: number
}

/** In the order in which they are to be done. */
interface Effects {
  readonly close?: boolean
  readonly open?: TransportName | undefined
  /** In the place of the timer there was; null: none. */
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
    strikes: 0,
    fallback: 0,
    downgradedAtMs: 0,
    attempts: 0,
    isOpen: false,
    openedAtMs: 0,
    heardAtMs: 0,
    notBeforeMs: 0,
    pauseMs: 0,
    dueAtMs: 0,
  }
}

/** What an event leads to. */
export const step: Rule = (context, event, nowMs, random) =>
  TABLE[context.state][event.type](context, event, nowMs, random)

/** No connection any more; what is known of the transports stays. */
export function rest(context: SyncMachine, state: State, timerMs: number | null = null): Step {
  return {
    context: { ...context, state, isOpen: false },
    effects: { close: context.isOpen, timerMs },
  }
}

/** Connects after a pause, or at once where none is needed; waits in `state` until then. */
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
      heardAtMs: nowMs,
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

/** Until a connection may be begun; below 0: since then. */
function leftMs({ notBeforeMs, pauseMs }: SyncMachine, nowMs: number): number {
  return Math.min(notBeforeMs - nowMs, pauseMs)
}

const stay: Rule = (context) => ({ context, effects: {} })
const stop: Rule = (context) => rest(context, 'closed')
const open: Rule = (context, _event, nowMs) => connect(context, 'backingOff', nowMs, 0)
const reopen: Rule = (context, _event, nowMs) => connect(context, 'catchingUp', nowMs, 0)
const again: Rule = (context, _event, nowMs) => connect(context, context.state, nowMs, 0)

/** The network may be another one afterwards: what was held against a transport is forgotten. */
const offline: Rule = (context) =>
  rest({ ...context, index: 0, strikes: 0, fallback: 0 }, 'offline', OFFLINE_CHECK_MS)

const openIfOnline: Rule = (context, event, nowMs, random) =>
  (event.isOnline ? open : offline)(context, event, nowMs, random)

/** A million pages are not to return at once. */
const soon: Rule = (context, _event, nowMs, random) => {
  const jitterMs = random() * WAKE_JITTER_MS
  const isWaiting = context.state === 'backingOff'
  const delayMs = isWaiting ? Math.min(jitterMs, context.dueAtMs - nowMs) : jitterMs
  return connect(context, 'backingOff', nowMs, delayMs)
}

/** An event may have been missed. */
const recheck: Rule = (context, event, nowMs, random) =>
  (event.isOnline ? soon : offline)(context, event, nowMs, random)

const HEARD: { readonly [Type in EventType]?: Partial<SyncMachine> } = {
  opened: { state: 'catchingUp' },
  data: { notBeforeMs: 0 },
  upToDate: { state: 'live' },
}

const hear: Rule = (context, { type }, nowMs) => ({
  context: { ...context, heardAtMs: nowMs, ...HEARD[type] },
  effects: {},
})

/** The first word of a connection. */
const speak: Rule = (context, event, nowMs, random) => {
  const news = { state: 'catchingUp', strikes: 0, fallback: 0, openedAtMs: nowMs } as const
  const heard = hear({ ...context, ...news }, event, nowMs, random)
  return { ...heard, effects: { timerMs: TAIL_SILENCE_MS_MAX } }
}

/** A connection ended, or never came about. */
const fail =
  (strikes: number): Rule =>
  (context, { isAuth, retryAfterMs }, nowMs, random) => {
    if (isAuth) return rest(context, 'authNeeded', AUTH_RETRY_MS)
    if (context.fallback > 0) return leaveProbe(context, nowMs)
    const healthyMs = context.state === 'connecting' ? 0 : nowMs - context.openedAtMs
    const attempts = (healthyMs >= HEALTHY_MS ? 0 : context.attempts) + 1
    const isStrike = context.state === 'connecting' && retryAfterMs === undefined
    const failed = isStrike ? strike(context, strikes, nowMs) : context
    const pauseMs = Math.max(leftMs(context, nowMs), retryAfterMs ?? 0)
    const paused = { ...failed, notBeforeMs: nowMs + pauseMs, pauseMs }
    const delayMs = backoffMs(attempts, RESUME_BACKOFF_MS, RESUME_BACKOFF_MS_MAX, random)
    return connect({ ...paused, attempts }, 'backingOff', nowMs, delayMs)
  }
const failed = fail(1)
/** A proxy that swallows or collects what passes costs one timeout, and not two. */
const mute: Rule = (context, event, nowMs, random) => {
  const hasSlept = nowMs - context.heardAtMs > LATE_TIMER_MS_MAX
  const excused = hasSlept ? { ...event, retryAfterMs: 0 } : event
  return fail(STRIKES_MAX)(context, excused, nowMs, random)
}

/** Where nothing works it is not the transport: after the last comes the first. */
function strike(context: SyncMachine, count: number, nowMs: number): SyncMachine {
  const { transports, index } = context
  const strikes = context.strikes + count
  if (strikes < STRIKES_MAX) return { ...context, strikes }
  return {
    ...context,
    strikes: 0,
    index: (index + 1) % transports.length,
    downgradedAtMs: nowMs,
  }
}

/** One connection is enough to tell; then comes the next best, at last the one that is known to work. */
function leaveProbe(context: SyncMachine, nowMs: number): Step {
  const index = context.index + 1
  const fallback = index < context.fallback ? context.fallback : 0
  return connect({ ...context, index, fallback, downgradedAtMs: nowMs }, 'backingOff', nowMs, 0)
}

/**
 * Whether the connection still lives is asked of what was heard, and not of how late the timer is:
 * after a sleep both tell, but the timers of a page out of view are a minute late.
 */
const watch: Rule = (context, event, nowMs, random) => {
  const { isOpen, heardAtMs, index, downgradedAtMs } = context
  if (!isOpen) return again(context, event, nowMs, random)
  const silentMs = nowMs - heardAtMs
  // Below 0 the clock was set back.
  if (silentMs < 0 || silentMs >= TAIL_SILENCE_MS_MAX) {
    // On a slow line a batch may take longer than that. Where bytes are seen one by one it gets through.
    const isStarved = context.state === 'catchingUp' && context.notBeforeMs > 0
    const judged = isStarved ? strike(context, STRIKES_MAX, nowMs) : context
    return failed(judged, event, nowMs, random)
  }
  if (index > 0 && Math.abs(nowMs - downgradedAtMs) >= PROBE_INTERVAL_MS) {
    return connect({ ...context, index: 0, fallback: index }, 'backingOff', nowMs, 0)
  }
  return { context, effects: { timerMs: TAIL_SILENCE_MS_MAX - silentMs } }
}

/** Looks after the connection when the page or the network comes back. */
const check: Rule = (context, event, nowMs, random) => {
  const isSilent = Math.abs(nowMs - context.heardAtMs) >= WAKE_SILENCE_MS_MAX
  return (isSilent ? soon : stay)(context, event, nowMs, random)
}

type Row = Readonly<Record<EventType, Rule>>

/** What an event does where it has nothing to say. */
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
  opened: hear,
  data: hear,
  upToDate: hear,
  ping: hear,
  closedByServer: again,
  error: failed,
  online: check,
  offline,
  visible: check,
  timer: watch,
}

/** The table above; test/client/browser/sync-state.test.ts holds each cell to it. */
const TABLE: Readonly<Record<State, Row>> = {
  idle: { ...QUIET, start: openIfOnline },
  offline: { ...QUIET, online: soon, visible: recheck, timer: recheck },
  connecting: {
    ...QUIET,
    start: open,
    opened: speak,
    data: speak,
    upToDate: speak,
    ping: speak,
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
