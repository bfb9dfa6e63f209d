/**
 * The live tail: one WebSocket for all that a client follows. It connects, notices a dead connection
 * and says so to those who follow; where to resume is theirs to know.
 */
import { ByteReader } from '../../src/core/bytes/byte-reader.ts'
import { DecodeError } from '../../src/core/bytes/decode-error.ts'
import { EdgelogError, type ErrorBody, isErrorCode } from '../../src/core/errors.ts'
import { TAIL_SUBSCRIPTIONS_MAX } from '../../src/core/limits.ts'
import { decodeTailFrame, type TailFrame } from '../../src/core/log/tail-protocol.ts'
import type { Timer } from '../clock.ts'
import { backoffMs } from '../http/backoff.ts'
import type { Connection } from '../http/connection.ts'
import {
  RESUME_BACKOFF_MS,
  RESUME_BACKOFF_MS_MAX,
  TAIL_AVOIDED_MS,
  TAIL_FAILURES_MAX,
  TAIL_OPEN_TIMEOUT_MS,
  TAIL_SILENCE_MS_MAX,
} from '../limits.ts'

/** What the client needs of a WebSocket: the part that all runtimes agree on. */
export interface TailSocket {
  binaryType: string
  send(text: string): void
  close(code?: number): void
  addEventListener(type: 'open' | 'close' | 'error', listener: () => void): void
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => TailSocket

export interface TailRequest {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly creditBytes: number
}

export interface TailListener {
  frame(frame: TailFrame): void
  /** The log ended it. */
  closed(error: EdgelogError): void
  /** The connection is gone, or never came about. */
  lost(): void
}

export interface TailSubscription {
  grant(bytes: number): void
  end(): void
}

interface Follower {
  readonly request: TailRequest
  readonly listener: TailListener
}

interface OpenSocket {
  readonly socket: TailSocket
  isOpen: boolean
  lastMessageAtMs: number
  timer: Timer
}

type Notice =
  | { readonly op: 'subscribed' | 'ping' }
  | { readonly op: 'closed' | 'error'; readonly id?: number; readonly error: ErrorBody }

const PROTOCOL = 'edgelog.tail.v1'
const HEADER_BYTES = 4

export class TailClient {
  readonly #connection: Connection
  readonly #WebSocket: WebSocketConstructor | undefined
  readonly #followers = new Map<number, Follower>()
  #nextId = 0
  #current: OpenSocket | undefined
  #connectTimer: Timer
  #isConnectPlanned = false
  /** In a row, since something could be followed. */
  #failures = 0
  #avoidedUntilMs = 0

  constructor(connection: Connection, webSocket: WebSocketConstructor | undefined) {
    this.#connection = connection
    this.#WebSocket = webSocket
  }

  /** A WebSocket is there, has not failed again and again, and has room for one more. */
  get isUsable(): boolean {
    return (
      this.isSupported &&
      this.#followers.size < TAIL_SUBSCRIPTIONS_MAX &&
      this.#connection.clock.now() >= this.#avoidedUntilMs
    )
  }

  get isSupported(): boolean {
    return this.#WebSocket !== undefined
  }

