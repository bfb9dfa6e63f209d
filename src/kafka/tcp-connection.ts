/**
 * One TCP connection of a Kafka client, where the runtime itself listens: the frames of a broker, without a bridge.
 *
 *   read    frames in buffers that grow with the traffic; not while 4 MiB of them wait for a response
 *   serve   in order; those by which the client authenticates change the caller of the next ones
 *   write   each response when the client has taken the one before
 */
import type { AppParts } from '../app/env.ts'
import { DecodeError } from '../core/bytes/decode-error.ts'
import {
  FRAME_MS_MAX,
  FRAME_PROGRESS_BYTES_MIN,
  IDLE_MS_MAX,
  WRITE_SILENCE_MS_MAX,
} from '../core/kafka/connection-limits.ts'
import { FrameCutter, FrameError, frameOf } from '../core/kafka/frame-cutter.ts'
import type { MemoryPool } from '../core/kafka/memory-pool.ts'
import { SASL_AUTHENTICATE, SASL_HANDSHAKE } from '../core/kafka/sasl-messages.ts'
import { SaslSession } from '../core/kafka/sasl-session.ts'
import {
  KAFKA_SESSION_CALLS_MAX_DEFAULT,
  KAFKA_SESSION_WINDOW_BYTES,
  KAFKA_UNAUTHORIZED_BYTES_MAX,
  REQUEST_BODY_BYTES_MAX,
} from '../core/limits.ts'
import { report } from '../events/report.ts'
import { FramePipeline } from './frame-pipeline.ts'
import { kafkaCallerOfSocket } from './kafka-caller.ts'
import type { ResponseMemory } from './response-memory.ts'
import {
  apiKeyOf,
  type KafkaCaller,
  type ServedFrame,
  type StartedFrame,
  startFrame,
} from './serve-frames.ts'

const SIZE_BYTES = 4
/** Size of a read: small for the many connections that wait, large for the few that are busy. */
const READ_BYTES_MIN = 4 * 1024
const READ_BYTES_MAX = 256 * 1024
/** Size of a write: a line of 20 kbit/s takes one within `WRITE_SILENCE_MS_MAX`. */
const WRITE_BYTES_MAX = 128 * 1024

/** The bytes that all connections of an app hold. */
export interface ConnectionMemory {
  readonly requests: MemoryPool
  readonly responses: ResponseMemory
}

export class TcpConnection {
  readonly #socket: Socket
  readonly #info: SocketInfo
  readonly #parts: AppParts
  readonly #pool: MemoryPool
  readonly #number: number
  readonly #reader: ReadableStreamBYOBReader
  readonly #writer: WritableStreamDefaultWriter
  readonly #cutter = new FrameCutter(KAFKA_UNAUTHORIZED_BYTES_MAX)
  readonly #sasl = new SaslSession()
  readonly #pipeline: FramePipeline
  #caller: KafkaCaller
  /** Received bytes without a response. */
  #heldBytes = 0
  #receivedBytes = 0
  #receivedAtMs = Date.now()
  /** True while the connection waits for memory, and reads nothing. */
  #isPaused = false
  #mayReadAgain: () => void = () => {}
  /** When the write that the client has not taken yet began. */
  #writingSinceMs: number | undefined
  #isClosed = false

  /**
   * @param memory that of all connections.
   * @param number see `ConnectionNumbers`.
   */
  constructor(
    socket: Socket,
    info: SocketInfo,
    parts: AppParts,
    memory: ConnectionMemory,
    number: number,
  ) {
    this.#number = number
    this.#socket = socket
    this.#info = info
    this.#parts = parts
    this.#pool = memory.requests
    const connection = {
      mayStart: () => true,
      start: (frame: Uint8Array, bytesMax: number) => this.#start(frame, bytesMax),
      respond: (frame: Uint8Array, response: ServedFrame) => this.#respond(frame, response),
    }
    this.#pipeline = new FramePipeline(connection, memory.responses)
    this.#reader = socket.readable.getReader({ mode: 'byob' })
    this.#writer = socket.writable.getWriter()
    this.#caller = this.#identify()
  }

  /** Serves the connection; resolves when it is closed. */
  async serve(): Promise<void> {
    const watch = setInterval(this.#newWatch(), FRAME_MS_MAX)
    try {
      void this.#readAll()
      await this.#pipeline.serve()
    } finally {
      clearInterval(watch)
      await this.#close()
      this.#pool.release(this.#heldBytes)
      this.#pool.done(this)
    }
  }

  /** Reads until the client ends the connection, which drops the requests that only wait. */
  async #readAll(): Promise<void> {
    let sizeBytes = READ_BYTES_MIN
    try {
      while (!this.#isClosed) {
        await this.#untilMayRead()
        const { value, done } = await this.#reader.read(new Uint8Array(sizeBytes))
        if (done) break
        this.#receive(value)
        if (value.length === sizeBytes) sizeBytes = Math.min(2 * sizeBytes, READ_BYTES_MAX)
        else if (4 * value.length < sizeBytes) sizeBytes = Math.max(sizeBytes / 2, READ_BYTES_MIN)
      }
    } catch (error) {
      // Other errors are of a client that has disconnected, which it may at any time.
      if (error instanceof FrameError) this.#fail(error.message)
    }
    this.#pipeline.leave()
  }

