/** One session: a WebSocket that carries appends, calls and a tail. docs/PROTOCOL.md describes the messages. */
import { DecodeError } from '../../src/core/bytes/decode-error.ts'
import {
  decodeSessionEntries,
  encodeAppend,
  encodeHeadAndBody,
  encodeSessionEntry,
  SESSION_CLOSE_CODES,
  SESSION_ENTRY,
  SESSION_SUBPROTOCOL,
  type SessionAppended,
  type SessionEntry,
} from '../../src/core/log/session-protocol.ts'
import type { Timer } from '../clock.ts'
import type { Connection } from '../http/connection.ts'
import { RequestError } from '../http/request-error.ts'
import {
  type ClientSocket,
  type CloseReason,
  openSocket,
  type WebSocketConstructor,
} from '../http/web-socket.ts'
import { SESSION_OPEN_TIMEOUT_MS, SESSION_SILENCE_MS_MAX } from '../limits.ts'
import { CallResponse } from './call-response.ts'
import { PartitionRefs } from './partition-refs.ts'
import { isTimeLimit, SessionRequests, takeAppended, takeCallPart } from './session-requests.ts'
import type { SessionTail } from './session-tail.ts'

/** Close codes after which another session would be closed as well. */
const REJECTED: ReadonlySet<number> = new Set(Object.values(SESSION_CLOSE_CODES))

/** A call: a request of the HTTP API. */
export interface SessionCall {
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

interface SessionListener {
  opened(): void
  /** Another session should be used: the server asks for it, or a partition does not respond over this one. */
  wornOut(): void
  /**
   * The session is over.
   *
   * @param isUnusable true if it did not open, gave no response to any request, or was rejected: requests of their own
   * may be served.
   */
  over(isUnusable: boolean): void
}

export class SessionConnection {
  readonly #connection: Connection
  readonly #listener: SessionListener
  readonly #socket: ClientSocket | undefined
  readonly #requests = new SessionRequests()
  readonly #refs = new PartitionRefs((ref, topic, partition) =>
    this.sendText(JSON.stringify({ op: 'open', ref, topic, partition })),
  )
  #tail: SessionTail | undefined
  #state: 'opening' | 'open' | 'ending' | 'over' = 'opening'
  #hasResponded = false
  #isRejected = false
  #hasMissed = false
  #receivedAtMs = 0
  /** Until the session is open, the time limit of that; then the check for silence. */
  #timer: Timer

