/**
 * A session: one WebSocket that carries one connection of Kafka's wire protocol.
 *
 *   binary   the next bytes of the frames, cut anywhere        both ways
 *   text     {"op":"consumed","bytes":262144}                  both ways: so many bytes more have left the receiver
 *            {"op":"end"}                                      from the client: no more frames follow
 *                                                              from the server: use another session for the next frames
 *            {"op":"leave"}                                    from the client: `end`, and it needs no more records
 *            {"op":"ping"}                                     from the server
 *
 * The server closes with 1000 after the last response, and with 4000 where a broker would close the connection.
 */
import { EdgelogError } from '../core/errors.ts'
import { parseExactJson } from '../core/json/exact-json.ts'
import { FrameCutter, FrameError } from '../core/kafka/frame-cutter.ts'
import {
  KAFKA_SESSION_NOTICE_BYTES,
  KAFKA_SESSION_WINDOW_BYTES,
  PING_INTERVAL_MS,
  REQUEST_BODY_BYTES_MAX,
} from '../core/limits.ts'
import { FramePipeline } from './frame-pipeline.ts'
import type { ResponseMemory } from './response-memory.ts'
import { type KafkaCaller, type ServedFrame, startFrame } from './serve-frames.ts'

const SIZE_BYTES = 4
const CLOSE_ENDED = 1000
const CLOSE_INVALID = 1008
const CLOSE_LIKE_BROKER = 4000

export class KafkaSession {
  readonly #socket: WebSocket
  readonly #caller: KafkaCaller
  readonly #callsMax: number
  readonly #memory: ResponseMemory
  readonly #cutter = new FrameCutter(REQUEST_BODY_BYTES_MAX)
  readonly #pipeline: FramePipeline
  /** Received bytes of frames without a response. */
  #heldBytes = 0
  /** Bytes that left the memory since the last notice. */
  #consumedBytes = 0
  /** Sent bytes that the client has not consumed. */
  #unconsumedBytes = 0
  #isEnding = false
  #hasAskedForEnd = false
  #pingTimer: ReturnType<typeof setInterval> | undefined

  /**
   * @param callsMax calls to objects after which the client is asked to use another session.
   * @param memory counts the bytes that clients have not consumed.
   */
  constructor(socket: WebSocket, caller: KafkaCaller, callsMax: number, memory: ResponseMemory) {
    this.#socket = socket
    this.#caller = caller
    this.#callsMax = callsMax
    this.#memory = memory
    const connection = {
      mayStart: () => this.#unconsumedBytes <= KAFKA_SESSION_WINDOW_BYTES,
      start: (frame: Uint8Array, responseBytesMax: number) =>
        startFrame(frame, { ...caller, responseBytesMax }),
      respond: (frame: Uint8Array, response: ServedFrame) => this.#respond(frame, response),
    }
    this.#pipeline = new FramePipeline(connection, memory)
  }

  open(): void {
    this.#socket.accept()
    this.#socket.binaryType = 'arraybuffer'
    this.#socket.addEventListener('message', ({ data }) => this.#receive(data))
    this.#socket.addEventListener('close', () => this.#close(CLOSE_ENDED, ''))
    this.#socket.addEventListener('error', () => this.#close(CLOSE_ENDED, ''))
    this.#pingTimer = setInterval(() => this.#notify({ op: 'ping' }), PING_INTERVAL_MS)
    void this.#pipeline.serve().then(() => this.#close(CLOSE_ENDED, ''))
  }

  get #isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  #receive(data: unknown): void {
    try {
      if (data instanceof ArrayBuffer) this.#receiveBytes(new Uint8Array(data))
      else this.#receiveControl(data)
    } catch (error) {
      if (!(error instanceof FrameError || error instanceof EdgelogError)) throw error
      this.#close(CLOSE_INVALID, error.message)
    }
    this.#pipeline.wake()
  }

  #receiveBytes(bytes: Uint8Array): void {
    this.#heldBytes += bytes.length
    if (this.#isEnding) throw new FrameError('a frame after the end')
    if (this.#heldBytes > KAFKA_SESSION_WINDOW_BYTES + REQUEST_BODY_BYTES_MAX) {
      throw new FrameError(`more than ${KAFKA_SESSION_WINDOW_BYTES} bytes before a frame`)
    }
    for (const frame of this.#cutter.push(bytes)) this.#pipeline.push(frame.subarray(SIZE_BYTES))
  }

  #receiveControl(data: unknown): void {
    const control = typeof data === 'string' ? (parseExactJson(data, 'message') as Control) : null
    if (control?.op === 'end' || control?.op === 'leave') {
      this.#isEnding = true
      if (control.op === 'leave') this.#pipeline.leave()
      else this.#pipeline.end()
    } else if (control?.op === 'consumed' && Number.isSafeInteger(control.bytes)) {
      this.#holdUnconsumed(-Math.min(control.bytes as number, this.#unconsumedBytes))
    } else
      throw new FrameError(
        'message: bytes, or op consumed with bytes, or op end or leave, is allowed',
      )
  }

  #respond(frame: Uint8Array, { parts, mustClose }: ServedFrame): void {
    for (const part of parts) {
      if (!this.#isOpen) break
      this.#holdUnconsumed(part.length)
      this.#socket.send(part)
    }
    this.#consume(SIZE_BYTES + frame.length)
    if (mustClose) this.#close(CLOSE_LIKE_BROKER, '')
    else if (!this.#hasAskedForEnd && this.#caller.broker.isWornOut(this.#callsMax)) {
      this.#hasAskedForEnd = true
      this.#notify({ op: 'end' })
    }
  }

  #holdUnconsumed(changeBytes: number): void {
    this.#unconsumedBytes += changeBytes
    this.#memory.hold(changeBytes)
  }

  #consume(sizeBytes: number): void {
    this.#heldBytes -= sizeBytes
    this.#consumedBytes += sizeBytes
    if (this.#consumedBytes < KAFKA_SESSION_NOTICE_BYTES) return
    this.#notify({ op: 'consumed', bytes: this.#consumedBytes })
    this.#consumedBytes = 0
  }

  #notify(control: Control): void {
    if (this.#isOpen) this.#socket.send(JSON.stringify(control))
  }

  #close(code: number, reason: string): void {
    clearInterval(this.#pingTimer)
    this.#holdUnconsumed(-this.#unconsumedBytes)
    this.#pipeline.stop()
    if (this.#isOpen) this.#socket.close(code, reason)
  }
}

interface Control {
  readonly op: string
  readonly bytes?: unknown
}
