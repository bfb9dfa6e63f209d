/**
 * Live tails over hibernating WebSockets. Each socket stores its own position and credit in its attachment, so no state
 * of it is only in memory, and an idle partition can sleep.
 *
 *     to the reader:   frames of `tail-protocol.ts`
 *     from the reader: a number as text: bytes of additional credit
 *
 * A socket with credit is sent frames. A frame may overdraw the credit, so the bytes
 * in flight are bounded by the credit plus one frame. A committed tail is sent what is decided, so the end of a
 * transaction sends its records.
 */
import { EdgelogError } from '../../src/core/errors.ts'
import { TAIL_CREDIT_BYTES_MAX, TAIL_TURN_BYTES_MAX, TAILS_MAX } from '../../src/core/limits.ts'
import { type IsolationLevel, readableEnd } from '../../src/core/log/log-ends.ts'
import {
  encodeTailFrame,
  TAIL_CLOSE_CODES,
  tailFrameBytesMax,
} from '../../src/core/log/tail-protocol.ts'
import type { PartitionLog } from './partition-log.ts'
import type { LogSlice } from './read-slice.ts'

/** The attachment of a socket. */
export interface TailPosition {
  /** The offset at which the next frame begins. */
  readonly offset: number
  readonly creditBytes: number
  readonly isolation: IsolationLevel
}

export class Tails {
  readonly #ctx: DurableObjectState

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx
  }

  /** Opens a tail, and sends the records from its offset on, as far as the credit allows. */
  open(log: PartitionLog, { offset, creditBytes, isolation }: TailPosition): WebSocket {
    if (this.#ctx.getWebSockets().length >= TAILS_MAX) {
      throw new EdgelogError('throttled', `a partition has at most ${TAILS_MAX} live tails`)
    }
    if (!(Number.isSafeInteger(creditBytes) && creditBytes >= 0)) {
      throw new EdgelogError(
        'invalid_request',
        'creditBytes: must be a whole number of bytes, 0 or more',
      )
    }
    log.read({ offset, maxBytes: 1, mayLeaveFirst: false, isolation })
    const pair = new WebSocketPair()
    this.#ctx.acceptWebSocket(pair[1])
    pair[1].serializeAttachment({
      offset,
      creditBytes: Math.min(creditBytes, TAIL_CREDIT_BYTES_MAX),
      isolation,
    } satisfies TailPosition)
    this.#send(pair[1], log, new Map())
    return pair[0]
  }

  /** Adds credit that a reader sent. */
  receive(socket: WebSocket, message: string | ArrayBuffer, log: PartitionLog): void {
    const bytes = typeof message === 'string' ? Number(message) : Number.NaN
    if (!Number.isSafeInteger(bytes) || bytes <= 0) {
      socket.close(TAIL_CLOSE_CODES.invalid_request, 'credit is a positive number of bytes')
      return
    }
    const position = socket.deserializeAttachment() as TailPosition
    socket.serializeAttachment({
      ...position,
      creditBytes: Math.min(position.creditBytes + bytes, TAIL_CREDIT_BYTES_MAX),
    } satisfies TailPosition)
    this.#send(socket, log, new Map())
  }

  /** Sends what was appended. Runs in the turn of the commit: the output gate holds frames until it is durable. */
  appended(log: PartitionLog): void {
    const slices = new Map<string, LogSlice>()
    for (const socket of this.#ctx.getWebSockets()) this.#send(socket, log, slices)
  }

  closeAll(error: EdgelogError): void {
    for (const socket of this.#ctx.getWebSockets()) close(socket, error)
  }

  /** @param slices what was read in this turn already, so that a thousand tails cost one read */
  #send(socket: WebSocket, log: PartitionLog, slices: Map<string, LogSlice>): void {
    if (socket.readyState !== WebSocket.OPEN) return
    const position = socket.deserializeAttachment() as TailPosition
    const { isolation } = position
    const { ends } = log
    let { offset, creditBytes } = position
    let readBytes = 0
    try {
      while (creditBytes > 0 && offset < readableEnd(ends, isolation)) {
        if (readBytes >= TAIL_TURN_BYTES_MAX) {
          this.#continueLater(socket, log)
          break
        }
        const maxBytes = tailFrameBytesMax(creditBytes)
        const key = `${offset}/${maxBytes}/${isolation}`
        const slice =
          slices.get(key) ?? log.read({ offset, maxBytes, mayLeaveFirst: false, isolation })
        slices.set(key, slice)
        const { from, to, batches, sizeBytes } = slice
        socket.send(encodeTailFrame({ from, to, ...ends }, batches, sizeBytes))
        offset = to
        creditBytes -= sizeBytes
        readBytes += slice.readBytes
      }
    } catch (error) {
      if (!(error instanceof EdgelogError)) throw error
      close(socket, error)
      return
    }
    if (offset !== position.offset) {
      socket.serializeAttachment({ offset, creditBytes, isolation } satisfies TailPosition)
    }
  }

  /** Lets other calls run first. Aborted records use no credit, so credit does not bound what a turn reads. */
  #continueLater(socket: WebSocket, log: PartitionLog): void {
    setTimeout(() => this.#send(socket, log, new Map()), 0)
  }
}

function close(socket: WebSocket, error: EdgelogError): void {
  const code = TAIL_CLOSE_CODES[error.code as keyof typeof TAIL_CLOSE_CODES]
  socket.close(code ?? TAIL_CLOSE_CODES.internal, error.message.slice(0, 120))
}
