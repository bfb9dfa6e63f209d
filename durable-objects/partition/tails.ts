/**
 * Live tails over hibernating WebSockets. Each socket carries its own position and credit in its
 * attachment, so that nothing of it lives only in memory and an idle partition can sleep.
 *
 *     to the reader:   highWatermark int64 | logStartOffset int64 | whole record batches
 *     from the reader: a number as text: bytes of further credit
 *
 * While a socket has credit it is sent frames; a frame may overdraw the credit, so what is under way
 * is bounded by the credit and one frame.
 */
import { EdgelogError } from '../../src/core/errors.ts'
import { TAIL_CREDIT_BYTES_MAX, TAILS_MAX } from '../../src/core/limits.ts'
import {
  TAIL_CLOSE_CODES,
  TAIL_FRAME_HEADER_BYTES,
  tailFrameBytesMax,
} from '../../src/core/log/tail-protocol.ts'
import type { PartitionLog } from './partition-log.ts'
import type { LogSlice } from './read-slice.ts'

interface Position {
  readonly offset: number
  readonly creditBytes: number
}

export class Tails {
  readonly #ctx: DurableObjectState

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx
  }

  /** Opens a tail at `offset`; it is sent what the log holds from there, as far as credit goes. */
  open(log: PartitionLog, offset: number, creditBytes: number): WebSocket {
    if (this.#ctx.getWebSockets().length >= TAILS_MAX) {
      throw new EdgelogError('throttled', `a partition has at most ${TAILS_MAX} live tails`)
    }
    if (!(Number.isSafeInteger(creditBytes) && creditBytes >= 0)) {
      throw new EdgelogError('invalid_request', 'creditBytes: 0 or more bytes are allowed')
    }
    log.read(offset, 1)
    const pair = new WebSocketPair()
    this.#ctx.acceptWebSocket(pair[1])
    pair[1].serializeAttachment({
      offset,
      creditBytes: Math.min(creditBytes, TAIL_CREDIT_BYTES_MAX),
    } satisfies Position)
    this.#send(pair[1], log, new Map())
    return pair[0]
  }

  /** Takes further credit from a reader. */
  receive(socket: WebSocket, message: string | ArrayBuffer, log: PartitionLog): void {
    const bytes = typeof message === 'string' ? Number(message) : Number.NaN
    if (!Number.isSafeInteger(bytes) || bytes <= 0) {
      socket.close(TAIL_CLOSE_CODES.invalid_request, 'credit is a positive number of bytes')
      return
    }
    const { offset, creditBytes } = socket.deserializeAttachment() as Position
    socket.serializeAttachment({
      offset,
      creditBytes: Math.min(creditBytes + bytes, TAIL_CREDIT_BYTES_MAX),
    } satisfies Position)
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
    let { offset, creditBytes } = socket.deserializeAttachment() as Position
    const before = offset
    try {
      while (creditBytes > 0 && offset < log.highWatermark) {
        const bytesMax = tailFrameBytesMax(creditBytes)
        const key = `${offset}/${bytesMax}`
        const slice = slices.get(key) ?? log.read(offset, bytesMax)
        slices.set(key, slice)
        socket.send(encodeFrame(log, slice))
        offset = slice.nextOffset
        creditBytes -= slice.sizeBytes
      }
    } catch (error) {
      if (!(error instanceof EdgelogError)) throw error
      close(socket, error)
      return
    }
    if (offset !== before) {
      socket.serializeAttachment({ offset, creditBytes } satisfies Position)
    }
  }
}

function encodeFrame(log: PartitionLog, slice: LogSlice): Uint8Array {
  const frame = new Uint8Array(TAIL_FRAME_HEADER_BYTES + slice.sizeBytes)
  const view = new DataView(frame.buffer)
  view.setBigInt64(0, BigInt(log.highWatermark))
  view.setBigInt64(8, BigInt(log.logStartOffset))
  let position = TAIL_FRAME_HEADER_BYTES
  for (const batch of slice.batches) {
    frame.set(batch, position)
    position += batch.length
  }
  return frame
}

function close(socket: WebSocket, error: EdgelogError): void {
  const code = TAIL_CLOSE_CODES[error.code as keyof typeof TAIL_CLOSE_CODES]
  socket.close(code ?? TAIL_CLOSE_CODES.internal, error.message.slice(0, 120))
}
