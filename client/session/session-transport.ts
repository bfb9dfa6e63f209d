/** Sends the requests of a client over one session while that is worth it, and as requests of their own otherwise. */
import type { Timer } from '../clock.ts'
import type { Connection, Fetch } from '../http/connection.ts'
import { RequestError } from '../http/request-error.ts'
import { type ClientSocket, openTailSocket, type WebSocketConstructor } from '../http/web-socket.ts'
import { SESSION_AVOIDED_MS, SESSION_IDLE_MS } from '../limits.ts'
import {
  outcomeOf,
  type PostBatch,
  type PostOptions,
  postByFetch,
  type SentBatch,
} from '../producer/batch-request.ts'
import { FetchPace } from './fetch-pace.ts'
import { type SessionCall, SessionConnection } from './session-connection.ts'
import {
  isCallable,
  isFetch,
  isRepeatable,
  isSessionWanted,
  NO_REQUESTS,
  rateAfter,
  type Transport,
} from './session-rule.ts'
import { SessionTail } from './session-tail.ts'

export class SessionTransport {
  readonly #connection: Connection
  readonly #WebSocket: WebSocketConstructor
  readonly #transport: Transport
  readonly #fetches: FetchPace
  #rate = NO_REQUESTS
  #avoidedUntilMs = 0
  /** Members of groups, and tails. */
  #lastingUses = 0
  /** The session for the next request, once it is open. */
  #current: SessionConnection | undefined
  /** The session that will take its place. */
  #next: SessionConnection | undefined
  /** Work that waits until a session is open, or cannot be opened. */
  #waiting: Array<() => void> = []
  /** The tail by a socket of its own, while there is no session. */
  #tailSocket: ClientSocket | undefined
  #idleTimer: Timer
  #isClosed = false

  constructor(connection: Connection, WebSocket: WebSocketConstructor, transport: Transport) {
    this.#connection = connection
    this.#WebSocket = WebSocket
    this.#transport = transport
    this.#fetches = new FetchPace(connection.clock)
  }

