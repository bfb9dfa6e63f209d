/** Appends over sessions in a crash run: one session at a time for all producers, opened again when it is lost. */
import { systemClock } from '../../client/clock.ts'
import type { Connection } from '../../client/http/connection.ts'
import { RequestError } from '../../client/http/request-error.ts'
import type { WebSocketConstructor } from '../../client/http/web-socket.ts'
import { SessionConnection } from '../../client/session/session-connection.ts'
import type { Outcome } from './history.ts'

const REQUEST_MS_MAX = 5_000
const { WebSocket: NativeWebSocket } = globalThis as unknown as {
  readonly WebSocket: WebSocketConstructor
}

export class SessionLog {
  readonly #connection: Connection
  readonly #topic: string
  #session: Promise<SessionConnection | undefined> | undefined

  constructor(url: string, topic: string) {
    const { random } = Math
    this.#connection = { url, token: undefined, fetch, clock: systemClock, random }
    this.#topic = topic
  }

  async append(partition: number, batches: Uint8Array<ArrayBuffer>): Promise<Outcome> {
    this.#session ??= this.#open()
    const session = await this.#session
    if (session === undefined) return { kind: 'unknown', why: 'no session' }
    const options = { timeoutMs: REQUEST_MS_MAX, signal: new AbortController().signal }
    try {
      const { baseOffsets } = await session.append(this.#topic, partition, batches, options)
      return { kind: 'ok', baseOffsets }
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      const { code, message } = error
      // `throttled` is the error of a session that is about to end, not an answer of the log.
      const isUnknown = error.mayHaveTakenEffect || code === 'throttled'
      return isUnknown ? { kind: 'unknown', why: message } : { kind: 'fail', code }
    }
  }

  async close(): Promise<void> {
    const session = await this.#session
    session?.end()
  }

  /** Resolves to undefined if the server does not respond. */
  #open(): Promise<SessionConnection | undefined> {
    return new Promise((resolve) => {
      const session = new SessionConnection(this.#connection, NativeWebSocket, {
        opened: () => resolve(session),
        wornOut: () => session.end(),
        over: () => {
          this.#session = undefined
          resolve(undefined)
        },
      })
    })
  }
}
