/**
 * A live tail that begins in R2: sends the records there as frames, and then joins the tail of the partition. To its
 * reader it is one socket with one credit.
 *
 *     reader <── frames ── R2, segment by segment ──> local start reached ──> frames of the partition, piped
 *            ── credit ──>
 */
import { EdgelogError } from '../core/errors.ts'
import type { IsolationLevel } from '../core/log/log-ends.ts'
import { encodeTailFrame, TAIL_CLOSE_CODES, tailFrameBytesMax } from '../core/log/tail-protocol.ts'
import { report } from '../events/report.ts'
import { MissingObject, type RemoteObjects } from '../remote/remote-objects.ts'
import { type KnownRange, readRemote, segmentWith } from '../remote/remote-read.ts'

/** How often the partition is asked again because an object was deleted while it was read. */
const MISSING_MAX = 3

export interface TailPlace {
  readonly offset: number
  readonly creditBytes: number
}

/** Opens the tail of the partition: a socket, or the segments if the offset is in R2 only. */
export type OpenPartitionTail = (place: TailPlace) => Promise<WebSocket | KnownRange>

interface RemoteTailStart extends TailPlace {
  readonly known: KnownRange
  readonly isolation: IsolationLevel
}

/** Returns the reader's end of the tail. */
export function openRemoteTail(
  objects: RemoteObjects,
  start: RemoteTailStart,
  openPartition: OpenPartitionTail,
): WebSocket {
  const pair = new WebSocketPair()
  const tail = new RemoteTail(objects, start, pair[1], openPartition)
  void tail.run()
  return pair[0]
}

class RemoteTail {
  readonly #objects: RemoteObjects
  readonly #isolation: IsolationLevel
  readonly #socket: WebSocket
  readonly #openPartition: OpenPartitionTail
  #known: KnownRange
  #offset: number
  #creditBytes: number
  #isClosed = false
  /** Set once the partition's tail is joined. */
  #inner: WebSocket | undefined
  #wake: () => void = () => undefined

  constructor(
    objects: RemoteObjects,
    { known, offset, creditBytes, isolation }: RemoteTailStart,
    socket: WebSocket,
    openPartition: OpenPartitionTail,
  ) {
    this.#objects = objects
    this.#isolation = isolation
    this.#socket = socket
    this.#openPartition = openPartition
    this.#known = known
    this.#offset = offset
    this.#creditBytes = creditBytes
    socket.accept()
    socket.addEventListener('message', ({ data }) => this.#grant(Number(data)))
    for (const type of ['close', 'error'] as const) {
      socket.addEventListener(type, () => this.#close(1000, ''))
    }
  }

  async run(): Promise<void> {
    try {
      for (let missing = 0; !this.#isClosed; ) {
        try {
          await this.#sendRange()
        } catch (error) {
          missing += 1
          if (!(error instanceof MissingObject) || missing === MISSING_MAX) throw error
        }
        await this.#credit()
        if (this.#isClosed) return
        const creditBytes = this.#creditBytes
        const opened = await this.#openPartition({ offset: this.#offset, creditBytes })
        if (!('range' in opened)) {
          this.#join(opened, creditBytes)
          return
        }
        this.#known = opened
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Sends the records of the known segments while they are fresh. */
  async #sendRange(): Promise<void> {
    const isolation = this.#isolation
    while (segmentWith(this.#known.range, this.#offset) !== undefined) {
      await this.#credit()
      if (this.#isClosed || this.#known.expiresAtMs <= Date.now()) return
      const offset = this.#offset
      const maxBytes = tailFrameBytesMax(this.#creditBytes)
      const request = { offset, maxBytes, minBytes: 0, maxWaitMs: 0, isolation }
      const { to, batches, ...ends } = await readRemote(this.#objects, this.#known, request)
      if (this.#isClosed) return
      this.#socket.send(encodeTailFrame({ ...ends, from: offset, to }, [batches], batches.length))
      this.#offset = to
      this.#creditBytes -= batches.length
    }
  }

  /** Waits until the reader takes more, or has gone. */
  async #credit(): Promise<void> {
    while (this.#creditBytes <= 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #grant(bytes: number): void {
    if (this.#inner !== undefined) {
      this.#inner.send(String(bytes))
      return
    }
    if (!(Number.isSafeInteger(bytes) && bytes >= 0)) {
      this.#close(TAIL_CLOSE_CODES.invalid_request, 'credit: must be a whole number of bytes')
      return
    }
    this.#creditBytes += bytes
    this.#wake()
  }

  /** Connects the reader with the partition's tail. */
  #join(inner: WebSocket, creditBytes: number): void {
    inner.binaryType = 'arraybuffer'
    inner.addEventListener('message', ({ data }) => {
      if (!this.#isClosed) this.#socket.send(data)
    })
    inner.addEventListener('close', ({ code, reason }) => this.#close(code, reason))
    inner.addEventListener('error', () => this.#close(TAIL_CLOSE_CODES.internal, ''))
    inner.accept()
    this.#inner = inner
    if (this.#isClosed) inner.close(1000)
    // Granted while the partition was called.
    else if (this.#creditBytes > creditBytes) inner.send(String(this.#creditBytes - creditBytes))
  }

  #fail(error: unknown): void {
    if (!(error instanceof EdgelogError)) {
      report({ type: 'tail_failed', source: 'remote', error })
      this.#close(TAIL_CLOSE_CODES.internal, 'the tail failed')
      return
    }
    const code = TAIL_CLOSE_CODES[error.code as keyof typeof TAIL_CLOSE_CODES]
    this.#close(code ?? TAIL_CLOSE_CODES.internal, error.message.slice(0, 120))
  }

  #close(code: number, reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#wake()
    // A code such as 1006 of the other end cannot be sent.
    const sent = code === 1000 || code >= 4000 ? code : TAIL_CLOSE_CODES.internal
    this.#socket.close(sent, reason)
    this.#inner?.close(1000)
  }
}
