/**
 * Reads a part of a partition's log: plans by row sizes, reads only the rows it sends, and cuts at batch boundaries.
 */
import { EdgelogError } from '../../src/core/errors.ts'
import { PARTIAL_CHUNK_BYTES_MAX } from '../../src/core/limits.ts'
import { type ChunkSpan, sliceChunk } from '../../src/core/log/chunk.ts'
import { type IsolationLevel, type LogEnds, readableEnd } from '../../src/core/log/log-ends.ts'
import type { ChunkTable } from './chunk-table.ts'

/** All batches of the log from `from` up to, but not including, `to`. */
export interface LogSlice {
  readonly from: number
  readonly to: number
  readonly batches: readonly Uint8Array[]
  readonly sizeBytes: number
}

export interface SliceRequest {
  readonly offset: number
  readonly maxBytes: number
  /** True if the result may be empty when the first batch does not fit. */
  readonly mayLeaveFirst: boolean
  readonly isolation: IsolationLevel
}

/**
 * Returns whole batches from the one that holds `offset`, up to `maxBytes`, but at least one unless `mayLeaveFirst`.
 *
 * @throws {EdgelogError} `offset_out_of_range`.
 */
export function readSlice(
  chunks: ChunkTable,
  ends: LogEnds,
  { offset, maxBytes, mayLeaveFirst, isolation }: SliceRequest,
): LogSlice {
  const { logStartOffset, highWatermark } = ends
  if (!(offset >= logStartOffset && offset <= highWatermark)) {
    throw new EdgelogError(
      'offset_out_of_range',
      `offset: ${offset} is not within ${logStartOffset} to ${highWatermark}`,
      { details: { logStartOffset, highWatermark } },
    )
  }
  const endOffset = readableEnd(ends, isolation)
  const isForNothing = offset >= endOffset || (mayLeaveFirst && maxBytes <= 0)
  const wanted = isForNothing ? [] : chunksToRead(chunks, offset, maxBytes)
  const [first] = wanted
  const last = wanted.at(-1)
  if (first === undefined || last === undefined) {
    return { from: offset, to: offset, batches: [], sizeBytes: 0 }
  }
  const batches: Uint8Array[] = []
  let sizeBytes = 0
  let to = offset
  for (const chunk of chunks.bytesBetween(first.baseOffset, last.baseOffset)) {
    const slice = sliceChunk(chunk, to, maxBytes - sizeBytes, endOffset)
    if (slice === undefined) continue
    if ((batches.length > 0 || mayLeaveFirst) && sizeBytes + slice.bytes.length > maxBytes) break
    batches.push(slice.bytes)
    sizeBytes += slice.bytes.length
    to = slice.endOffset
  }
  return { from: offset, to, batches, sizeBytes }
}

/** Plans by sizes alone, so that no large row is read when only a small part of it would be sent. */
function chunksToRead(chunks: ChunkTable, offset: number, maxBytes: number): ChunkSpan[] {
  const wanted: ChunkSpan[] = []
  let roomBytes = maxBytes
  for (const span of chunks.spansFrom(offset)) {
    const isMostlySent =
      span.sizeBytes <= PARTIAL_CHUNK_BYTES_MAX || roomBytes * 2 >= span.sizeBytes
    if (wanted.length > 0 && (roomBytes <= 0 || !isMostlySent)) break
    wanted.push(span)
    roomBytes -= span.sizeBytes
  }
  return wanted
}