  #receive(bytes: Uint8Array): void {
    this.#pool.hold(bytes.length)
    this.#heldBytes += bytes.length
    this.#receivedBytes += bytes.length
    this.#receivedAtMs = Date.now()
    for (const frame of this.#cutter.push(bytes)) this.#pipeline.push(frame.subarray(SIZE_BYTES))
    if (this.#cutter.heldBytes === 0) this.#pool.done(this)
  }

  async #untilMayRead(): Promise<void> {
    const isAhead = () => this.#heldBytes - this.#cutter.heldBytes >= KAFKA_SESSION_WINDOW_BYTES
    while (!this.#isClosed) {
      const again = new Promise<void>((resolve) => {
        this.#mayReadAgain = resolve
      })
      this.#isPaused = isAhead() || !this.#pool.mayRead(this, this.#mayReadAgain)
      if (!this.#isPaused) return
      await again
    }
  }

  async #start(frame: Uint8Array, responseBytesMax: number): Promise<StartedFrame> {
    try {
      if (this.#sasl.expectsBareToken) return await this.#startBareToken(frame)
      const key = apiKeyOf(frame)
      if (key === SASL_HANDSHAKE.key) this.#sasl.handshake(frame)
      if (key === SASL_AUTHENTICATE.key) {
        this.#sasl.authenticate(frame)
        this.#caller = this.#identify()
      }
    } catch (error) {
      if (!(error instanceof DecodeError || error instanceof FrameError)) throw error
      return { response: Promise.resolve({ parts: [], mustClose: true }) }
    }
    return await startFrame(frame, { ...this.#caller, responseBytesMax })
  }

  /** Authenticates as before Kafka 1.0: by a token without a header. */
  async #startBareToken(token: Uint8Array): Promise<StartedFrame> {
    const request = this.#sasl.wrap(token)
    this.#caller = this.#identify()
    const { response } = await startFrame(request, this.#caller)
    const { parts, mustClose } = await response
    const [answer = new Uint8Array(0)] = parts
    const bare = frameOf(this.#sasl.unwrap(answer.subarray(SIZE_BYTES)))
    return { response: Promise.resolve({ parts: [bare], mustClose }) }
  }

  #identify(): KafkaCaller {
    const caller = kafkaCallerOfSocket(this.#info, this.#parts, this.#sasl.token, this.#number)
    this.#cutter.frameBytesMax = caller.isAuthorized
      ? REQUEST_BODY_BYTES_MAX
      : KAFKA_UNAUTHORIZED_BYTES_MAX
    return caller
  }

  async #respond(frame: Uint8Array, { parts }: ServedFrame): Promise<void> {
    try {
      for (const part of parts) await this.#write(part)
    } catch {
      // The client has disconnected; its requests are served nevertheless.
    }
    this.#writingSinceMs = undefined
    const sizeBytes = SIZE_BYTES + frame.length
    this.#heldBytes -= sizeBytes
    this.#pool.release(sizeBytes)
    this.#mayReadAgain()
    // A caller that the platform allows no more calls gets a connection with new ones.
    const isWornOut = this.#caller.broker.isOutOfCalls(KAFKA_SESSION_CALLS_MAX_DEFAULT)
    if (isWornOut) this.#pipeline.stop()
  }

  async #write(part: Uint8Array): Promise<void> {
    for (let start = 0; start < part.length && !this.#isClosed; start += WRITE_BYTES_MAX) {
      this.#writingSinceMs = Date.now()
      await this.#writer.write(part.subarray(start, start + WRITE_BYTES_MAX))
    }
  }

  /** Returns the check of a connection that is too slow; it runs every `FRAME_MS_MAX`. */
  #newWatch(): () => void {
    let receivedBytes = 0
    return () => {
      const nowMs = Date.now()
      const progressBytes = this.#receivedBytes - receivedBytes
      receivedBytes = this.#receivedBytes
      const isOldFrame = this.#cutter.heldBytes > progressBytes
      if (isOldFrame && !this.#isPaused && progressBytes < FRAME_PROGRESS_BYTES_MIN) {
        this.#fail('a frame that does not arrive')
      } else if (nowMs - (this.#writingSinceMs ?? nowMs) > WRITE_SILENCE_MS_MAX) {
        this.#fail('a response that the client does not take')
      } else if (this.#pipeline.isIdle && nowMs - this.#receivedAtMs > IDLE_MS_MAX) {
        this.#pipeline.stop()
        void this.#close()
      }
    }
  }

  #fail(reason: string): void {
    report({ type: 'kafka_connection_closed', reason })
    this.#pipeline.stop()
    // A write that the client does not take would keep the socket open.
    this.#writer.abort(new Error(reason)).catch(() => undefined)
    void this.#close()
  }

  async #close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#mayReadAgain()
    try {
      await this.#socket.close()
    } catch {
      // The client has disconnected.
    }
  }
}
