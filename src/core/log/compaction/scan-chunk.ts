/** The first pass of a compaction: remembers the latest offset of each key of the dirty part, chunk by chunk. */
import { decompressedRecords } from '../../batch/decode-records.ts'
import { readBatchHeaders } from '../../batch/record-batch.ts'
import type { Codecs } from '../../compression/codec.ts'
import type { AbortedBatches } from './aborted-batches.ts'
import type { KeyMap } from './key-map.ts'
import type { Pace } from './pace.ts'
import { RecordCursor } from './record-cursor.ts'

interface ScanRange {
  /** Batches that end at or below are clean. */
  readonly from: number
  /** Batches that begin here or above are not compacted yet. */
  readonly to: number
}

interface ScanTools {
  readonly keys: KeyMap
  readonly codecs: Codecs
  readonly pace: Pace
}

export interface Scanned {
  /** The end of the last batch that is in the map; undefined if none is. */
  readonly endOffset: number | undefined
  /** True if the map is full, so that the pass covers no more. */
  readonly isFull: boolean
}

/**
 * Adds the keys of a chunk to the map. Markers and aborted records have no key that counts.
 *
 * A batch that fills the map may be in it in part: these records stay in the log, so what they supersede may go.
 *
 * @throws {EdgelogError} `corrupt_message` if the chunk is damaged.
 */
export async function scanChunk(
  chunk: Uint8Array,
  { from, to }: ScanRange,
  aborted: AbortedBatches,
  { keys, codecs, pace }: ScanTools,
): Promise<Scanned> {
  let scannedTo: number | undefined
  for (const header of readBatchHeaders(chunk)) {
    const endOffset = header.baseOffset + header.lastOffsetDelta + 1
    if (endOffset <= from) continue
    if (header.baseOffset >= to) break
    if (pace.isOver) await pace.rest()
    if (!header.isControl && header.recordsCount > 0 && !aborted.has(header)) {
      const cursor = new RecordCursor(await decompressedRecords(chunk, header, codecs), header)
      while (cursor.next()) {
        if (pace.isOver) await pace.rest()
        const { records, keyStart, keyLength, offsetDelta } = cursor
        if (keyLength < 0) continue
        const offset = header.baseOffset + offsetDelta
        if (keys.put(records, keyStart, keyStart + keyLength, offset)) continue
        return { endOffset: scannedTo, isFull: true }
      }
    }
    scannedTo = endOffset
  }
  return { endOffset: scannedTo, isFull: false }
}
