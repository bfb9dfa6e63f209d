/** Cuts what a read returns from the chunks of a log, wherever they lie. */
import { PARTIAL_CHUNK_BYTES_MAX } from '../limits.ts'
import { type ChunkSpan, sliceChunk } from './chunk.ts'

export interface CutLimits {
  readonly offset: number
  readonly maxBytes: number
  /** True if the result may be empty when the first batch does not fit. */
  readonly mayLeaveFirst: boolean
}

/** The batches of the log from `from` up to, but not including, `to`. */
export interface CutSlice {
  readonly from: number
  readonly to: number
  readonly batches: readonly Uint8Array[]
  readonly sizeBytes: number
}

/** Plans by sizes alone, so that no large chunk is read when only a small part of it would be sent. */
export function chunksToRead<Span extends ChunkSpan>(
  spans: Iterable<Span>,
  offset: number,
  maxBytes: number,
): Span[] {
  const wanted: Span[] = []
  let roomBytes = maxBytes
  for (const span of spans) {
    if (span.endOffset <= offset) continue
    const isMostlySent =
      span.sizeBytes <= PARTIAL_CHUNK_BYTES_MAX || roomBytes * 2 >= span.sizeBytes
    if (wanted.length > 0 && (roomBytes <= 0 || !isMostlySent)) break
    wanted.push(span)
    roomBytes -= span.sizeBytes
  }
  return wanted
}

/** A chunk and the end of its offsets, which may lie behind its last batch. */
export interface ChunkToCut {
  readonly endOffset: number
  readonly bytes: Uint8Array
}

/**
 * Returns whole batches that begin below `endOffset`, from the one that holds the offset. Offsets without a batch are
 * passed over.
 */
export function cutSlice(
  chunks: Iterable<ChunkToCut>,
  { offset, maxBytes, mayLeaveFirst }: CutLimits,
  endOffset: number,
): CutSlice {
  const batches: Uint8Array[] = []
  let sizeBytes = 0
  let to = offset
  for (const chunk of chunks) {
    const slice = sliceChunk(chunk.bytes, to, maxBytes - sizeBytes, endOffset)
    if (slice !== undefined) {
      const isTooLarge = sizeBytes + slice.bytes.length > maxBytes
      if (isTooLarge && (batches.length > 0 || mayLeaveFirst)) break
      batches.push(slice.bytes)
      sizeBytes += slice.bytes.length
      to = Math.max(to, slice.endOffset)
      if (slice.isCut) break
    }
    to = Math.max(to, Math.min(chunk.endOffset, endOffset))
  }
  return { from: offset, to, batches, sizeBytes }
}
