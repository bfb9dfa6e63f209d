/**
 * Reads one partition ahead of the application: by fetches up to the end of the log, then by the live tail or
 * long polls, and by fetches again after a gap. A session lasts from one seek, pause or resume to the next.
 */
import { EdgelogError } from '../../src/core/errors.ts'
import { type LogEnds, readableEnd } from '../../src/core/log/log-ends.ts'
import type { TailFrame } from '../../src/core/log/tail-protocol.ts'
import { sleep } from '../clock.ts'
import { backoffMs } from '../http/backoff.ts'
import type { Connection } from '../http/connection.ts'
import { isTransient, retryAfterMsOf } from '../http/request-error.ts'
import {
  CORRUPT_READS_MAX,
  LONG_POLL_WAIT_MS,
  NO_PROGRESS_PAUSE_MS,
  RESUME_BACKOFF_MS,
  RESUME_BACKOFF_MS_MAX,
} from '../limits.ts'
import { type ConsumerSettings, checkStart, type StartPosition } from './consumer-options.ts'
import type { FetchedBatches } from './fetch-batches.ts'
import { type LogChunk, parseChunk } from './log-chunk.ts'
import type { LogSource } from './log-source.ts'
import type { ReadBudget } from './read-budget.ts'
import { type LiveTail, untilTaken } from './tail-session.ts'

interface ReaderContext {
  readonly connection: Connection
  readonly source: LogSource
  readonly settings: ConsumerSettings
  readonly budget: ReadBudget
  /** Without a tail, the source is polled. */
  readonly tail?: LiveTail
  /** Bytes that this partition may be ahead by tail or long poll: its share of the common buffer. */
  readonly liveBytesMax: () => number
  readonly onReady: (reader: PartitionReader) => void
  readonly onFatal: (error: unknown) => void
}

type ReadableEnds = Pick<LogEnds, 'lastStableOffset' | 'highWatermark'>

/** A queued chunk, and the ends of the log when it was read. */
interface QueuedChunk {
  readonly chunk: LogChunk
  readonly highWatermark: number
  /** The end of the log for this reader. */
  readonly readableEnd: number
  /** Start offset; records before it are skipped. */
  readonly offset: number
  /** Index of its first undelivered batch. */
  nextIndex: number
}

/** One chunk in the queue while the next is being fetched. */
const CHUNKS_AHEAD_MAX = 2

export class PartitionReader {
  readonly topic: string
  readonly partition: number
  readonly #context: ReaderContext
  /** Start of the next read. */
  #from: StartPosition
  /** The application's position; undefined until the first response for an end of the log or a time. */
  position: number | undefined
  /** Resolved start of reading: the first position, or that of the last seek. */
  begunAt: number | undefined
  /** Error of the last read; undefined if it succeeded. */
  lastError: unknown
  #chunks: QueuedChunk[] = []
  #queuedBytes = 0
  #session: AbortController | undefined
  /** Called when a chunk was delivered. */
  #onTaken: ((bytes: number) => void) | undefined
  #isAtEnd = false
  #corruptReads = 0
  /** Offset of the last gap in the live tail. */
  #tailGapAt: number | undefined

  constructor(topic: string, partition: number, from: StartPosition, context: ReaderContext) {
    this.topic = topic
    this.partition = partition
    this.#context = context
    this.#from = from
    this.position = typeof from === 'number' ? from : undefined
    this.begunAt = this.position
  }

  get isPaused(): boolean {
    return this.#session === undefined
  }

  /** The chunk to deliver next. */
  get head(): QueuedChunk | undefined {
    return this.#chunks[0]
  }

