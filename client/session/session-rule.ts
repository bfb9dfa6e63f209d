/**
 * Decides what goes over a session, and what is a request of its own.
 *
 *     batches now and then                      fetch
 *     more than some batches in a second        a session, once it is open
 *     a member of a group, or a tail            a session, once it is open
 *     fetches of a consumer                     a session if one is open, otherwise fetch
 *     no session could be opened                fetch, for a minute
 *     a long poll                               fetch
 */
import { SESSION_REQUESTS_PER_SECOND_MIN } from '../limits.ts'

/** `auto` uses a session where there are WebSockets, while it is worth it; never in an edge function. */
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
  /** True with a member of a group, or a tail: they use a session for as long as they last. */
  readonly hasLastingUse: boolean
  /** Until then a session is not tried again. */
  readonly avoidedUntilMs: number
}

/** Returns whether a session should be opened for the next request. */
export function isSessionWanted(state: SessionState, nowMs: number): boolean {
  const { transport, rate, hasLastingUse, avoidedUntilMs } = state
  if (transport === 'session') return true
  if (transport === 'fetch' || nowMs < avoidedUntilMs) return false
  return hasLastingUse || Math.max(rate.count, rate.countBefore) > SESSION_REQUESTS_PER_SECOND_MIN
}

const CALL_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'])
/** The headers of a call; the caller is that of the session. */
const CALL_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'content-type',
  'if-match',
  'authorization',
])

interface RequestParts {
  readonly method: string
  /** With the query. */
  readonly path: string
  /** In lower case. */
  readonly headerNames: readonly string[]
}

/**
 * Returns whether a request may be a call of a session. A long poll may not: it would take the turn of other fetches
 * for as long as it waits.
 */
export function isCallable({ method, path, headerNames }: RequestParts): boolean {
  const isLongPoll = /[?&]waitMs=[1-9]/.test(path)
  return (
    CALL_METHODS.has(method) && !isLongPoll && headerNames.every((name) => CALL_HEADERS.has(name))
  )
}

/** Returns whether a request reads the records of a partition. */
export function isFetch({ method, path }: Pick<RequestParts, 'method' | 'path'>): boolean {
  return method === 'GET' && /^[^?]*\/records(\?|$)/.test(path)
}

/**
 * Returns whether a request whose response was lost with its session may be made again at once. Only one that reads
 * may. Commits and heartbeats are idempotent too, but must not be repeated as they are: a heartbeat after a lost one
 * has to name all that the member owns, or the group fences it, and a commit is made only while its partition is held.
 * So they fail, and the member repeats them.
 */
export function isRepeatable(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
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
