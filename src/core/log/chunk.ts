/**
 * A chunk is one row of the log: the concatenated batches of one commit, or, once sealed, of many commits. These
 * functions find offsets in a chunk without decoding its records.
 *
 *     | batch, base 40, 3 records | batch, base 43, 1 record | batch, base 44 ... |
 *
 * Compaction leaves holes between batches, and also before the first and behind the last batch of a chunk. The
 * functions trust their input: whole batches, checked when they were appended.
 */
import {
  BATCH_LENGTH_END,
  BATCH_LENGTH_POSITION,
  LAST_OFFSET_DELTA_POSITION,
  MAX_TIMESTAMP_POSITION,
} from '../batch/header-layout.ts'

/** Position and size of a chunk, known without reading its bytes. */
export interface ChunkSpan {
  readonly baseOffset: number
  /** The offset after the chunk's last record, as it was appended. */
  readonly endOffset: number
  /** The latest timestamp of a record; if no record has one, the time of the last append, negated. */
  readonly maxTimestamp: number
  readonly sizeBytes: number
}

export interface ChunkSlice {
  readonly bytes: Uint8Array
  /** The offset after the last batch. */
  readonly endOffset: number
  /** True if the next batch is below the end, but does not fit. */
  readonly isCut: boolean
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function readInt64(view: DataView, position: number): number {
  return view.getInt32(position) * 2 ** 32 + view.getUint32(position + 4)
}

function batchSizeBytes(view: DataView, position: number): number {
  return view.getInt32(position + BATCH_LENGTH_POSITION) + BATCH_LENGTH_END
}

function batchEndOffset(view: DataView, position: number): number {
  return readInt64(view, position) + view.getInt32(position + LAST_OFFSET_DELTA_POSITION) + 1
}

/**
 * Returns the whole batches of a chunk from the one that holds `fromOffset`, up to `maxBytes` and below
 * `endOffset`. The first batch is returned even if it is larger, so that a reader always advances. Returns
 * undefined if no batch of the chunk ends above `fromOffset`.
 */
export function sliceChunk(
  chunk: Uint8Array,
  fromOffset: number,
  maxBytes: number,
  endOffset = Number.POSITIVE_INFINITY,
): ChunkSlice | undefined {
  const view = viewOf(chunk)
  let start = 0
  while (start < chunk.length && batchEndOffset(view, start) <= fromOffset) {
    start += batchSizeBytes(view, start)
  }
  if (start >= chunk.length) return undefined
  let end = start
  let to = fromOffset
  let isCut = false
  while (end < chunk.length && readInt64(view, end) < endOffset) {
    const sizeBytes = batchSizeBytes(view, end)
    if (end > start && end + sizeBytes - start > maxBytes) {
      isCut = true
      break
    }
    to = batchEndOffset(view, end)
    end += sizeBytes
  }
  return { bytes: chunk.subarray(start, end), endOffset: to, isCut }
}

/** Returns the first batch of a chunk that has a record at or after `timestamp`. */
export function findBatchByTimestamp(chunk: Uint8Array, timestamp: number): Uint8Array | undefined {
  const view = viewOf(chunk)
  for (let position = 0; position < chunk.length; position += batchSizeBytes(view, position)) {
    if (readInt64(view, position + MAX_TIMESTAMP_POSITION) >= timestamp) {
      return chunk.subarray(position, position + batchSizeBytes(view, position))
    }
  }
  return undefined
}

/** Returns the latest timestamp of a record in batches; -1 if no record has one. */
export function maxTimestampIn(batches: Uint8Array): number {
  const view = viewOf(batches)
  let latest = -1
  for (let position = 0; position < batches.length; position += batchSizeBytes(view, position)) {
    latest = Math.max(latest, readInt64(view, position + MAX_TIMESTAMP_POSITION))
  }
  return latest
}

/** Returns the `maxTimestamp` of several spans together. */
export function latestTimestamp(maxTimestamps: readonly number[]): number {
  const latest = Math.max(...maxTimestamps)
  return latest >= 0 ? latest : Math.min(...maxTimestamps)
}
