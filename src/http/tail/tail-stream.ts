/**
 * The event stream of `/v1/tail`: sends the notices and frames of the WebSocket as server-sent events, for networks
 * that block WebSockets. Partitions get credit only as the reader consumes events.
 */
import type { Broker } from '../../broker/broker.ts'
import { fanOut } from '../../broker/fan-out.ts'
import { encodeBase64 } from '../../core/bytes/base64.ts'
import {
  PING_INTERVAL_MS,
  TAIL_FRAME_BYTES_MIN,
  TAIL_STREAM_OPENINGS_MAX,
  TAIL_STREAM_QUEUED_BYTES_MAX,
  TAIL_STREAM_STALLED_PINGS_MAX,
  TAIL_STREAM_WAITING_BYTES_MAX,
} from '../../core/limits.ts'
import { TAIL_FRAME_HEADER_BYTES, TAIL_ID_BYTES } from '../../core/log/tail-protocol.ts'
import { report } from '../../events/report.ts'
import type { TailSubscription } from './tail-schemas.ts'
import { type TailNotice, type TailSink, TailSubscriptions } from './tail-subscriptions.ts'

/** Memory held by the event streams of one app for their readers; all share the memory of the isolate. */
export interface StreamMemory {
  streams: number
  queuedBytes: number
}

export function newStreamMemory(): StreamMemory {
  return { streams: 0, queuedBytes: 0 }
}

/**
 * Opens a stream. It ends when the reader disconnects, consumes nothing for too long or falls
 * too far behind, or when the last subscription is closed.
 */
export function openTailStream(
  broker: Broker,
  requests: readonly TailSubscription[],
  memory: StreamMemory,
): ReadableStream<Uint8Array> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  void new TailStream(broker, writable.getWriter(), memory).open(requests)
  return readable
}

class TailStream implements TailSink {
  readonly #memory: StreamMemory
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>
  readonly #subscriptions: TailSubscriptions
  /** Writes run one after the other, in the order of their messages. */
  #writing: Promise<void> = Promise.resolve()
  /** Bytes of messages that wait for the reader. */
  #queuedBytes = 0
  /** True while a ping waits for the reader. */
  #isPingQueued = false
  /** Pings that came due since the reader last consumed something. */
  #stalledPings = 0
  #isOpening = true
  #hasEnded = false
  readonly #pingTimer: ReturnType<typeof setInterval>

  constructor(
    broker: Broker,
    writer: WritableStreamDefaultWriter<Uint8Array>,
    memory: StreamMemory,
  ) {
    this.#memory = memory
    this.#writer = writer
    this.#subscriptions = new TailSubscriptions(broker, this)
    this.#memory.streams += 1
    this.#pingTimer = setInterval(() => this.#ping(), PING_INTERVAL_MS)
    // Rejects when the reader goes away.
    writer.closed.catch(() => this.#end())
  }

  async open(requests: readonly TailSubscription[]): Promise<void> {
    const subscribe = async (request: TailSubscription) => {
      await this.#untilTaken()
      if (this.isOpen) await this.#subscriptions.subscribe(request)
    }
    await fanOut(requests, subscribe, TAIL_STREAM_OPENINGS_MAX)
    this.#isOpening = false
    this.#endIfEmpty()
  }

  get isOpen(): boolean {
    return !this.#hasEnded
  }

  notify(notice: TailNotice): void {
    this.#queue(() => this.#write(`data: ${JSON.stringify(notice)}\n\n`))
    if (notice.op === 'closed') this.#endIfEmpty()
  }

  sendFrame(id: number, message: Uint8Array): void {
    this.#countQueued(message.length)
    const shareBytes = TAIL_STREAM_QUEUED_BYTES_MAX / this.#memory.streams
    if (this.#memory.queuedBytes > TAIL_STREAM_QUEUED_BYTES_MAX && this.#queuedBytes > shareBytes) {
      this.#abort()
      return
    }
    this.#queue(async () => {
      await this.#write(`event: frame\ndata: ${encodeBase64(message)}\n\n`)
      if (this.#hasEnded) return
      this.#countQueued(-message.length)
      this.#subscriptions.grant(id, message.length - TAIL_ID_BYTES - TAIL_FRAME_HEADER_BYTES)
    })
  }

  #countQueued(bytes: number): void {
    this.#queuedBytes += bytes
    this.#memory.queuedBytes += bytes
  }

  /** Waits for the reader, so that partitions with a large backlog do not all send it at once. */
  async #untilTaken(): Promise<void> {
    while (this.isOpen && this.#queuedBytes > TAIL_STREAM_WAITING_BYTES_MAX) await this.#writing
  }

  /** Queues a ping. For a reader that consumes nothing only one ping waits, not one per interval. */
  #ping(): void {
    if (this.#stalledPings === TAIL_STREAM_STALLED_PINGS_MAX) {
      this.#abort()
      return
    }
    this.#stalledPings += 1
    if (this.#isPingQueued) return
    this.#isPingQueued = true
    this.notify({ op: 'ping' })
    this.#queue(async () => {
      this.#isPingQueued = false
    })
  }

  /** Ends the stream if it has no subscription: none can be added to an event stream later. */
  #endIfEmpty(): void {
    if (this.#isOpening || this.#subscriptions.size > 0) return
    this.#queue(async () => this.#end())
  }

  /** Aborts the stream, so that its queue does not stay in memory until a stalled reader consumes it. */
  #abort(): void {
    void this.#writer.abort().catch(() => undefined)
    this.#end()
  }

  #end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#memory.streams -= 1
    this.#countQueued(-this.#queuedBytes)
    clearInterval(this.#pingTimer)
    this.#subscriptions.unsubscribeAll()
    void this.#writer.close().catch(() => undefined)
  }

  #queue(work: () => Promise<void>): void {
    this.#writing = this.#writing
      .then(() => (this.#hasEnded ? undefined : work()))
      .catch((error) => {
        // A disconnected reader is no error; anything else ends the stream, and the reader resumes.
        if (!this.#hasEnded) report({ type: 'tail_failed', source: 'stream', error })
        this.#end()
      })
  }

  async #write(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text)
    // Written in pieces: a reader on a slow line that consumes one of them is not stalled.
    for (let at = 0; at < bytes.length && !this.#hasEnded; at += TAIL_FRAME_BYTES_MIN) {
      await this.#writer.write(bytes.subarray(at, at + TAIL_FRAME_BYTES_MIN))
      this.#stalledPings = 0
    }
  }
}
