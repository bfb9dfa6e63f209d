/**
 * One socket to the live tail: opens, sends, receives, and
 * ends once. The caller decides whether and when to open another.
 */

import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { DecodeError } from '../../src/core/bytes/decode-error.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import { BATCH_BYTES_MAX } from '../../src/core/limits.ts'
import { decodeTailPart, TAIL_PARTS_SUBPROTOCOL } from '../../src/core/log/tail-protocol.ts'
import type { Timer } from '../clock.ts'
import type { Connection } from '../http/connection.ts'
import type { ClientSocket } from '../http/web-socket.ts'
import { TAIL_ANSWER_MS_MAX, TAIL_OPEN_TIMEOUT_MS } from '../limits.ts'
import { type TailMessageListener, takeFrame, takeNotice } from './tail-messages.ts'

/** Receives messages between the opening of the connection and `ended` or `close`. */
interface TailConnectionListener extends TailMessageListener {
  ended(error: EdgelogError): void
}

export class TailConnection {
  readonly #connection: Connection
  readonly #listener: TailConnectionListener
  readonly #socket: ClientSocket | undefined
  /** Messages queued until the socket opens. */
  #waiting: string[] | undefined = []
  #isOver = false
  /** Send times of unanswered subscriptions by id, oldest first. */
  readonly #unanswered = new Map<number, number>()
  #answeredAtMs: number | undefined
  /** Arrival time of the last bytes of a frame. */
  #frameAtMs = 0
  /** Parts of an incomplete message, and the number of bytes to come. */
  #parts: Uint8Array[] = []
  #leftBytes = 0
  #timer: Timer
  readonly #noticed: TailMessageListener = {
    notice: (notice) => {
      if (notice.op === 'subscribed') this.#answered(notice.id)
      this.#listener.notice(notice)
    },
    frame: () => undefined,
    closed: (id, error, op) => {
      this.#answered(id)
      // The server keeps sending after an error, for example one about credit.
      if (op === 'error') this.unsubscribe(id)
      this.#listener.closed(id, error, op)
    },
  }

  constructor(
    connection: Connection,
    openTail: () => ClientSocket,
    listener: TailConnectionListener,
  ) {
    this.#connection = connection
    this.#listener = listener
    try {
      const socket = openTail()
      this.#socket = socket
      socket.addEventListener('open', () => this.#opened())
      socket.addEventListener('message', ({ data }) => this.#receive(data))
      socket.addEventListener('close', () => this.#end())
      socket.addEventListener('error', () => this.#end())
    } catch (error) {
      this.#endSoon(error)
    }
  }

  /**
   * Sends a subscription. A connection without a response to any subscription for 10 s is dead,
   * whatever else it sends. If it has responded before, the silent one may be a single partition:
   * that subscription is `closed`, and may be retried.
   */
  subscribe(id: number, request: object): void {
    this.#unanswered.set(id, this.#connection.clock.now())
    if (this.#unanswered.size === 1) this.#awaitAnswer()
    this.#sendWhenOpen({ op: 'subscribe', id, ...request })
  }

  unsubscribe(id: number): void {
    if (this.#unanswered.delete(id)) this.#awaitAnswer()
    this.#sendWhenOpen({ op: 'unsubscribe', id })
  }

  grant(id: number, bytes: number): void {
    this.#sendWhenOpen({ op: 'credit', id, bytes })
  }

  close(): void {
    this.#isOver = true
    this.#connection.clock.clearTimeout(this.#timer)
    this.#socket?.close()
  }

  #opened(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const text of waiting) this.#send(text)
  }

  #sendWhenOpen(message: object): void {
    const text = JSON.stringify(message)
    if (this.#waiting === undefined) this.#send(text)
    else this.#waiting.push(text)
  }

  #send(text: string): void {
    if (this.#isOver) return
    try {
      this.#socket?.send(text)
    } catch (error) {
      this.#endSoon(error)
    }
  }

  #receive(data: unknown): void {
    if (this.#isOver) return
    try {
      if (data instanceof ArrayBuffer) this.#receiveBytes(new Uint8Array(data))
      else if (typeof data === 'string') takeNotice(data, this.#noticed)
    } catch (error) {
      // A protocol violation: the connection cannot be trusted any more.
      if (!(error instanceof DecodeError || error instanceof EdgelogError)) throw error
      this.#end(error)
    }
  }

  #receiveBytes(bytes: Uint8Array): void {
    this.#frameAtMs = this.#connection.clock.now()
    if (this.#socket?.protocol !== TAIL_PARTS_SUBPROTOCOL) {
      void takeFrame(bytes, this.#listener)
      return
    }
    const part = decodeTailPart(bytes)
    const isFirst = this.#parts.length === 0
    const isNext = part.leftBytes + part.bytes.length === this.#leftBytes
    if (isFirst ? part.leftBytes > BATCH_BYTES_MAX : !isNext) {
      throw new DecodeError(0, `a part before ${part.leftBytes} bytes`)
    }
    this.#parts.push(part.bytes)
    this.#leftBytes = part.leftBytes
    if (part.leftBytes > 0) {
      // The connection is alive, however long the remaining parts take.
      this.#listener.notice({ op: 'ping' })
      return
    }
    const message = concatenate(this.#parts)
    this.#parts = []
    void takeFrame(message, this.#listener)
  }

  #awaitAnswer(): void {
    const { clock } = this.#connection
    clock.clearTimeout(this.#timer)
    const [oldestMs] = this.#unanswered.values()
    if (oldestMs === undefined || this.#isOver) return
    const leftMs = this.#dueMs(oldestMs) - clock.now()
    this.#timer = clock.setTimeout(() => this.#missAnswers(), leftMs)
  }

  /** On a slow line a response queues behind the frames that were granted before. */
  #dueMs(askedAtMs: number): number {
    const sinceMs = Math.max(askedAtMs, this.#answeredAtMs ?? 0)
    const quietSinceMs = Math.max(sinceMs, this.#frameAtMs)
    return Math.min(quietSinceMs + TAIL_OPEN_TIMEOUT_MS, sinceMs + TAIL_ANSWER_MS_MAX)
  }

  #answered(id: number): void {
    if (!this.#unanswered.delete(id)) return
    this.#answeredAtMs = this.#connection.clock.now()
    this.#awaitAnswer()
  }

  #missAnswers(): void {
    if (this.#answeredAtMs === undefined) {
      this.#end()
      return
    }
    const nowMs = this.#connection.clock.now()
    const [oldestMs = nowMs] = this.#unanswered.values()
    if (this.#dueMs(oldestMs) > nowMs) {
      this.#awaitAnswer()
      return
    }
    const isQuiet = nowMs >= this.#frameAtMs + TAIL_OPEN_TIMEOUT_MS
    const overdueMs = nowMs - (isQuiet ? TAIL_OPEN_TIMEOUT_MS : TAIL_ANSWER_MS_MAX)
    for (const [id, sinceMs] of [...this.#unanswered]) {
      if (sinceMs > overdueMs) break
      this.unsubscribe(id)
      const error = new EdgelogError('unavailable', 'no response from the partition')
      this.#listener.closed(id, error, 'closed')
    }
    this.#awaitAnswer()
  }

  /** Deferred, so the caller is not re-entered. */
  #endSoon(error: unknown): void {
    queueMicrotask(() => this.#end(error))
  }

  #end(cause?: unknown): void {
    if (this.#isOver) return
    this.close()
    const isOurs = cause instanceof EdgelogError
    const error = new EdgelogError('unavailable', 'the live tail ended', { cause })
    this.#listener.ended(isOurs ? cause : error)
  }
}
