/**
 * Serves the frames of one connection in order. Produce requests start in order and are then served at once; every
 * other request waits for all responses before it, as in a broker. The responses are in the order of the frames.
 */
import { KAFKA_SESSION_FRAMES_MAX } from '../core/limits.ts'
import { FETCH } from './apis/fetch.ts'
import { JOIN_GROUP } from './apis/join-group.ts'
import { SYNC_GROUP } from './apis/sync-group.ts'
import type { ResponseMemory } from './response-memory.ts'
import { apiKeyOf, mayOvertake, type ServedFrame, type StartedFrame } from './serve-frames.ts'

/** Requests that wait, and have no effect for a client that has left. */
const WAITING_KEYS = new Set([FETCH.key, JOIN_GROUP.key, SYNC_GROUP.key])

/** The connection that the frames come from. */
interface Connection {
  /** Returns false while too many bytes of responses are not consumed. */
  mayStart(): boolean
  /** @param responseBytesMax bytes of records that the response may have. */
  start(frame: Uint8Array, responseBytesMax: number): Promise<StartedFrame>
  /** Sends a response; the next one follows when it resolves. */
  respond(frame: Uint8Array, response: ServedFrame): void | Promise<void>
}

export class FramePipeline {
  readonly #connection: Connection
  readonly #memory: ResponseMemory
  /** Memory for the response of the fetch that is served. */
  #reservedBytes = 0
  #frames: Uint8Array[] = []
  /** Frames that were started and have no response yet. */
  #startedCount = 0
  /** The last frame that was started. */
  #previous: Uint8Array | undefined
  #isEnding = false
  #isStopped = false
  /** True after the last response before a broker would close the connection. */
  #isClosing = false
  /** Resolves when the client leaves. */
  readonly #left: Promise<undefined>
  #leave: () => void = () => {}
  #wake: () => void = () => {}

  constructor(connection: Connection, memory: ResponseMemory) {
    this.#connection = connection
    this.#memory = memory
    this.#left = new Promise((resolve) => {
      this.#leave = () => resolve(undefined)
    })
  }

  /** True if no frame waits or is being served. */
  get isIdle(): boolean {
    return this.#frames.length === 0 && this.#startedCount === 0
  }

  /** @param frame without its size. */
  push(frame: Uint8Array): void {
    this.#frames.push(frame)
    this.#wake()
  }

  /** No more frames follow: `serve` ends after the last response. */
  end(): void {
    this.#isEnding = true
    this.#wake()
  }

  /** Ends, and drops the requests that only wait: the client needs no more records. */
  leave(): void {
    this.#leave()
    this.end()
  }

  /** Drops the frames that have not started. */
  stop(): void {
    this.#frames = []
    this.#isStopped = true
    this.#wake()
  }

  /** Looks again whether the next frame may start. */
  wake(): void {
    this.#wake()
  }

  /** Serves frames until `end` or `stop`; resolves after the last response. */
  async serve(): Promise<void> {
    let responded = Promise.resolve()
    while (!this.#isStopped) {
      const [frame] = this.#frames
      if (frame === undefined && this.#isEnding) break
      if (frame === undefined || !this.#mayStart(frame)) {
        await new Promise<void>((wake) => {
          this.#wake = wake
        })
        continue
      }
      this.#frames.shift()
      this.#previous = frame
      const key = apiKeyOf(frame)
      if (key === FETCH.key) this.#reservedBytes = this.#memory.reserve()
      const starting = this.#connection.start(frame, this.#reservedBytes)
      const isWaiting = WAITING_KEYS.has(key)
      const started = isWaiting ? await Promise.race([this.#left, starting]) : await starting
      if (started === undefined) continue
      this.#startedCount++
      responded = responded.then(async () => this.#respond(frame, await started.response))
    }
    await responded
    this.#release()
  }

  #mayStart(frame: Uint8Array): boolean {
    if (!this.#connection.mayStart()) return false
    if (this.#startedCount === 0) return true
    return this.#startedCount < KAFKA_SESSION_FRAMES_MAX && mayOvertake(frame, this.#previous)
  }

  async #respond(frame: Uint8Array, response: ServedFrame): Promise<void> {
    this.#startedCount--
    if (this.#isClosing) return
    this.#isClosing = response.mustClose
    await this.#connection.respond(frame, response)
    this.#release()
    if (response.mustClose) this.stop()
    this.#wake()
  }

  #release(): void {
    this.#memory.hold(-this.#reservedBytes)
    this.#reservedBytes = 0
  }
}