  follow(request: TailRequest, listener: TailListener): TailSubscription {
    const id = this.#nextId
    this.#nextId = (id + 1) % 2 ** 32
    this.#followers.set(id, { request, listener })
    if (this.#current?.isOpen) this.#subscribe(id, request)
    else this.#planConnect()
    return {
      grant: (bytes) => this.#say(id, { op: 'credit', id, bytes }),
      end: () => {
        this.#say(id, { op: 'unsubscribe', id })
        this.#followers.delete(id)
        if (this.#followers.size === 0) this.close()
      },
    }
  }

  close(): void {
    this.#connection.clock.clearTimeout(this.#connectTimer)
    this.#isConnectPlanned = false
    const current = this.#current
    if (current !== undefined) this.#drop(current)
  }

  #planConnect(): void {
    if (this.#current !== undefined || this.#isConnectPlanned) return
    const { clock, random } = this.#connection
    this.#isConnectPlanned = true
    const delayMs =
      this.#failures === 0
        ? 0
        : backoffMs(this.#failures, RESUME_BACKOFF_MS, RESUME_BACKOFF_MS_MAX, random)
    this.#connectTimer = clock.setTimeout(() => {
      this.#isConnectPlanned = false
      this.#connect()
    }, delayMs)
  }

  #connect(): void {
    const { clock, url, token } = this.#connection
    if (this.#WebSocket === undefined) return
    const protocols = [PROTOCOL]
    if (token !== undefined) protocols.push(`edgelog.bearer.${base64Url(token)}`)
    let socket: TailSocket
    try {
      socket = new this.#WebSocket(`${url.replace(/^http/, 'ws')}/v1/tail`, protocols)
    } catch {
      this.#failed()
      return
    }
    const current: OpenSocket = { socket, isOpen: false, lastMessageAtMs: clock.now(), timer: null }
    this.#current = current
    socket.binaryType = 'arraybuffer'
    current.timer = clock.setTimeout(() => this.#lose(current), TAIL_OPEN_TIMEOUT_MS)
    socket.addEventListener('open', () => this.#opened(current))
    socket.addEventListener('message', ({ data }) => this.#receive(current, data))
    socket.addEventListener('close', () => this.#lose(current))
    socket.addEventListener('error', () => this.#lose(current))
  }

  #opened(current: OpenSocket): void {
    if (this.#current !== current) return
    current.isOpen = true
    this.#watch(current)
    for (const [id, { request }] of this.#followers) this.#subscribe(id, request)
  }

  /** The server speaks every 15 s; a connection that is dead without having ended does not. */
  #watch(current: OpenSocket): void {
    const { clock } = this.#connection
    clock.clearTimeout(current.timer)
    current.lastMessageAtMs = clock.now()
    const check = () => {
      const leftMs = current.lastMessageAtMs + TAIL_SILENCE_MS_MAX - clock.now()
      if (leftMs <= 0) this.#lose(current)
      else current.timer = clock.setTimeout(check, leftMs)
    }
    current.timer = clock.setTimeout(check, TAIL_SILENCE_MS_MAX)
  }

  #subscribe(id: number, request: TailRequest): void {
    this.#say(id, { op: 'subscribe', id, ...request })
  }

  #say(id: number, message: object): void {
    const current = this.#current
    if (current?.isOpen && this.#followers.has(id)) current.socket.send(JSON.stringify(message))
  }

  #receive(current: OpenSocket, data: unknown): void {
    if (this.#current !== current) return
    current.lastMessageAtMs = this.#connection.clock.now()
    try {
      if (data instanceof ArrayBuffer) {
        const bytes = new Uint8Array(data)
        const id = new ByteReader(bytes).uint32()
        this.#followers.get(id)?.listener.frame(decodeTailFrame(bytes, HEADER_BYTES))
      } else if (typeof data === 'string') this.#notice(current, parseNotice(data))
    } catch (error) {
      // Not what the protocol says: a connection that cannot be trusted. Those who follow resume.
      if (!(error instanceof DecodeError)) throw error
      this.#lose(current)
    }
  }

  #notice(current: OpenSocket, notice: Notice): void {
    const { op } = notice
    if (op === 'subscribed') this.#failures = 0
    else if (op === 'closed' || op === 'error') {
      const { id, error } = notice
      // An error without an id may be about any of them.
      if (id === undefined) this.#lose(current)
      else this.#end(id, op, errorOf(error))
    }
  }

  #end(id: number, op: 'closed' | 'error', error: EdgelogError): void {
    // The log goes on sending after an error, say about credit.
    if (op === 'error') this.#say(id, { op: 'unsubscribe', id })
    const follower = this.#followers.get(id)
    this.#followers.delete(id)
    follower?.listener.closed(error)
  }

  #lose(current: OpenSocket): void {
    if (this.#current !== current) return
    this.#drop(current)
    this.#failed()
  }

  #drop(current: OpenSocket): void {
    this.#current = undefined
    this.#connection.clock.clearTimeout(current.timer)
    current.socket.close()
  }

  #failed(): void {
    this.#failures += 1
    if (this.#failures >= TAIL_FAILURES_MAX) {
      this.#avoidedUntilMs = this.#connection.clock.now() + TAIL_AVOIDED_MS
    }
    const followers = [...this.#followers.values()]
    this.#followers.clear()
    for (const { listener } of followers) listener.lost()
  }
}

/** @throws {DecodeError} for what is no notice. Kinds that are not known here are passed over. */
function parseNotice(text: string): Notice {
  const notice = parseObject(text)
  const { op, error } = notice
  const isError = op === 'closed' || op === 'error'
  const hasError = typeof error === 'object' && error !== null
  if (typeof op !== 'string' || (isError && !hasError)) {
    throw new DecodeError(0, `not a notice: ${text}`)
  }
  return notice as unknown as Notice
}

function parseObject(text: string): Record<string, unknown> {
  try {
    // Of numbers, text and null no member is missed.
    return { ...JSON.parse(text) }
  } catch {
    return {}
  }
}

function errorOf({ code, message, details }: ErrorBody): EdgelogError {
  const options = details === undefined ? {} : { details }
  if (isErrorCode(code)) return new EdgelogError(code, message, options)
  return new EdgelogError('internal', `${String(code)}: ${message}`, options)
}

function base64Url(text: string): string {
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}
