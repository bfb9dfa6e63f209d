/**
 * Reads a part of a partition's log: plans by row sizes, reads only the rows it sends, and cuts at batch boundaries.
 */
import { EdgelogError } from '../../src/core/errors.ts'
import { ABORTED_TRANSACTIONS_MAX } from '../../src/core/limits.ts'
import type { ChunkSpan } from '../../src/core/log/chunk.ts'
import { type CutSlice, chunksToRead, cutSlice } from '../../src/core/log/cut-slice.ts'
import { type LogEnds, readableEnd } from '../../src/core/log/log-ends.ts'
import type { FetchRequest } from '../../src/core/log/partition-api.ts'
import type { AbortedTransaction } from '../../src/core/log/transactions.ts'
import { visibleBatches } from '../../src/core/log/visible-batches.ts'
import type { ChunkTable } from './chunk-table.ts'
import type { TransactionTable } from './transaction-table.ts'

export interface LogSlice extends CutSlice {
  /** Bytes that were read, with those of batches that were removed. */
  readonly readBytes: number
  /** For batches as they are stored, read as `committed`. */
  readonly aborted: readonly AbortedTransaction[]
  /** The last chunk that begins at or before `from`, or the first one; undefined if nothing was read. */
  readonly firstChunk?: ChunkSpan | undefined
}

export interface SliceRequest extends Pick<FetchRequest, 'maxBytes' | 'isolation' | 'content'> {
  readonly offset: number
  /** True if the result may be empty when the first batch does not fit. */
  readonly mayLeaveFirst: boolean
}

/** The rows that a read needs. */
export interface SliceTables {
  readonly chunks: ChunkTable
  readonly transactions: TransactionTable
}

/**
 * Returns whole batches from the one that holds `offset`, up to `maxBytes`, but at least one unless `mayLeaveFirst`.
 *
 * @throws {EdgelogError} `offset_out_of_range`.
 */
export function readSlice(
  { chunks, transactions }: SliceTables,
  ends: LogEnds,
  request: SliceRequest,
): LogSlice {
  const { isolation, content = 'visible' } = request
  checkOffset(request.offset, ends)
  let slice = readStored(chunks, request, readableEnd(ends, isolation))
  const { from, sizeBytes: readBytes } = slice
  if (isolation === 'uncommitted' && content === 'stored')
    return { ...slice, readBytes, aborted: [] }
  let aborted = isolation === 'committed' ? transactions.abortedBetween(from, slice.to) : []
  // The list may be incomplete then. No more transactions than the limit were ever open at one offset, so this ends.
  while (aborted.length > ABORTED_TRANSACTIONS_MAX) {
    const endOffset = from + Math.ceil((slice.to - from) / 2)
    slice = readStored(chunks, request, endOffset)
    aborted = transactions.abortedBetween(from, slice.to)
  }
  if (content === 'stored') return { ...slice, readBytes, aborted }
  const batches = slice.batches.flatMap((bytes) => visibleBatches(bytes, aborted))
  const sizeBytes = batches.reduce((sum, batch) => sum + batch.length, 0)
  return { ...slice, batches, sizeBytes, readBytes, aborted: [] }
}

function checkOffset(offset: number, { logStartOffset, highWatermark }: LogEnds): void {
  if (offset >= logStartOffset && offset <= highWatermark) return
  throw new EdgelogError(
    'offset_out_of_range',
    `offset: ${offset} is not within ${logStartOffset} to ${highWatermark}`,
    { details: { logStartOffset, highWatermark } },
  )
}

/** Reads batches that begin below `endOffset`, as they are stored. */
function readStored(
  chunks: ChunkTable,
  { offset, maxBytes, mayLeaveFirst }: SliceRequest,
  endOffset: number,
): CutSlice & Pick<LogSlice, 'firstChunk'> {
  const isForNothing = offset >= endOffset || (mayLeaveFirst && maxBytes <= 0)
  if (isForNothing) return { from: offset, to: offset, batches: [], sizeBytes: 0 }
  const wanted = chunksToRead(chunks.spansFrom(offset), offset, maxBytes)
  const [first] = wanted
  const last = wanted.at(-1)
  if (first === undefined || last === undefined) {
    return { from: offset, to: endOffset, batches: [], sizeBytes: 0 }
  }
  const read = chunks.between(first.baseOffset, last.baseOffset)
  const slice = cutSlice(read, { offset, maxBytes, mayLeaveFirst }, endOffset)
  return { ...slice, firstChunk: first.baseOffset <= offset ? first : undefined }
}