  /** Sends a batch. The same bytes may be sent again by any transport: the log knows their producer and sequence. */
  readonly post: PostBatch = async (topic, partition, body, options) => {
    this.#rate = rateAfter(this.#rate, this.#connection.clock.now())
    const session = await this.#sessionFor(false)
    if (session !== undefined) return await this.#append(session, topic, partition, body, options)
    if (this.#transport !== 'session') {
      return await postByFetch(this.#connection, topic, partition, body, options)
    }
    // Certainly not in the log; the producer retries.
    return { outcome: { kind: 'throttled' }, refusal: noSession() }
  }

  /**
   * Makes a request as a call of the session, if there is one, and by `fetch` otherwise. A call that was not sent, or
   * that only reads, is made again by `fetch`.
   */
  readonly fetch: Fetch = async (input, init = {}) => {
    const { fetch, url } = this.#connection
    const call = callOf(input.slice(url.length), init)
    const mayCall = isCallable({ ...call, headerNames: Object.keys({ ...init.headers }) })
    const session = mayCall ? await this.#sessionFor(false, init.signal) : undefined
    init.signal?.throwIfAborted()
    const isRead = isFetch(call)
    const isFree = !isRead || this.#fetches.isFree
    if (session === undefined || session.hasMissed || !isFree) return await fetch(input, init)
    try {
      const { response, over } = session.call(call, init.signal ?? undefined)
      this.#watchIdle()
      if (isRead) this.#fetches.begin(over)
      return await response
    } catch (error) {
      init.signal?.throwIfAborted()
      if (!(error instanceof RequestError)) throw error
      if (error.mayHaveTakenEffect && !isRepeatable(call.method)) throw error
      return await fetch(input, init)
    }
  }

  /** Opens a tail over the session, or by a socket of its own while no session can be opened. */
  readonly openTail = (): ClientSocket => {
    if (!this.#isWanted(true)) {
      this.#tailSocket = openTailSocket(this.#connection, this.#WebSocket)
      return this.#tailSocket
    }
    const tail = new SessionTail(this.holdOpen())
    void this.#sessionFor(true).then(async (ready) => {
      if (ready === undefined) await this.#opening()
      const session = ready ?? this.#current
      if (tail.isOver) return
      if (session === undefined) tail.lost()
      else session.carry(tail)
    })
    return tail
  }

  /** Wants a session, and keeps it open, until the function that it returns is called. */
  holdOpen(): () => void {
    let isHeld = true
    this.#lastingUses += 1
    return () => {
      if (isHeld) this.#lastingUses -= 1
      isHeld = false
      this.#watchIdle()
    }
  }

  /** Ends the session after the last response. */
  close(): void {
    this.#isClosed = true
    this.#retire()
    this.#next?.end()
  }

  #isWanted(hasLastingUse: boolean): boolean {
    if (this.#isClosed) return false
    const state = {
      transport: this.#transport,
      rate: this.#rate,
      hasLastingUse: hasLastingUse || this.#lastingUses > 0,
      avoidedUntilMs: this.#avoidedUntilMs,
    }
    return isSessionWanted(state, this.#connection.clock.now())
  }

  /** Returns the session that is open. Opens one if it is wanted; with the transport `session`, waits for it. */
  async #sessionFor(
    isLasting: boolean,
    signal?: AbortSignal | null,
  ): Promise<SessionConnection | undefined> {
    const isSound = this.#current !== undefined && !this.#current.hasMissed
    if (isSound || !this.#isWanted(isLasting)) return this.#current
    this.#open()
    if (this.#transport === 'session') await this.#opening(signal)
    return this.#current
  }

  /** Resolves when the session that is being opened is open, or cannot be opened. */
  #opening(signal?: AbortSignal | null): Promise<void> {
    return new Promise((resolve) => {
      if (this.#next === undefined) {
        resolve()
        return
      }
      this.#waiting.push(resolve)
      signal?.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  #open(): void {
    if (this.#next !== undefined) return
    const next = new SessionConnection(this.#connection, this.#WebSocket, {
      opened: () => {
        const before = this.#current
        this.#next = undefined
        this.#current = next
        before?.end()
        this.#watchIdle()
        this.#wake()
        // The tail is lost, and opened again over the session.
        this.#tailSocket?.close()
        this.#tailSocket = undefined
      },
      wornOut: () => {
        if (this.#current === next) this.#open()
      },
      over: (isUnusable) => {
        if (isUnusable) {
          this.#avoidedUntilMs = this.#connection.clock.now() + SESSION_AVOIDED_MS
        }
        if (this.#current === next) this.#current = undefined
        if (this.#next === next) this.#next = undefined
        this.#wake()
      },
    })
    this.#next = next
  }

  async #append(
    session: SessionConnection,
    topic: string,
    partition: number,
    body: Uint8Array,
    options: PostOptions,
  ): Promise<SentBatch> {
    this.#watchIdle()
    try {
      const { baseOffsets, logAppendTime, pieces } = await session.append(
        topic,
        partition,
        body,
        options,
      )
      const [baseOffset = -1] = baseOffsets
      const result = { baseOffset, logAppendTime, ...(pieces !== undefined && { pieces }) }
      return { outcome: { kind: 'acked' }, result }
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      return { outcome: outcomeOf(error), refusal: error }
    }
  }

  #watchIdle(): void {
    const { clock } = this.#connection
    clock.clearTimeout(this.#idleTimer)
    if (this.#lastingUses > 0 || this.#current === undefined) return
    this.#idleTimer = clock.setTimeout(() => this.#retire(), SESSION_IDLE_MS)
  }

  /** Takes the session out of use; it ends after its last response. */
  #retire(): void {
    this.#connection.clock.clearTimeout(this.#idleTimer)
    const session = this.#current
    this.#current = undefined
    session?.end()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }
}

/** Returns the call that stands for a request with the client's own kinds of body and headers. */
function callOf(path: string, { method = 'GET', headers, body }: RequestInit): SessionCall {
  const { authorization: _, ...ownHeaders } = { ...(headers as Record<string, string>) }
  const bytes =
    typeof body === 'string' ? new TextEncoder().encode(body) : (body ?? new Uint8Array())
  return { method, path, headers: ownHeaders, body: bytes as Uint8Array }
}

function noSession(): RequestError {
  return new RequestError('unavailable', 'no session could be opened', { status: 0 })
}
