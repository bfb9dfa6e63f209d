/**
 * One TCP connection of a Kafka client. Its frames are sent to the server in order:
 *
 *   the frames by which it authenticates    by POST, which checks its token
 *   all others                              over one session, as they arrive; without WebSockets by POST, one call at a
 *                                           time, each with the frames that arrived during the previous one
 */
import type { Socket } from 'node:net'
import {
  CONNECTION_BYTES_MAX,
  FRAME_MS_MAX,
  FRAME_PROGRESS_BYTES_MIN,
  IDLE_MS_MAX,
  WRITE_SILENCE_MS_MAX,
} from '../../../src/core/kafka/connection-limits.ts'
import {
  type Frame,
  FrameCutter,
  FrameError,
  frameOf,
} from '../../../src/core/kafka/frame-cutter.ts'
import type { MemoryPool } from '../../../src/core/kafka/memory-pool.ts'
import { SASL_AUTHENTICATE, SASL_HANDSHAKE } from '../../../src/core/kafka/sasl-messages.ts'
import { SaslSession } from '../../../src/core/kafka/sasl-session.ts'
import { KAFKA_UNAUTHORIZED_BYTES_MAX } from '../../../src/core/limits.ts'
import type { FrameCarrier } from './frame-carrier.ts'
import type { KafkaSession, SessionOpener } from './kafka-session.ts'
import { FAILURE_PAUSE_MS, FRAMES_BYTES_MAX, FRAMES_MAX } from './limits.ts'
import { SessionHolder } from './session-holder.ts'

interface ConnectionContext {
  readonly pool: MemoryPool
  readonly carry: FrameCarrier['carry']
  readonly openSession: SessionOpener['open']
  /** Token for clients that do not authenticate. */
  readonly token: string | undefined
  /** True if clients need not authenticate. */
  readonly isOpen: boolean
  readonly advertised: string
  /** See `ConnectionNumbers`. */
  readonly connection: number
  readonly complain: (why: string) => void
  readonly closed: () => void
}

const SIZE_BYTES = 4
const API_VERSIONS = 18
const FETCH = 1
const JOIN_GROUP = 11
const SYNC_GROUP = 14
/** Long-waiting calls that have no effect for a disconnected client. */
const WAITING_KEYS = new Set([FETCH, JOIN_GROUP, SYNC_GROUP])
/** Size, key, version, correlation id. */
const FRAME_BYTES_MIN = 12

