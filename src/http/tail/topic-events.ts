/**
 * The live tail as server-sent events (WHATWG HTML, section 9.2): one event per record, whose id is a cursor over all
 * partitions. Partitions get credit only as the reader consumes events.
 */
import type { Broker } from '../../broker/broker.ts'
import { decodeFrom } from '../../broker/fetch.ts'
import { type Tail, tailClosedError } from '../../broker/tail.ts'
import { recordToJson } from '../../core/batch/json-record.ts'
import type { LogRecord } from '../../core/batch/record.ts'
import { EdgelogError } from '../../core/errors.ts'
import {
  PING_INTERVAL_MS,
  SSE_CREDIT_BYTES,
  SSE_PARTITIONS_MAX,
  SSE_WRITE_LENGTH,
} from '../../core/limits.ts'
import type { IsolationLevel } from '../../core/log/log-ends.ts'
import { decodeTailFrame } from '../../core/log/tail-protocol.ts'
import type { Topic } from '../../core/topic/topic.ts'
import type { TopicName } from '../../core/topic/topic-name.ts'
import { report } from '../../events/report.ts'
import { encodeCursor, parseCursor } from './cursor.ts'

export interface EventStreamOptions {
  readonly offset: 'earliest' | 'latest'
  /** Resumes after the event with this id. */
  readonly cursor: string | undefined
  readonly isolation: IsolationLevel
}

/**
 * Opens the event stream of a topic.
 *
 * @throws {EdgelogError} before the first byte: `unknown_topic_or_partition`, `offset_out_of_range`.
 */
export async function openEventStream(
  broker: Broker,
  name: TopicName,
  options: EventStreamOptions,
): Promise<ReadableStream<Uint8Array>> {
  const topic = await broker.topics.find({ name }, 'read')
  checkWidth(topic)
  const resumed = options.cursor === undefined ? undefined : parseCursor(options.cursor, topic)
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const stream = new EventStream(broker, topic, options.isolation, writable.getWriter())
  try {
    for (let partition = 0; partition < topic.partitions; partition++) {
      // A partition that is not in the cursor was added later: send all of it.
      const offset = resumed === undefined ? options.offset : (resumed[partition] ?? 'earliest')
      await stream.follow(partition, offset)
    }
  } catch (error) {
    stream.end()
    throw error
  }
  stream.start()
  return readable
}

function checkWidth(topic: Topic): void {
  if (topic.partitions <= SSE_PARTITIONS_MAX) return
  throw new EdgelogError(
    'invalid_request',
    `topic: event streams allow at most ${SSE_PARTITIONS_MAX} partitions; use /v1/tail`,
  )
}

class EventStream {
  readonly #broker: Broker
  readonly #topic: Topic
  readonly #isolation: IsolationLevel
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>
  readonly #tails: Tail[] = []
  /** The next offset of each partition, after the last written event. */
  readonly #position: number[] = []
  /** Writes run one after the other, in the order of their frames, once `start` was called. */
  #writing: Promise<void>
  #begin: (first: Promise<void>) => void = () => {}
  #pingTimer: ReturnType<typeof setInterval> | undefined
  #isPingQueued = false
  #hasEnded = false

  constructor(
    broker: Broker,
    topic: Topic,
    isolation: IsolationLevel,
    writer: WritableStreamDefaultWriter<Uint8Array>,
  ) {
    this.#broker = broker
    this.#topic = topic
    this.#isolation = isolation
    this.#writer = writer
    this.#writing = new Promise((resolve) => {
      this.#begin = resolve
    })
    // Rejects when the reader disconnects.
    writer.closed.catch(() => this.end())
  }

  async follow(partition: number, offset: number | 'earliest' | 'latest'): Promise<void> {
    const isolation = this.#isolation
    const options = { offset, creditBytes: SSE_CREDIT_BYTES, isolation }
    const tail = await this.#broker.records.openTail(this.#topic.name, partition, options)
    const { socket } = tail
    // The reader may have disconnected while the tail was being opened.
    if (this.#hasEnded) {
      socket.accept()
      socket.close(1000)
      return
    }
    this.#tails[partition] = tail
    this.#position[partition] = tail.offset
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('message', ({ data }) => {
      if (data instanceof ArrayBuffer) this.#queue(() => this.#writeFrame(partition, data))
    })
    socket.addEventListener('close', (event) => this.#queue(() => this.#fail(event)))
    socket.addEventListener('error', () =>
      this.#queue(() => this.#fail({ code: 1006, reason: '' })),
    )
    socket.accept()
  }

  /**
   * Starts writing the frames, some of which may have arrived already: only
   * now does the cursor contain every partition.
   */
  start(): void {
    this.#begin(this.#write(`retry: 1000\nid: ${this.#cursor()}\n:\n\n`))
    this.#pingTimer = setInterval(() => this.#ping(), PING_INTERVAL_MS)
  }

  /** Queues a ping. For a reader that consumes nothing only one ping waits, not one per interval. */
  #ping(): void {
    if (this.#isPingQueued) return
    this.#isPingQueued = true
    this.#queue(async () => {
      await this.#write(':\n\n')
      await this.#followNewPartitions()
      this.#isPingQueued = false
    })
  }

  end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    clearInterval(this.#pingTimer)
    for (const { socket } of this.#tails) socket.close(1000)
    void this.#writer.close().catch(() => undefined)
  }

  #queue(work: () => Promise<void>): void {
    this.#writing = this.#writing
      .then(() => (this.#hasEnded ? undefined : work()))
      .catch((error) => {
        // A disconnected reader is no error; anything else ends the stream, and the reader resumes.
        if (!this.#hasEnded) report({ type: 'tail_failed', source: 'event_stream', error })
        this.end()
      })
  }

  async #writeFrame(partition: number, data: ArrayBuffer): Promise<void> {
    const { to, batches } = decodeTailFrame(new Uint8Array(data), 0)
    let text = ''
    for await (const { records } of decodeFrom(batches, this.#position[partition] ?? 0)) {
      for (const record of records) {
        text += this.#event(partition, record)
        if (text.length < SSE_WRITE_LENGTH) continue
        await this.#write(text)
        text = ''
      }
    }
    await this.#write(text)
    // Offsets without records may follow the last record.
    this.#position[partition] = to
    this.#tails[partition]?.socket.send(String(batches.length))
  }

  #event(partition: number, record: LogRecord): string {
    this.#position[partition] = record.offset + 1
    const data = JSON.stringify({ partition, ...recordToJson(record) })
    return `id: ${this.#cursor()}\ndata: ${data}\n\n`
  }

  #cursor(): string {
    return encodeCursor(this.#topic, this.#position)
  }

  async #write(text: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(text))
  }

  /** Sends the error, then ends: an `EventSource` reconnects with its last id and gets the error as a status. */
  async #fail(event: { code: number; reason: string }): Promise<void> {
    const error = tailClosedError(event).toBody()
    if (error.code !== 'unavailable') {
      await this.#write(`event: error\ndata: ${JSON.stringify({ error })}\n\n`)
    }
    this.end()
  }

  async #followNewPartitions(): Promise<void> {
    const topic = await this.#broker.topics.find({ name: this.#topic.name }, 'read')
    if (topic.id !== this.#topic.id || topic.partitions > SSE_PARTITIONS_MAX) return this.end()
    for (let partition = this.#tails.length; partition < topic.partitions; partition++) {
      await this.follow(partition, 'earliest')
    }
  }
}
