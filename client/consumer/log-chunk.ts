/** A range of a log as it was received, checked, and waiting to be handed over. */
import { type BatchHeader, readBatchHeaders, verifyCrc } from '../../src/core/batch/record-batch.ts'
import { EdgelogError } from '../../src/core/errors.ts'

/** All records that the log has at the offsets from `from` up to, not including, `to`. */
export interface LogRange {
  readonly from: number
  readonly to: number
  /** Whole batches; the first may begin before `from`. */
  readonly batches: Uint8Array
}

export interface LogChunk {
  readonly bytes: Uint8Array
  /** The headers of the batches that reach the offset to begin at. */
  readonly headers: readonly BatchHeader[]
  /** Where to read on. */
  readonly nextOffset: number
}

export function endOffsetOf(header: BatchHeader): number {
  return header.baseOffset + header.lastOffsetDelta + 1
}

/**
 * Checks every batch of a range, that none goes back, and that none lies beyond the range. Batches that end before
 * `offset` are left out.
 *
 * @throws {EdgelogError} `corrupt_message`, and what `readBatchHeaders` throws.
 */
export function parseChunk({ from, to, batches: bytes }: LogRange, offset = from): LogChunk {
  const nextOffset = Math.max(offset, to)
  if (bytes.length === 0) return { bytes, headers: [], nextOffset }
  const headers: BatchHeader[] = []
  let previousEnd = Number.NEGATIVE_INFINITY
  for (const header of readBatchHeaders(bytes)) {
    verifyCrc(bytes, header)
    const { baseOffset } = header
    const end = endOffsetOf(header)
    if (baseOffset < previousEnd || end > to) {
      const why = `offsets ${baseOffset} to ${end - 1} follow ${previousEnd - 1} in ${from} to ${to - 1}`
      throw new EdgelogError('corrupt_message', `batch at byte ${header.position}: ${why}`)
    }
    previousEnd = end
    if (end > offset) headers.push(header)
  }
  return { bytes, headers, nextOffset }
}