export class KafkaConnection {
  readonly #socket: Socket
  readonly #context: ConnectionContext
  readonly #cutter: FrameCutter
  readonly #sasl = new SaslSession()
  readonly #clientHost: string
  #queue: Frame[] = []
  #queuedBytes = 0
  #waitingCall: AbortController | undefined
  readonly #session = new SessionHolder(
    () => this.#openSession(),
    (error) => this.#sessionClosed(error),
  )
  #isBusy = false
  /** True once the client has disconnected. */
  #isGone = false
  #isDraining = false
  /** True once no more frames are sent: a call failed, or the server requested to close. */
  #isStopped = false
  #frameTimer: NodeJS.Timeout | undefined

  constructor(socket: Socket, context: ConnectionContext) {
    this.#socket = socket
    this.#context = context
    this.#clientHost = socket.remoteAddress ?? ''
    this.#cutter = new FrameCutter(context.isOpen ? FRAMES_BYTES_MAX : KAFKA_UNAUTHORIZED_BYTES_MAX)
    socket.setNoDelay(true)
    socket.setTimeout(IDLE_MS_MAX)
    socket.on('timeout', () => {
      if (!this.#isBusy) socket.destroy()
    })
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('end', () => socket.destroy())
    // Clients may disconnect at any time; `close` follows.
    socket.on('error', () => {})
    socket.on('close', () => this.#gone())
  }

  /** Stops receiving; closes the connection when the received frames are answered, except for waiting calls. */
  drain(): void {
    this.#isDraining = true
    this.#pause()
    this.#waitingCall?.abort()
    if (!this.#isBusy) void this.#leave()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #receive(chunk: Uint8Array): void {
    if (this.#isStopped) return
    const { pool } = this.#context
    pool.hold(chunk.length)
    try {
      const frames = this.#cutter.push(chunk)
      if (frames.length > 0) this.#frameEnded()
      for (const frame of frames) {
        this.#queue.push(frame)
        this.#queuedBytes += frame.length
      }
    } catch (error) {
      this.#stop()
      this.#fail(error)
      return
    }
    if (this.#cutter.heldBytes === 0) pool.done(this)
    this.#readOrPause()
    void this.#pump()
  }

  /** Closes a connection whose frame makes too little progress. Time in which it is paused does not count. */
  #watchFrame(): void {
    const { heldBytes } = this.#cutter
    if (heldBytes === 0) return
    this.#frameTimer ??= setTimeout(() => {
      this.#frameEnded()
      if (this.#cutter.heldBytes - heldBytes < FRAME_PROGRESS_BYTES_MIN) this.#socket.destroy()
      else this.#watchFrame()
    }, FRAME_MS_MAX)
  }

  #frameEnded(): void {
    clearTimeout(this.#frameTimer)
    this.#frameTimer = undefined
  }

  #readOrPause(): void {
    if (this.#isDraining || this.#isStopped || this.#isGone) return
    const isAhead = this.#queuedBytes >= CONNECTION_BYTES_MAX
    const mayRead = !isAhead && this.#context.pool.mayRead(this, () => this.#readOrPause())
    if (!mayRead) {
      this.#pause()
      return
    }
    this.#socket.resume()
    this.#watchFrame()
  }

  #pause(): void {
    this.#socket.pause()
    this.#frameEnded()
  }

  async #pump(): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    try {
      while (this.#queue.length > 0) await this.#carryNext()
    } catch (error) {
      this.#stop()
      // Clients reconnect at once: the pause limits the rate of calls to a failing server.
      if (!this.#isLeaving) await new Promise((end) => setTimeout(end, FAILURE_PAUSE_MS))
      this.#fail(error)
    } finally {
      this.#isBusy = false
    }
    if (this.#isLeaving) await this.#leave()
  }

  async #carryNext(): Promise<void> {
    const frames = this.#takeFrames()
    const sizeBytes = frames.reduce((sum, frame) => sum + frame.length, 0)
    try {
      const session = await this.#sessionFor(frames)
      if (session === undefined) await this.#carry(frames)
      else for (const frame of frames) await session.send(frame)
    } finally {
      this.#queuedBytes -= sizeBytes
      this.#context.pool.release(sizeBytes)
    }
    this.#readOrPause()
  }

  /** Returns the session that carries the frames; undefined if they go by `POST`. */
  async #sessionFor([first]: readonly Frame[]): Promise<KafkaSession | undefined> {
    const isOfLogin =
      this.#sasl.expectsBareToken ||
      first === undefined ||
      first.length < FRAME_BYTES_MIN ||
      isSasl(first)
    if (isOfLogin) await this.#session.end()
    // A client may ask for the versions before it authenticates.
    if (isOfLogin || (!this.#session.isOpen && keyOf(first) === API_VERSIONS)) return undefined
    return await this.#session.get()
  }

  #openSession(): Promise<KafkaSession | undefined> {
    const { openSession, advertised, connection } = this.#context
    const caller = { token: this.#token, advertised, clientHost: this.#clientHost, connection }
    return openSession(caller, (part) => this.#write(part))
  }

  #sessionClosed(error: unknown): void {
    if (error === undefined) {
      this.#hangUp()
      return
    }
    this.#stop()
    this.#fail(error)
  }

  get #token(): string | undefined {
    return this.#sasl.token ?? this.#context.token
  }

  /** Closes the connection: frames with an effect are served, and other responses are not waited for. */
  async #leave(): Promise<void> {
    try {
      await this.#session.leave()
    } catch {
      // Its end has closed the connection already.
    }
    this.#socket.end(() => this.#socket.destroy())
    if (this.#isGone) this.#context.closed()
  }

  /** Drops all received frames that were not sent yet. */
  #stop(): void {
    this.#isStopped = true
    this.#pause()
    const bytes = this.#queue.reduce((sum, frame) => sum + frame.length, 0)
    this.#queue = []
    this.#queuedBytes -= bytes
    this.#context.pool.release(bytes)
    this.#forgetHalfFrame()
  }

  #forgetHalfFrame(): void {
    this.#frameEnded()
    this.#context.pool.release(this.#cutter.clear())
    this.#context.pool.done(this)
  }

  get #isLeaving(): boolean {
    return this.#isGone || this.#isDraining
  }

  /** Takes the next frames that may share a call. SASL frames are sent alone, because they change the token. */
  #takeFrames(): Frame[] {
    let sizeBytes = 0
    let count = 0
    for (const frame of this.#queue) {
      sizeBytes += frame.length
      const isOwnCall = this.#sasl.expectsBareToken || isSasl(frame)
      if (count > 0 && (isOwnCall || sizeBytes > FRAMES_BYTES_MAX || count === FRAMES_MAX)) break
      count++
      if (isOwnCall) break
    }
    return this.#queue.splice(0, count)
  }

  async #carry(frames: readonly Frame[]): Promise<void> {
    const [first] = frames
    if (first === undefined) return
    if (this.#sasl.expectsBareToken) {
      const response: Uint8Array[] = []
      await this.#call(
        [frameOf(this.#sasl.wrap(first.subarray(SIZE_BYTES)))],
        async (part) => void response.push(part),
      )
      await this.#write(frameOf(this.#sasl.unwrap(Buffer.concat(response).subarray(SIZE_BYTES))))
      this.#cutter.frameBytesMax = FRAMES_BYTES_MAX
      return
    }
    if (frames.some((frame) => frame.length < FRAME_BYTES_MIN)) {
      throw new FrameError('a frame without a header')
    }
    if (keyOf(first) === SASL_HANDSHAKE.key) this.#sasl.handshake(first.subarray(SIZE_BYTES))
    if (keyOf(first) === SASL_AUTHENTICATE.key) this.#sasl.authenticate(first.subarray(SIZE_BYTES))
    await this.#call(frames, (part) => this.#write(part))
    // The server would have closed the connection of an unauthenticated client.
    if (keyOf(first) === SASL_AUTHENTICATE.key) this.#cutter.frameBytesMax = FRAMES_BYTES_MAX
  }

  async #call(frames: readonly Frame[], write: (part: Uint8Array) => Promise<void>): Promise<void> {
    const isWaiting = frames.every((frame) => WAITING_KEYS.has(keyOf(frame)))
    // Skipped for a disconnected client; frames with an effect are sent nevertheless.
    if (this.#isLeaving && isWaiting) return
    const call = new AbortController()
    if (isWaiting) this.#waitingCall = call
    try {
      const { carry, advertised, connection } = this.#context
      const mustClose = await carry(
        {
          frames,
          token: this.#token,
          advertised,
          clientHost: this.#clientHost,
          connection,
          signal: call.signal,
        },
        write,
      )
      if (mustClose) this.#hangUp()
    } catch (error) {
      // Aborted on purpose: the frames behind it are sent.
      if (!call.signal.aborted) throw error
    } finally {
      this.#waitingCall = undefined
    }
  }

  /** Closes as a broker would: further frames of the client are ignored. */
  #hangUp(): void {
    this.#stop()
    this.#socket.destroySoon()
  }

  async #write(part: Uint8Array): Promise<void> {
    const socket = this.#socket
    // The parts of one response leave in one piece.
    socket.cork()
    process.nextTick(() => socket.uncork())
    if (this.#isGone || socket.write(part)) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => socket.destroy(), WRITE_SILENCE_MS_MAX)
      const settle = () => {
        clearTimeout(timer)
        socket.off('drain', settle)
        socket.off('close', settle)
        resolve()
      }
      socket.on('drain', settle)
      socket.on('close', settle)
    })
  }

  #fail(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error)
    if (!this.#isLeaving) this.#context.complain(why)
    this.#socket.destroy()
  }

  #gone(): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#waitingCall?.abort()
    this.#forgetHalfFrame()
    if (!this.#isBusy) void this.#leave()
  }
}

function keyOf(frame: Frame): number {
  return ((frame[4] as number) << 8) | (frame[5] as number)
}

function isSasl(frame: Frame): boolean {
  return keyOf(frame) === SASL_HANDSHAKE.key || keyOf(frame) === SASL_AUTHENTICATE.key
}
