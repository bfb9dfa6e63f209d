/**
 * Reads one partition ahead of the application: by fetches up to the end of the log, then by the
 * live tail or long polls, and again by fetches whenever something is missing. A session lasts from
 * one seek, pause or resume to the next.
 */
import { EdgelogError } from '../../src/core/errors.ts'
import type { LogEnds } from '../../src/core/log/log-ends.ts'
import type { TailFrame } from '../../src/core/log/tail-protocol.ts'
import { sleep } from '../clock.ts'
import { backoffMs } from '../http/backoff.ts'
import type { Connection } from '../http/connection.ts'
import { isTransient, retryAfterMsOf } from '../http/refusal.ts'
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
  /** Without one the source is asked again and again. */
  readonly tail?: LiveTail
  /** Bytes a partition may be ahead by tail or long poll, where all share the buffer. */
  readonly liveBytesMax: () => number
  readonly onReady: (reader: PartitionReader) => void
  readonly onFatal: (error: unknown) => void
}

type ReadableEnds = Pick<LogEnds, 'lastStableOffset' | 'highWatermark'>

/** A chunk in the queue, and the ends of the log when it was read. */
interface QueuedChunk extends ReadableEnds {
  readonly chunk: LogChunk
  /** Where it was to begin: records before it are passed over. */
  readonly offset: number
  /** The first of its batches that is not handed over yet. */
  nextIndex: number
}

/** One chunk in the queue while the next is on its way. */
const CHUNKS_AHEAD_MAX = 2

export class PartitionReader {
  readonly topic: string
  readonly partition: number
  readonly #context: ReaderContext
  /** Where to read on. */
  #from: StartPosition
  /** Where the application is; unknown until the first answer where it is a name or a time. */
  position: number | undefined
  /** Where it began, once that is known: the start, or the last seek. */
  begunAt: number | undefined
  /** Why the last read failed; undefined: it did not. */
  trouble: unknown
  #chunks: QueuedChunk[] = []
  #queuedBytes = 0
  #session: AbortController | undefined
  /** Called when a chunk was taken. */
  #onTaken: ((bytes: number) => void) | undefined
  #isAtEnd = false
  #corruptReads = 0
  /** Where the live tail left something out last. */
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

  /** The batches that wait to be handed over. */
  get head(): QueuedChunk | undefined {
    return this.#chunks[0]
  }

  /** The same until the next seek, pause or resume: what was read under another is void. */
  get session(): object | undefined {
    return this.#session
  }

  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** Begins to read. */
  resume(): void {
    if (this.#session !== undefined) return
    const session = new AbortController()
    this.#session = session
    void this.#run(session.signal)
  }

  /** Stops reading, and forgets what was read ahead. */
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

  /** @throws {EdgelogError} `invalid_request` for what is no position. */
  seek(to: StartPosition): void {
    checkStart('to', to)
    const wasPaused = this.isPaused
    this.pause()
    this.#from = to
    this.position = typeof to === 'number' ? to : undefined
    this.begunAt = this.position
    if (!wasPaused) this.resume()
  }

  /** The head of the queue is used up. */
  shift(): void {
    const taken = this.#chunks.shift()
    if (taken === undefined) return
    const sizeBytes = taken.chunk.bytes.length
    this.#queuedBytes -= sizeBytes
    this.#context.budget.release(sizeBytes)
    this.#onTaken?.(sizeBytes)
  }

  /** Calls `work` whenever a chunk was taken; one at a time. */
  watchTaken(work: ((bytes: number) => void) | undefined): void {
    this.#onTaken = work
  }

  async #run(signal: AbortSignal): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      try {
        await this.#readOn(signal)
        failures = 0
        this.trouble = undefined
      } catch (error) {
        if (signal.aborted) return
        this.trouble = error
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
      const options = { topic, partition, creditBytes, offset, now, signal }
      const end = await tail.follow(this, options)
      // The fetch finds out what is missing; after a lost connection there is nothing to find.
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

  /** A server whose answers do not lead on would be stormed without it. */
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
    // A server that has no place for one more to wait answers at once.
    const isHurried = clock.now() - askedAtMs < NO_PROGRESS_PAUSE_MS
    if (isHurried && !isProgress) await this.#pauseShortly(signal)
  }

  async #fetch(signal: AbortSignal, maxBytes: number, waitMs: number): Promise<FetchedBatches> {
    const options = { from: this.#from, maxBytes, waitMs, signal }
    return await this.#context.source.fetch(this.topic, this.partition, options)
  }

  /** @returns whether the next read is another one. */
  #accept(fetched: FetchedBatches): boolean {
    const before = this.#from
    const chunk = parseChunk(fetched)
    this.#corruptReads = 0
    this.#isAtEnd = chunk.nextOffset >= fetched.lastStableOffset
    this.#queue(chunk, fetched.from, fetched)
    return this.#from !== before
  }

  /**
   * Takes what the live tail brought.
   *
   * @returns false if something is missing before it; it was not taken then.
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
    // Offsets without a record are queued too: the position moves over them in its turn.
    if (chunk.nextOffset === offset) return
    const { highWatermark, lastStableOffset } = ends
    this.#chunks.push({ chunk, offset, highWatermark, lastStableOffset, nextIndex: 0 })
    this.#queuedBytes += chunk.bytes.length
    this.#context.budget.add(chunk.bytes.length)
    this.#context.onReady(this)
  }

  /** Resolves when another chunk may be asked for. */
  async #room(signal: AbortSignal): Promise<void> {
    while (this.#chunks.length >= CHUNKS_AHEAD_MAX && !signal.aborted)
      await untilTaken(this, signal)
  }

  /** @returns how long to wait at least before the next try; undefined: there is none. */
  #recover(error: unknown): number | undefined {
    if (!(error instanceof EdgelogError)) return this.#fail(error)
    if (error.code === 'offset_out_of_range') {
      const { autoOffsetReset } = this.#context.settings
      if (autoOffsetReset === 'error') return this.#fail(error)
      this.#from = autoOffsetReset
      this.#isAtEnd = false
      // Without a position the next answer names it; what is queued still has one.
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
