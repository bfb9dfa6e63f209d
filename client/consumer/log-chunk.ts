/** A received and checked range of a log that waits to be delivered. */
import { type BatchHeader, readBatchHeaders, verifyCrc } from '../../src/core/batch/record-batch.ts'
import { EdgelogError } from '../../src/core/errors.ts'

/** All records of the log from offset `from` up to, but not including, `to`. */
export interface LogRange {
  readonly from: number
  readonly to: number
  /** Whole batches; the first may begin before `from`. */
  readonly batches: Uint8Array
}

export interface LogChunk {
  readonly bytes: Uint8Array
  /** Headers of the batches that reach the start offset. */
  readonly headers: readonly BatchHeader[]
  /** Start of the next read. */
  readonly nextOffset: number
}

export function endOffsetOf(header: BatchHeader): number {
  return header.baseOffset + header.lastOffsetDelta + 1
}

/**
 * Checks every batch of a range: offsets ascend, and none lies
 * beyond the range. Skips batches that end before `offset`.
 *
 * @throws {EdgelogError} `corrupt_message`, and the errors of `readBatchHeaders`.
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
