/**
 * The bridge's end of a session: one WebSocket to the server that carries one client's connection.
 * `src/kafka/kafka-session.ts` describes the messages.
 */
import type { ClientRequest, IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { FrameError } from '../../../src/core/kafka/frame-cutter.ts'
import { KAFKA_SESSION_NOTICE_BYTES, KAFKA_SESSION_WINDOW_BYTES } from '../../../src/core/limits.ts'
import { type CallerHeaders, headersOf } from './caller-headers.ts'
import { SESSION_OPEN_MS_MAX, SESSIONS_RETRY_MS } from './limits.ts'

const CLOSE_ENDED = 1000
const CLOSE_LIKE_BROKER = 4000
/** Statuses that `POST /kafka` answers better: it serves the frames of a client that has not authenticated yet. */
const CALLER_STATUSES = [401, 403]

/** `auto`: a session for each connection where the server and the network have WebSockets, else `post`. */
export type Transport = 'auto' | 'post'

/** Opens sessions, as long as the server and the network have WebSockets. */
export class SessionOpener {
  readonly #url: URL
  readonly #transport: Transport
  #unavailableUntilMs = 0

  constructor(serverUrl: string, transport: Transport) {
    this.#transport = transport
    this.#url = new URL('/kafka', serverUrl)
    this.#url.protocol = this.#url.protocol === 'https:' ? 'wss:' : 'ws:'
  }

  /** Opens a session. Resolves to undefined if the frames are to go by `POST`. */
  async open(caller: CallerHeaders, write: Write): Promise<KafkaSession | undefined> {
    if (this.#transport === 'post' || Date.now() < this.#unavailableUntilMs) return undefined
    const socket = new WebSocket(this.#url.href, 'edgelog.kafka.v1', {
      headers: headersOf(caller),
      handshakeTimeout: SESSION_OPEN_MS_MAX,
      perMessageDeflate: false,
    })
    return await new Promise((resolve) => {
      const fail = (status = 0) => {
        if (!CALLER_STATUSES.includes(status)) {
          this.#unavailableUntilMs = Date.now() + SESSIONS_RETRY_MS
        }
        resolve(undefined)
      }
      socket.once('unexpected-response', (request: ClientRequest, response: IncomingMessage) => {
        request.destroy()
        fail(response.statusCode)
      })
      socket.once('error', () => fail())
      socket.once('open', () => resolve(new KafkaSession(socket, write)))
    })
  }
}

/** Passes response bytes to the client; resolves when more may follow. */
type Write = (part: Uint8Array) => Promise<void>

export class KafkaSession {
  /**
   * Resolves when the server has closed the session: after all responses, or to true where a broker would close the
   * connection.
   *
   * @throws {FrameError} if frames may have no response.
   */
  readonly closed: Promise<boolean>
  readonly #socket: WebSocket
  /** Sent bytes that the server has not consumed. */
  #unconsumedBytes = 0
  /** Received bytes that the client has taken since the last notice. */
  #consumedBytes = 0
  #isWornOut = false
  #isClosed = false
  #wake: () => void = () => {}

  /** @param write passes response bytes on. */
  constructor(socket: WebSocket, write: Write) {
    this.#socket = socket
    let writing = Promise.resolve()
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (!isBinary) {
        this.#receiveControl(data.toString())
        return
      }
      socket.pause()
      writing = writing
        .then(() => write(data))
        .then(() => {
          this.#consume(data.length)
          socket.resume()
        })
    })
    // `close` follows.
    socket.on('error', () => {})
    this.closed = new Promise((resolve, reject) => {
      socket.once('close', (code, reason) => {
        this.#isClosed = true
        this.#wake()
        if (code === CLOSE_ENDED || code === CLOSE_LIKE_BROKER) {
          void writing.then(() => resolve(code === CLOSE_LIKE_BROKER))
        } else reject(new FrameError(`the server closed the session: ${code} ${reason}`))
      })
    })
    this.closed.catch(() => undefined)
  }

  /** True if the server asked for another session, which the next frames should use. */
  get isWornOut(): boolean {
    return this.#isWornOut
  }

  /** Sends one frame; resolves when its bytes have left the memory of this process. */
  async send(frame: Uint8Array): Promise<void> {
    while (this.#unconsumedBytes > KAFKA_SESSION_WINDOW_BYTES && !this.#isClosed) {
      await new Promise<void>((wake) => {
        this.#wake = wake
      })
    }
    this.#unconsumedBytes += frame.length
    await new Promise<void>((resolve) => this.#socket.send(frame, () => resolve()))
  }

  /** Sends no more frames. The server closes the session after the last response. */
  end(): void {
    this.#notify({ op: 'end' })
  }

  /** Like `end`, for a client that is gone: responses that may take long are not waited for. */
  leave(): void {
    this.#notify({ op: 'leave' })
  }

  destroy(): void {
    this.#socket.terminate()
  }

  #receiveControl(text: string): void {
    const { op, bytes } = JSON.parse(text) as { readonly op: string; readonly bytes?: number }
    if (op === 'end') this.#isWornOut = true
    if (op === 'consumed') this.#unconsumedBytes -= bytes ?? 0
    this.#wake()
  }

  #consume(sizeBytes: number): void {
    this.#consumedBytes += sizeBytes
    if (this.#consumedBytes < KAFKA_SESSION_NOTICE_BYTES) return
    this.#notify({ op: 'consumed', bytes: this.#consumedBytes })
    this.#consumedBytes = 0
  }

  #notify(control: { readonly op: string; readonly bytes?: number }): void {
    if (!this.#isClosed) this.#socket.send(JSON.stringify(control), () => {})
  }
}
