/** One session: a WebSocket that carries appends. docs/PROTOCOL.md describes the messages. */
import { DecodeError } from '../../src/core/bytes/decode-error.ts'
import { SESSION_REFS_MAX, SESSION_WINDOW_BYTES } from '../../src/core/limits.ts'
import {
  decodeAppended,
  decodeRefused,
  decodeSessionEntries,
  encodeAppend,
  SESSION_ENTRY,
  SESSION_SUBPROTOCOL,
  type SessionAppended,
  type SessionEntry,
} from '../../src/core/log/session-protocol.ts'
import type { Timer } from '../clock.ts'
import type { Connection } from '../http/connection.ts'
import { RequestError, refusalOf } from '../http/request-error.ts'
import { type ClientSocket, openSocket, type WebSocketConstructor } from '../http/web-socket.ts'
import { SESSION_OPEN_TIMEOUT_MS, SESSION_REQUESTS_MAX } from '../limits.ts'

interface Request {
  readonly sizeBytes: number
  readonly resolve: (appended: SessionAppended) => void
  readonly reject: (error: RequestError) => void
  timer: Timer
}

interface SessionListener {
  opened(): void
  /** The server asks for another session. */
  wornOut(): void
  /**
   * The session is over.
   *
   * @param isUnusable true if it did not open, or gave no response to any request: requests of their own may be served.
   */
  over(isUnusable: boolean): void
}

export class SessionConnection {
  readonly #connection: Connection
  readonly #listener: SessionListener
  readonly #socket: ClientSocket | undefined
  readonly #requests = new Map<number, Request>()
  #requestBytes = 0
  #nextId = 0
  /** Numbers of partitions, oldest first. */
  readonly #refs = new Map<string, number>()
  #nextRef = 0
  #waiting: Array<() => void> = []
  #state: 'opening' | 'open' | 'ending' | 'over' = 'opening'
  #hasResponded = false
  #receivedAtMs = 0
  #openTimer: Timer