  /** Identity of the session; it changes with each seek, pause or resume, and data of an older session is invalid. */
  get session(): object | undefined {
    return this.#session
  }

  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** Starts reading. */
  resume(): void {
    if (this.#session !== undefined) return
    const session = new AbortController()
    this.#session = session
    void this.#run(session.signal)
  }

  /** Stops reading and drops the records read ahead. */
  pause(): void {
    const session = this.#session
    if (session === undefined) return
    this.#session = undefined
    session.abort()
    this.#chunks = []
    this.#context.budget.release(this.#queuedBytes)
    this.#queuedBytes = 0
    this.#from = this.position ?? this.#from
    this.#isAtEnd = false
    this.#tailGapAt = undefined
  }

  /** @throws {EdgelogError} `invalid_request` for an invalid position. */
  seek(to: StartPosition): void {
    checkStart('to', to)
    const wasPaused = this.isPaused
    this.pause()
    this.#from = to
    this.position = typeof to === 'number' ? to : undefined
    this.begunAt = this.position
    if (!wasPaused) this.resume()
  }

  /** Removes the delivered head of the queue. */
  shift(): void {
    const taken = this.#chunks.shift()
    if (taken === undefined) return
    const sizeBytes = taken.chunk.bytes.length
    this.#queuedBytes -= sizeBytes
    this.#context.budget.release(sizeBytes)
    this.#onTaken?.(sizeBytes)
  }

  /** Sets the function to call for each delivered chunk; one at a time. */
  watchTaken(work: ((bytes: number) => void) | undefined): void {
    this.#onTaken = work
  }

  async #run(signal: AbortSignal): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      try {
        await this.#readOn(signal)
        failures = 0
        this.lastError = undefined
      } catch (error) {
        if (signal.aborted) return
        this.lastError = error
        const retryAfterMs = this.#recover(error)
        if (retryAfterMs === undefined) return
        failures += 1
        const { clock, random } = this.#context.connection
        const delayMs = backoffMs(failures, RESUME_BACKOFF_MS, RESUME_BACKOFF_MS_MAX, random)
        await sleep(clock, Math.max(delayMs, retryAfterMs), signal)
      }
    }
  }

  async #readOn(signal: AbortSignal): Promise<void> {
    const { tail, settings, liveBytesMax } = this.#context
    const { transport } = settings
    if (!this.#isAtEnd || typeof this.#from !== 'number') return await this.#catchUp(signal)
    const mayFollow = transport !== 'long-poll' && tail?.isSupported
    if (mayFollow && (tail.isUsable || transport === 'websocket')) {
      const creditBytes = liveBytesMax()
      const { topic, partition } = this
      const offset = () => this.#from as number
      const now = () => this.#context.connection.clock.now()
      const { isolation } = settings
      const options = { topic, partition, creditBytes, isolation, offset, now, signal }
      const end = await tail.follow(this, options)
      // After a gap a fetch reads the missing records; a lost connection leaves no gap.
      if (end === 'gap') await this.#leaveTail(signal)
      return
    }
    await this.#longPoll(signal)
  }

  async #catchUp(signal: AbortSignal): Promise<void> {
    const { budget, settings } = this.#context
    const { fetchBytesMax } = settings
    await this.#room(signal)
    if (!(await budget.reserve(fetchBytesMax, signal))) return
    try {
      const fetched = await this.#fetch(signal, fetchBytesMax, 0)
      if (signal.aborted) return
      const isProgress = this.#accept(fetched)
      if (isProgress || this.#isAtEnd) return
    } finally {
      budget.release(fetchBytesMax)
    }
    await this.#pauseShortly(signal)
  }

  async #leaveTail(signal: AbortSignal): Promise<void> {
    this.#isAtEnd = false
    const isAgain = this.#tailGapAt === this.#from
    this.#tailGapAt = this.#from as number
    if (isAgain) await this.#pauseShortly(signal)
  }

  /** Limits the rate of requests to a server whose responses bring no progress. */
  async #pauseShortly(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#context.connection
    await sleep(clock, random() * NO_PROGRESS_PAUSE_MS, signal)
  }

  async #longPoll(signal: AbortSignal): Promise<void> {
    await this.#room(signal)
    if (signal.aborted) return
    const { fetchBytesMax } = this.#context.settings
    const maxBytes = Math.min(fetchBytesMax, this.#context.liveBytesMax())
    const { clock } = this.#context.connection
    const askedAtMs = clock.now()
    const fetched = await this.#fetch(signal, maxBytes, LONG_POLL_WAIT_MS)
    if (signal.aborted) return
    const isProgress = this.#accept(fetched)
    // A server without capacity for another long poll responds at once.
    const isHurried = clock.now() - askedAtMs < NO_PROGRESS_PAUSE_MS
    if (isHurried && !isProgress) await this.#pauseShortly(signal)
  }

  async #fetch(signal: AbortSignal, maxBytes: number, waitMs: number): Promise<FetchedBatches> {
    const { isolation } = this.#context.settings
    const options = { from: this.#from, maxBytes, waitMs, isolation, signal }
    return await this.#context.source.fetch(this.topic, this.partition, options)
  }

  /** @returns whether the next read starts elsewhere */
  #accept(fetched: FetchedBatches): boolean {
    const before = this.#from
    const chunk = parseChunk(fetched)
    this.#corruptReads = 0
    this.#isAtEnd = chunk.nextOffset >= readableEnd(fetched, this.#context.settings.isolation)
    this.#queue(chunk, fetched.from, fetched)
    return this.#from !== before
  }

  /**
   * Accepts a frame of the live tail.
   *
   * @returns false after a gap; the frame is dropped then
   * @throws {EdgelogError} `corrupt_message`.
   */
  acceptLive(frame: TailFrame): boolean {
    const offset = this.#from as number
    if (frame.from > offset) return false
    this.#queue(parseChunk(frame, offset), offset, frame)
    return true
  }

  #queue(chunk: LogChunk, offset: number, ends: ReadableEnds): void {
    this.begunAt ??= offset
    this.position ??= offset
    this.#from = chunk.nextOffset
    // Offsets without a record are queued too, so the position passes over them in order.
    if (chunk.nextOffset === offset) return
    const { highWatermark } = ends
    const end = readableEnd(ends, this.#context.settings.isolation)
    this.#chunks.push({ chunk, offset, highWatermark, readableEnd: end, nextIndex: 0 })
    this.#queuedBytes += chunk.bytes.length
    this.#context.budget.add(chunk.bytes.length)
    this.#context.onReady(this)
  }

  /** Resolves when another chunk may be fetched. */
  async #room(signal: AbortSignal): Promise<void> {
    while (this.#chunks.length >= CHUNKS_AHEAD_MAX && !signal.aborted)
      await untilTaken(this, signal)
  }

  /** @returns the shortest delay before a retry; undefined if there is none */
  #recover(error: unknown): number | undefined {
    if (!(error instanceof EdgelogError)) return this.#fail(error)
    if (error.code === 'offset_out_of_range') {
      const { autoOffsetReset } = this.#context.settings
      if (autoOffsetReset === 'error') return this.#fail(error)
      this.#from = autoOffsetReset
      this.#isAtEnd = false
      // The next response sets the position; queued chunks still have one.
      if (this.#chunks.length === 0) this.position = undefined
      if (this.position === undefined) this.begunAt = undefined
      return 0
    }
    if (error.code === 'corrupt_message') {
      this.#corruptReads += 1
      this.#isAtEnd = false
      return this.#corruptReads < CORRUPT_READS_MAX ? 0 : this.#fail(error)
    }
    return isTransient(error) ? retryAfterMsOf(error) : this.#fail(error)
  }

  #fail(error: unknown): undefined {
    this.#context.onFatal(error)
    return undefined
  }
}
