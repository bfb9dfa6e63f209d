/**
 * The words of the live tail, spoken between a partition and the edge, and in the same form between
 * the edge and a client (docs/PROTOCOL.md, "Live tail").
 */

import { ByteReader } from '../bytes/byte-reader.ts'

/** Before the batches of a frame: `highWatermark int64 | logStartOffset int64`. */
export const TAIL_FRAME_HEADER_BYTES = 16

/** Why a tail was closed by the log: 4000 and the HTTP status of the error. */
export const TAIL_CLOSE_CODES = {
  invalid_request: 4400,
  unknown_topic_or_partition: 4404,
  offset_out_of_range: 4416,
  internal: 4500,
} as const

export interface TailFrame {
  readonly highWatermark: number
  readonly logStartOffset: number
  readonly batches: Uint8Array
}

/**
 * Reads a frame whose header starts at `position`.
 *
 * @throws {DecodeError} if there is no whole header.
 */
export function decodeTailFrame(bytes: Uint8Array, position: number): TailFrame {
  const reader = new ByteReader(bytes)
  reader.skip(position)
  const highWatermark = reader.int64AsNumber()
  const logStartOffset = reader.int64AsNumber()
  return { highWatermark, logStartOffset, batches: reader.bytes(reader.remaining) }
}