  constructor(connection: Connection, WebSocket: WebSocketConstructor, listener: SessionListener) {
    this.#connection = connection
    this.#listener = listener
    const { clock } = connection
    this.#openTimer = clock.setTimeout(() => this.#end('it did not open'), SESSION_OPEN_TIMEOUT_MS)
    try {
      const socket = openSocket(connection, WebSocket, '/v1/session', [SESSION_SUBPROTOCOL])
      this.#socket = socket
      socket.addEventListener('open', () => this.#opened())
      socket.addEventListener('message', ({ data }) => this.#receive(data))
      socket.addEventListener('close', () => this.#end('it was closed'))
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
    while (this.isOpen && !this.#hasRoom && !signal.aborted) await this.#room(signal)
    // Nothing was sent, so it is certainly not in the log.
    if (!this.isOpen || signal.aborted) throw notSent()
    const ref = this.#refOf(topic, partition)
    const id = this.#nextId
    this.#nextId = (id + 1) % 2 ** 32
    const message = encodeAppend(id, { ref, expectedOffset: undefined, batches })
    return await new Promise((resolve, reject) => {
      const { clock } = this.#connection
      const sentAtMs = clock.now()
      const timer = clock.setTimeout(() => {
        const reason = `none within ${timeoutMs} ms`
        // A session that is silent is dead; otherwise it is this partition that does not respond.
        if (this.#receivedAtMs <= sentAtMs) this.#end(reason)
        else this.#settle(id)?.reject(lost(reason))
      }, timeoutMs)
      this.#requests.set(id, { sizeBytes: message.length, resolve, reject, timer })
      this.#requestBytes += message.length
      signal.addEventListener('abort', () => this.#settle(id)?.reject(lost('it was given up')), {
        once: true,
      })
      this.#send(message)
    })
  }

  /** Sends no more requests, and closes the session after the last response. */
  end(): void {
    if (this.#state === 'open') {
      this.#state = 'ending'
      this.#send(JSON.stringify({ op: 'end' }))
      this.#wake()
      this.#endIfServed()
    } else if (this.#state === 'opening') {
      this.#state = 'ending'
      this.#end('it is no longer needed')
    }
  }

  get #hasRoom(): boolean {
    return this.#requests.size < SESSION_REQUESTS_MAX && this.#requestBytes <= SESSION_WINDOW_BYTES
  }

  /** Resolves when a request has its response, or when the wait is over. */
  #room(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  /** Returns the number of a partition, which replaces the oldest one if all are in use. */
  #refOf(topic: string, partition: number): number {
    const name = `${partition} ${topic}`
    const known = this.#refs.get(name)
    if (known !== undefined) return known
    const ref = this.#nextRef
    this.#nextRef = (ref + 1) % SESSION_REFS_MAX
    const [oldest] = this.#refs.keys()
    if (this.#refs.size === SESSION_REFS_MAX && oldest !== undefined) this.#refs.delete(oldest)
    this.#refs.set(name, ref)
    this.#send(JSON.stringify({ op: 'open', ref, topic, partition }))
    return ref
  }

  #opened(): void {
    if (this.#state !== 'opening') return
    this.#connection.clock.clearTimeout(this.#openTimer)
    this.#state = 'open'
    this.#listener.opened()
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
        this.#wake()
      } else this.#receiveNotice(String(data))
    } catch (error) {
      // Wrong messages show that the peer is not our server, or not any more.
      if (!(error instanceof DecodeError || error instanceof SyntaxError)) throw error
      this.#end(error.message)
    }
  }

  #receiveEntry({ kind, id, content }: SessionEntry): void {
    if (kind === SESSION_ENTRY.appended) {
      const appended = decodeAppended(content)
      this.#settle(id)?.resolve(appended)
    } else if (kind === SESSION_ENTRY.refused) {
      const { status, text } = decodeRefused(content)
      if (status < 400 || status > 599) throw new DecodeError(0, `an error with status ${status}`)
      const request = this.#settle(id)
      const response = new Response(text, { status })
      void refusalOf(response, this.#connection.clock.now()).then(request?.reject)
    } else throw new DecodeError(0, `an entry of kind ${kind}`)
    this.#hasResponded = true
  }

  #receiveNotice(text: string): void {
    // Spreading anything but an object gives one without members.
    const { op, mark } = { ...JSON.parse(text) } as { readonly op?: unknown; mark?: unknown }
    if (op === 'mark') this.#send(JSON.stringify({ op: 'consumed', mark }))
    else if (op === 'end') this.#listener.wornOut()
  }

  /** Removes a request that has its response, or needs none any more. */
  #settle(id: number): Request | undefined {
    const request = this.#requests.get(id)
    if (request === undefined) return undefined
    this.#requests.delete(id)
    this.#requestBytes -= request.sizeBytes
    this.#connection.clock.clearTimeout(request.timer)
    this.#endIfServed()
    return request
  }

  /** The server closes the session too, but it may be gone. */
  #endIfServed(): void {
    if (this.#state === 'ending' && this.#requests.size === 0) this.#end('it was ended')
  }

  #end(reason: string): void {
    if (this.#state === 'over') return
    const hasFailed = this.#requests.size > 0 && !this.#hasResponded
    const isUnusable = this.#state === 'opening' || hasFailed
    this.#state = 'over'
    this.#connection.clock.clearTimeout(this.#openTimer)
    this.#socket?.close()
    for (const id of [...this.#requests.keys()]) this.#settle(id)?.reject(lost(reason))
    this.#wake()
    this.#listener.over(isUnusable)
  }
}

function lost(reason: string): RequestError {
  return new RequestError('unavailable', `no response over the session: ${reason}`, { status: 0 })
}

/** An error that shows that the log did not change. */
function notSent(): RequestError {
  return new RequestError('throttled', 'the session ended before the batch was sent', {
    status: 429,
  })
}
