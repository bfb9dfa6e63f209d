/** Batches as they were received, checked, and waiting to be handed over. */
import { type BatchHeader, readBatchHeaders, verifyCrc } from '../../src/core/batch/record-batch.ts'
import { EdgelogError } from '../../src/core/errors.ts'

export interface LogChunk {
  readonly bytes: Uint8Array
  /** Of the batches that reach the offset asked for. */
  readonly headers: readonly BatchHeader[]
  /** The offset after the last batch. */
  readonly nextOffset: number
  /** Offsets are missing before or between the batches. */
  readonly hasGap: boolean
}

export function endOffsetOf(header: BatchHeader): number {
  return header.baseOffset + header.lastOffsetDelta + 1
}

/**
 * Checks every batch, and that none goes back; batches wholly before `offset` are left out.
 *
 * @throws {EdgelogError} `corrupt_message`, and what `readBatchHeaders` throws.
 */
export function parseChunk(bytes: Uint8Array, offset: number): LogChunk {
  if (bytes.length === 0) return { bytes, headers: [], nextOffset: offset, hasGap: false }
  const headers: BatchHeader[] = []
  let hasGap = false
  let previousEnd: number | undefined
  for (const header of readBatchHeaders(bytes)) {
    verifyCrc(bytes, header)
    const { baseOffset } = header
    if (previousEnd !== undefined && baseOffset < previousEnd) {
      const why = `offset ${baseOffset} follows ${previousEnd - 1}`
      throw new EdgelogError('corrupt_message', `batch at byte ${header.position}: ${why}`)
    }
    if (baseOffset > Math.max(offset, previousEnd ?? offset)) hasGap = true
    previousEnd = endOffsetOf(header)
    if (previousEnd > offset) headers.push(header)
  }
  return { bytes, headers, nextOffset: Math.max(offset, previousEnd ?? offset), hasGap }
}
