/**
 * Decides how a batch is sent: as a request of its own, or over a session.
 *
 *     now and then                              fetch
 *     more than some requests in a second       a session, once it is open
 *     no session could be opened                fetch, for a minute
 */
import { SESSION_REQUESTS_PER_SECOND_MIN } from '../limits.ts'

/** `auto` uses a session for many requests, where there are WebSockets; never in an edge function. */
export type Transport = 'auto' | 'fetch' | 'session'

const SECOND_MS = 1_000

/** The requests of a second that has begun, and of the one before it. */
export interface RequestRate {
  readonly sinceMs: number
  readonly count: number
  readonly countBefore: number
}

export const NO_REQUESTS: RequestRate = { sinceMs: 0, count: 0, countBefore: 0 }

/** Returns the rate after one more request. */
export function rateAfter(
  { sinceMs, count, countBefore }: RequestRate,
  nowMs: number,
): RequestRate {
  const elapsedMs = nowMs - sinceMs
  if (elapsedMs >= 0 && elapsedMs < SECOND_MS) return { sinceMs, count: count + 1, countBefore }
  const isNext = elapsedMs >= 0 && elapsedMs < 2 * SECOND_MS
  return { sinceMs: nowMs, count: 1, countBefore: isNext ? count : 0 }
}

interface SessionState {
  readonly transport: Transport
  readonly rate: RequestRate
  /** Until then a session is not tried again. */
  readonly avoidedUntilMs: number
}

/** Returns whether a session should be opened for the next request. */
export function isSessionWanted(state: SessionState, nowMs: number): boolean {
  const { transport, rate, avoidedUntilMs } = state
  if (transport === 'session') return true
  if (transport === 'fetch' || nowMs < avoidedUntilMs) return false
  return Math.max(rate.count, rate.countBefore) > SESSION_REQUESTS_PER_SECOND_MIN
}

interface Runtime {
  readonly hasWebSocket: boolean
  /** True if the application replaces `fetch`, to reach the server in its own way, and not `WebSocket`. */
  readonly hasOwnFetchOnly: boolean
  /** True where one event is handled at a time: a session would seldom outlive its opening. */
  readonly isEdgeFunction: boolean
}

/** Returns the transport that a runtime allows. */
export function allowedTransport(wanted: Transport, runtime: Runtime): Transport {
  const { hasWebSocket, hasOwnFetchOnly, isEdgeFunction } = runtime
  const isAllowed = hasWebSocket && !hasOwnFetchOnly && !isEdgeFunction
  return wanted === 'auto' && !isAllowed ? 'fetch' : wanted
}
