/**
 * The live tail: one socket for all subscriptions of a client. It connects,
 * detects a dead connection and notifies the followers, which decide where to resume.
 */
import type { EdgelogError } from '../../src/core/errors.ts'
import { TAIL_SUBSCRIPTIONS_MAX } from '../../src/core/limits.ts'
import type { IsolationLevel } from '../../src/core/log/log-ends.ts'
import type { TailFrame } from '../../src/core/log/tail-protocol.ts'
import type { Timer } from '../clock.ts'
import { backoffMs } from '../http/backoff.ts'
import type { Connection } from '../http/connection.ts'
import type { ClientSocket } from '../http/web-socket.ts'
import {
  RESUME_BACKOFF_MS,
  RESUME_BACKOFF_MS_MAX,
  TAIL_AVOIDED_MS,
  TAIL_FAILURES_MAX,
  TAIL_SILENCE_MS_MAX,
} from '../limits.ts'
import { TailConnection } from './tail-connection.ts'

export interface TailRequest {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly creditBytes: number
  readonly isolation: IsolationLevel
}

interface TailListener {
  frame(frame: TailFrame): void
  /** The server ended the subscription. */
  closed(error: EdgelogError): void
  /** The connection was lost or never opened. */
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

export class TailClient {
  readonly #connection: Connection
  readonly #openTail: (() => ClientSocket) | undefined
  readonly #followers = new Map<number, Follower>()
  #nextId = 0
  #current: TailConnection | undefined
  #lastMessageAtMs = 0
  #silenceTimer: Timer
  #connectTimer: Timer
  #isConnectPlanned = false
  /** Consecutive failures since the last successful subscription. */
  #failures = 0
  #avoidedUntilMs = 0

  /** @param openTail undefined where there are no WebSockets */
  constructor(connection: Connection, openTail: (() => ClientSocket) | undefined) {
    this.#connection = connection
    this.#openTail = openTail
  }

  /** True if a WebSocket exists, has not failed repeatedly, and has room for another subscription. */
  get isUsable(): boolean {
    return (
      this.isSupported &&
      this.#followers.size < TAIL_SUBSCRIPTIONS_MAX &&
      this.#connection.clock.now() >= this.#avoidedUntilMs
    )
  }

  get isSupported(): boolean {
    return this.#openTail !== undefined
  }

  follow(request: TailRequest, listener: TailListener): TailSubscription {
    const id = this.#nextId
    this.#nextId = (id + 1) % 2 ** 32
    this.#followers.set(id, { request, listener })
    if (this.#current === undefined) this.#planConnect()
    else this.#current.subscribe(id, request)
    return {
      grant: (bytes) => this.#connectionOf(id)?.grant(id, bytes),
      end: () => {
        this.#connectionOf(id)?.unsubscribe(id)
        this.#followers.delete(id)
        if (this.#followers.size === 0) this.close()
      },
    }
  }

  close(): void {
    this.#connection.clock.clearTimeout(this.#connectTimer)
    this.#isConnectPlanned = false
    this.#current?.close()
    this.#forget()
  }

  #connectionOf(id: number): TailConnection | undefined {
    return this.#followers.has(id) ? this.#current : undefined
  }

  #planConnect(): void {
    if (this.#isConnectPlanned) return
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
    if (this.#openTail === undefined) return
    const current = new TailConnection(this.#connection, this.#openTail, {
      notice: ({ op }) => {
        this.#noteMessage()
        if (op === 'subscribed') this.#failures = 0
      },
      frame: (id, frame) => {
        this.#noteMessage()
        this.#followers.get(id)?.listener.frame(frame)
      },
      closed: (id, error) => {
        this.#noteMessage()
        const follower = this.#followers.get(id)
        this.#followers.delete(id)
        follower?.listener.closed(error)
      },
      ended: () => this.#lost(),
    })
    this.#current = current
    this.#watch(current)
    for (const [id, { request }] of this.#followers) current.subscribe(id, request)
  }

  #noteMessage(): void {
    this.#lastMessageAtMs = this.#connection.clock.now()
  }

  /** Ends a connection without a message for `TAIL_SILENCE_MS_MAX`: the server sends one every 15 s. */
  #watch(current: TailConnection): void {
    const { clock } = this.#connection
    this.#noteMessage()
    const check = () => {
      const leftMs = this.#lastMessageAtMs + TAIL_SILENCE_MS_MAX - clock.now()
      if (leftMs > 0) this.#silenceTimer = clock.setTimeout(check, leftMs)
      else {
        current.close()
        this.#lost()
      }
    }
    this.#silenceTimer = clock.setTimeout(check, TAIL_SILENCE_MS_MAX)
  }

  #forget(): void {
    this.#connection.clock.clearTimeout(this.#silenceTimer)
    this.#current = undefined
  }

  #lost(): void {
    this.#forget()
    this.#failures += 1
    if (this.#failures >= TAIL_FAILURES_MAX) {
      this.#avoidedUntilMs = this.#connection.clock.now() + TAIL_AVOIDED_MS
    }
    const followers = [...this.#followers.values()]
    this.#followers.clear()
    for (const { listener } of followers) listener.lost()
  }
}
