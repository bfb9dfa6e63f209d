/** Sends the batches of a client: over a session while it sends many, as requests of their own otherwise. */
import type { Timer } from '../clock.ts'
import type { Connection } from '../http/connection.ts'
import { RequestError } from '../http/request-error.ts'
import type { WebSocketConstructor } from '../http/web-socket.ts'
import { SESSION_AVOIDED_MS, SESSION_IDLE_MS } from '../limits.ts'
import {
  outcomeOf,
  type PostBatch,
  type PostOptions,
  postByFetch,
  type SentBatch,
} from '../producer/batch-request.ts'
import { SessionConnection } from './session-connection.ts'
import { isSessionWanted, NO_REQUESTS, rateAfter, type Transport } from './session-rule.ts'

export class SessionTransport {
  readonly #connection: Connection
  readonly #WebSocket: WebSocketConstructor
  readonly #transport: Transport
  #rate = NO_REQUESTS
  #avoidedUntilMs = 0
  /** The session for the next batch, once it is open. */
  #current: SessionConnection | undefined
  /** The session that will take its place. */
  #next: SessionConnection | undefined
  /** Batches that wait until a session is open, with the transport `session`. */
  #waiting: Array<() => void> = []
  #idleTimer: Timer
  #isClosed = false

  constructor(connection: Connection, WebSocket: WebSocketConstructor, transport: Transport) {
    this.#connection = connection
    this.#WebSocket = WebSocket
    this.#transport = transport
  }

  /** Sends a batch. The same bytes may be sent again by any transport: the log knows their producer and sequence. */
  readonly post: PostBatch = async (topic, partition, body, options) => {
    const nowMs = this.#connection.clock.now()
    this.#rate = rateAfter(this.#rate, nowMs)
    const session = this.#current ?? (await this.#opened(nowMs))
    if (session !== undefined) return await this.#append(session, topic, partition, body, options)
    if (this.#transport !== 'session') {
      return await postByFetch(this.#connection, topic, partition, body, options)
    }
    // Certainly not in the log; the producer retries.
    return { outcome: { kind: 'throttled' }, refusal: noSession() }
  }

  /** Ends the session after the last response. */
  close(): void {
    this.#isClosed = true
    this.#retire()
    this.#next?.end()
  }

  /** Opens a session if one is wanted. With the transport `session`, waits for it. */
  async #opened(nowMs: number): Promise<SessionConnection | undefined> {
    const state = {
      transport: this.#transport,
      rate: this.#rate,
      avoidedUntilMs: this.#avoidedUntilMs,
    }
    if (this.#isClosed || !isSessionWanted(state, nowMs)) return undefined
    this.#open()
    if (this.#transport !== 'session') return undefined
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return this.#current
  }

  #open(): void {
    if (this.#next !== undefined) return
    const next = new SessionConnection(this.#connection, this.#WebSocket, {
      opened: () => {
        this.#next = undefined
        this.#current?.end()
        this.#current = next
        this.#watchIdle()
        this.#wake()
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

function noSession(): RequestError {
  return new RequestError('unavailable', 'no session could be opened', { status: 0 })
}