  constructor(connection: Connection, WebSocket: WebSocketConstructor, listener: SessionListener) {
    this.#connection = connection
    this.#listener = listener
    const { clock } = connection
    this.#timer = clock.setTimeout(() => this.#end('it did not open'), SESSION_OPEN_TIMEOUT_MS)
    try {
      const socket = openSocket(connection, WebSocket, '/v1/session', [SESSION_SUBPROTOCOL])
      this.#socket = socket
      socket.addEventListener('open', () => this.#opened())
      socket.addEventListener('message', ({ data }) => this.#receive(data))
      socket.addEventListener('close', (event) => this.#closed(event))
      socket.addEventListener('error', () => this.#end('it failed'))
    } catch (error) {
      // Deferred, so the caller is not re-entered.
      queueMicrotask(() => this.#end(String(error)))
    }
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /**
   * Appends a batch, after all earlier ones to its partition.
   *
   * @throws {RequestError} the error of the server; `unavailable` without a response.
   */
  async append(
    topic: string,
    partition: number,
    batches: Uint8Array,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<SessionAppended> {
    while (this.isOpen && !this.#requests.hasRoom && !signal.aborted) {
      await this.#requests.room(signal)
    }
    // Nothing was sent, so it is certainly not in the log.
    if (!this.isOpen || signal.aborted) throw notSent()
    const ref = this.#refs.refOf(topic, partition)
    const id = this.#requests.newId()
    const message = encodeAppend(id, { ref, expectedOffset: undefined, batches })
    const { clock } = this.#connection
    const sentAtMs = clock.now()
    const timer = clock.setTimeout(() => this.#miss(id, sentAtMs), timeoutMs)
    const giveUp = () => this.#settle(id)?.fail(lost('it was given up'))
    signal.addEventListener('abort', giveUp)
    try {
      return await new Promise((resolve, fail) => {
        const take = (entry: SessionEntry) => takeAppended(entry, clock.now(), resolve, fail)
        this.#requests.add(id, { sizeBytes: message.length, take, fail })
        this.#send(message)
      })
    } finally {
      clock.clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
    }
  }

  /**
   * Makes a call. Does not wait for room: appends may have taken it for long.
   *
   * @param signal its abort by a time limit takes the session out of use for calls
   * @throws {RequestError} `throttled` if it was not sent.
   */
  call(
    { method, path, headers, body }: SessionCall,
    signal: AbortSignal | undefined,
  ): Pick<CallResponse, 'response' | 'over'> {
    if (!this.isOpen || !this.#requests.hasRoom) throw notSent()
    const id = this.#requests.newId()
    const parts = encodeHeadAndBody({ method, path, headers }, body)
    const message = encodeSessionEntry(SESSION_ENTRY.call, id, ...parts)
    const sentAtMs = this.#connection.clock.now()
    const response = new CallResponse()
    this.#requests.add(id, {
      sizeBytes: message.length,
      take: (entry) => takeCallPart(response, entry),
      fail: (error) => response.fail(error),
    })
    this.#send(message)
    // The server responds to the call all the same, so it goes on to count.
    signal?.addEventListener('abort', () => {
      response.abandon(signal.reason)
      if (isTimeLimit(signal.reason)) this.#miss(id, sentAtMs)
    })
    return response
  }

  /** Carries a tail, in the place of any other. */
  carry(tail: SessionTail): void {
    this.#tail?.lost()
    this.#tail = tail
    tail.open(this)
  }

  /** True if a response did not arrive in time, though others did: calls may be stuck in the session. */
  get hasMissed(): boolean {
    return this.#hasMissed
  }

  /** Gives up a request without a response. */
  #miss(id: number, sentAtMs: number): void {
    if (!this.#requests.has(id)) return
    const reason = 'it took too long'
    if (this.#receivedAtMs <= sentAtMs) {
      this.#end(reason)
      return
    }
    // The session is alive, but later requests may wait behind this one.
    this.#hasMissed = true
    this.#settle(id)?.fail(lost(reason))
    this.#listener.wornOut()
  }

  /** Sends no more requests, and closes the session after the last response. */
  end(): void {
    if (this.#state === 'open') {
      this.#state = 'ending'
      // The server ends tails at once.
      this.#tail?.lost()
      this.sendText(JSON.stringify({ op: 'end' }))
      this.#requests.wake()
      this.#endIfServed()
    } else if (this.#state === 'opening') {
      this.#state = 'ending'
      this.#end('it is no longer needed')
    }
  }

  #opened(): void {
    if (this.#state !== 'opening') return
    this.#connection.clock.clearTimeout(this.#timer)
    this.#state = 'open'
    this.#receivedAtMs = this.#connection.clock.now()
    this.#watchSilence()
    this.#listener.opened()
  }

  /** The server sends a ping every 15 s. */
  #watchSilence(): void {
    const { clock } = this.#connection
    const leftMs = this.#receivedAtMs + SESSION_SILENCE_MS_MAX - clock.now()
    if (leftMs <= 0) this.#end('it was silent')
    else this.#timer = clock.setTimeout(() => this.#watchSilence(), leftMs)
  }

  #closed({ code, reason }: CloseReason): void {
    this.#isRejected = REJECTED.has(code)
    this.#end(`it was closed with ${code}: ${reason}`)
  }

  sendText(text: string): void {
    if (this.#state === 'open' || this.#state === 'ending') this.#send(text)
  }

  #send(message: string | Uint8Array<ArrayBuffer>): void {
    try {
      this.#socket?.send(message)
    } catch (error) {
      queueMicrotask(() => this.#end(String(error)))
    }
  }

  #receive(data: unknown): void {
    if (this.#state === 'over') return
    this.#receivedAtMs = this.#connection.clock.now()
    try {
      if (data instanceof ArrayBuffer) {
        for (const entry of decodeSessionEntries(new Uint8Array(data))) this.#receiveEntry(entry)
        this.#requests.wake()
      } else this.#receiveNotice(String(data))
    } catch (error) {
      // Wrong messages show that the peer is not our server, or not any more.
      if (!(error instanceof DecodeError || error instanceof SyntaxError)) throw error
      this.#end(error.message)
    }
  }

  #receiveEntry(entry: SessionEntry): void {
    const tail = entry.kind === SESSION_ENTRY.tail ? this.#tail : undefined
    if (tail === undefined) this.#requests.take(entry)
    else tail.receive(entry.content)
    this.#hasResponded = true
    this.#endIfServed()
  }

  #receiveNotice(text: string): void {
    // Spreading anything but an object gives one without members.
    const { op, mark, ref } = { ...JSON.parse(text) } as Record<string, unknown>
    if (op === 'mark') this.sendText(JSON.stringify({ op: 'consumed', mark }))
    else if (op === 'end') this.#listener.wornOut()
    // A wrong number of a partition is found by its appends.
    else if (ref === undefined) this.#tail?.receive(text)
  }

  #settle(id: number) {
    const request = this.#requests.settle(id)
    this.#endIfServed()
    return request
  }

  /** The server closes the session too, but it may be gone. */
  #endIfServed(): void {
    if (this.#state === 'ending' && this.#requests.count === 0) this.#end('it was ended')
  }

  #end(reason: string): void {
    if (this.#state === 'over') return
    const hasFailed = this.#requests.count > 0 && !this.#hasResponded
    const isUnusable = this.#state === 'opening' || hasFailed || this.#isRejected
    this.#state = 'over'
    this.#connection.clock.clearTimeout(this.#timer)
    this.#socket?.close()
    this.#requests.failAll(lost(reason))
    this.#tail?.lost()
    this.#listener.over(isUnusable)
  }
}

function lost(reason: string): RequestError {
  return new RequestError('unavailable', `no response over the session: ${reason}`, { status: 0 })
}

/** An error that shows that the log did not change. */
function notSent(): RequestError {
  return new RequestError('throttled', 'the session ended before the request was sent', {
    status: 429,
  })
}
