/**
 * The encoding of the live tail between a partition and the edge, and in the same form between the edge and a client
 * (docs/PROTOCOL.md, "Live tail").
 *
 *     frame, from a partition       from int64 | to int64 | highWatermark int64 | lastStableOffset int64 |
 *                                   logStartOffset int64 | record batches
 *     message, to a client          id uint32 | frame
 *     part of a message             bytes that follow in other parts uint32 | bytes
 *     response of a long poll       (kind int8 | length uint32 | notice or message)*
 */

import { ByteReader } from '../bytes/byte-reader.ts'
import { TAIL_FRAME_BYTES_MAX, TAIL_FRAME_BYTES_MIN } from '../limits.ts'
import type { LogEnds } from './log-ends.ts'

/** Subprotocols of the WebSocket: whole messages, and messages in parts. */
export const TAIL_SUBPROTOCOL = 'edgelog.tail.v1'
export const TAIL_PARTS_SUBPROTOCOL = 'edgelog.tail.v2'

/** Size of a frame's header, before its batches. */
export const TAIL_FRAME_HEADER_BYTES = 40
/** Size of the subscription id, before the frame of a message. */
export const TAIL_ID_BYTES = 4

/** Close codes of a tail that the log closes: 4000 plus the HTTP status of the error, or the next free one. */
export const TAIL_CLOSE_CODES = {
  invalid_request: 4400,
  unknown_topic_or_partition: 4404,
  offset_out_of_range: 4416,
  internal: 4500,
  remote_storage_damaged: 4503,
  remote_storage_unavailable: 4504,
} as const

/** All records that the log has at the offsets from `from` up to, not including, `to`. */
export interface TailFrame extends LogEnds {
  readonly from: number
  /** The start of the next frame. An offset below it that is in no batch has no record. */
  readonly to: number
  /** Whole batches; the first may begin before `from`. */
  readonly batches: Uint8Array
}

/** Encodes a frame from single batches that are `sizeBytes` long together. */
export function encodeTailFrame(
  frame: Omit<TailFrame, 'batches'>,
  batches: readonly Uint8Array[],
  sizeBytes: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(TAIL_FRAME_HEADER_BYTES + sizeBytes)
  const view = new DataView(bytes.buffer)
  const { from, to, highWatermark, lastStableOffset, logStartOffset } = frame
  for (const [index, offset] of [
    from,
    to,
    highWatermark,
    lastStableOffset,
    logStartOffset,
  ].entries()) {
    view.setBigInt64(8 * index, BigInt(offset))
  }
  let position = TAIL_FRAME_HEADER_BYTES
  for (const batch of batches) {
    bytes.set(batch, position)
    position += batch.length
  }
  return bytes
}

/**
 * Reads a frame whose header starts at `position`.
 *
 * @throws {DecodeError} if there is no whole header.
 */
export function decodeTailFrame(bytes: Uint8Array, position: number): TailFrame {
  const reader = new ByteReader(bytes)
  reader.skip(position)
  return {
    from: reader.int64AsNumber(),
    to: reader.int64AsNumber(),
    highWatermark: reader.int64AsNumber(),
    lastStableOffset: reader.int64AsNumber(),
    logStartOffset: reader.int64AsNumber(),
    batches: reader.bytes(reader.remaining),
  }
}

/** Puts the id of its subscription before a frame. */
export function encodeTailMessage(id: number, frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(TAIL_ID_BYTES + frame.length)
  new DataView(message.buffer).setUint32(0, id)
  message.set(frame, TAIL_ID_BYTES)
  return message
}

const PART_HEADER_BYTES = 4

/**
 * Returns the target size of a frame, or of a part of a larger one. A reader with little credit is assumed to
 * be on a slow line. Sizes are powers of two, so that tails with similar credit share the same reads.
 */
export function tailFrameBytesMax(creditBytes: number): number {
  let bytesMax = TAIL_FRAME_BYTES_MAX
  while (bytesMax > creditBytes && bytesMax > TAIL_FRAME_BYTES_MIN) bytesMax /= 2
  return bytesMax
}

/** Cuts a message into parts: each part that arrives shows a reader on a slow line that the connection is alive. */
export function* tailParts(
  message: Uint8Array,
  partBytesMax: number,
): Generator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < message.length; at += partBytesMax) {
    const bytes = message.subarray(at, at + partBytesMax)
    const part = new Uint8Array(PART_HEADER_BYTES + bytes.length)
    new DataView(part.buffer).setUint32(0, message.length - at - bytes.length)
    part.set(bytes, PART_HEADER_BYTES)
    yield part
  }
}

/**
 * Reads a part; `bytes` is a view of it.
 *
 * @throws {DecodeError} if there is no whole header.
 */
export function decodeTailPart(part: Uint8Array): { leftBytes: number; bytes: Uint8Array } {
  const reader = new ByteReader(part)
  const leftBytes = reader.uint32()
  return { leftBytes, bytes: reader.bytes(reader.remaining) }
}

/** Kinds of an entry in the response of a long poll: a notice as JSON, or a message with a frame. */
export const TAIL_ENTRY_NOTICE = 0
export const TAIL_ENTRY_FRAME = 1

export interface TailEntry {
  /** `TAIL_ENTRY_NOTICE`, `TAIL_ENTRY_FRAME` or a later kind; readers skip the kinds they do not support. */
  readonly kind: number
  readonly bytes: Uint8Array
}

const ENTRY_HEADER_BYTES = 5

export function encodeTailEntry({ kind, bytes }: TailEntry): Uint8Array<ArrayBuffer> {
  const entry = new Uint8Array(ENTRY_HEADER_BYTES + bytes.length)
  const view = new DataView(entry.buffer)
  view.setInt8(0, kind)
  view.setUint32(1, bytes.length)
  entry.set(bytes, ENTRY_HEADER_BYTES)
  return entry
}

/**
 * Reads the response of a long poll. The content of an entry is a view of `bytes`.
 *
 * @throws {DecodeError} if the last entry is cut short.
 */
export function* decodeTailEntries(bytes: Uint8Array): Generator<TailEntry> {
  const reader = new ByteReader(bytes)
  while (reader.remaining > 0) {
    const kind = reader.int8()
    yield { kind, bytes: reader.bytes(reader.uint32()) }
  }
}
