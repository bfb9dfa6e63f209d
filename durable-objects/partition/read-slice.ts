/**
 * Reads a part of a partition's log: plans by row sizes, reads only the rows it sends, and cuts at batch boundaries.
 */
import { EdgelogError } from '../../src/core/errors.ts'
import { ABORTED_TRANSACTIONS_MAX, PARTIAL_CHUNK_BYTES_MAX } from '../../src/core/limits.ts'
import { type ChunkSpan, sliceChunk } from '../../src/core/log/chunk.ts'
import { type LogEnds, readableEnd } from '../../src/core/log/log-ends.ts'
import type { FetchRequest } from '../../src/core/log/partition-api.ts'
import type { AbortedTransaction } from '../../src/core/log/transactions.ts'
import { visibleBatches } from '../../src/core/log/visible-batches.ts'
import type { ChunkTable } from './chunk-table.ts'
import type { TransactionTable } from './transaction-table.ts'

/** The batches of the log from `from` up to, but not including, `to`. */
export interface LogSlice {
  readonly from: number
  readonly to: number
  readonly batches: readonly Uint8Array[]
  readonly sizeBytes: number
  /** Bytes that were read, with those of batches that were removed. */
  readonly readBytes: number
  /** For batches as they are stored, read as `committed`. */
  readonly aborted: readonly AbortedTransaction[]
  /** The chunk that holds `from`; undefined if nothing was read. */
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
  const { from, to, batches: stored, sizeBytes: readBytes, firstChunk } = slice
  if (isolation === 'uncommitted' && content === 'stored')
    return { ...slice, readBytes, aborted: [] }
  let aborted = isolation === 'committed' ? transactions.abortedBetween(from, to) : []
  if (content === 'visible') {
    const batches = stored.flatMap((bytes) => visibleBatches(bytes, aborted))
    const sizeBytes = batches.reduce((sum, batch) => sum + batch.length, 0)
    return { from, to, batches, sizeBytes, readBytes, aborted: [], firstChunk }
  }
  // No more transactions than the limit were ever open at one offset, so this ends.
  while (aborted.length > ABORTED_TRANSACTIONS_MAX) {
    const endOffset = from + Math.ceil((slice.to - from) / 2)
    slice = readStored(chunks, request, endOffset)
    aborted = transactions.abortedBetween(from, slice.to)
  }
  return { ...slice, readBytes, aborted }
}

function checkOffset(offset: number, { logStartOffset, highWatermark }: LogEnds): void {
  if (offset >= logStartOffset && offset <= highWatermark) return
  throw new EdgelogError(
    'offset_out_of_range',
    `offset: ${offset} is not within ${logStartOffset} to ${highWatermark}`,
    { details: { logStartOffset, highWatermark } },
  )
}

/** Reads batches that begin below `endOffset`, as they are stored. Offsets without a batch are passed over. */
function readStored(
  chunks: ChunkTable,
  { offset, maxBytes, mayLeaveFirst }: SliceRequest,
  endOffset: number,
): Pick<LogSlice, 'from' | 'to' | 'batches' | 'sizeBytes' | 'firstChunk'> {
  const batches: Uint8Array[] = []
  let sizeBytes = 0
  let to = offset
  let firstChunk: ChunkSpan | undefined
  const slice = () => ({ from: offset, to, batches, sizeBytes, firstChunk })
  if (offset >= endOffset || (mayLeaveFirst && maxBytes <= 0)) return slice()
  const wanted = chunksToRead(chunks, offset, maxBytes)
  const [first] = wanted
  const last = wanted.at(-1)
  if (first === undefined || last === undefined) {
    to = endOffset
    return slice()
  }
  if (first.baseOffset <= offset) firstChunk = first
  for (const chunk of chunks.between(first.baseOffset, last.baseOffset)) {
    const found = sliceChunk(chunk.bytes, to, maxBytes - sizeBytes, endOffset)
    if (found !== undefined) {
      const isTooLarge = sizeBytes + found.bytes.length > maxBytes
      if (isTooLarge && (batches.length > 0 || mayLeaveFirst)) break
      batches.push(found.bytes)
      sizeBytes += found.bytes.length
      to = Math.max(to, found.endOffset)
      if (found.isCut) break
    }
    to = Math.max(to, Math.min(chunk.endOffset, endOffset))
  }
  return slice()
}

/** Plans by sizes alone, so that no large row is read when only a small part of it would be sent. */
function chunksToRead(chunks: ChunkTable, offset: number, maxBytes: number): ChunkSpan[] {
  const wanted: ChunkSpan[] = []
  let roomBytes = maxBytes
  for (const span of chunks.spansFrom(offset)) {
    if (span.endOffset <= offset) continue
    const isMostlySent =
      span.sizeBytes <= PARTIAL_CHUNK_BYTES_MAX || roomBytes * 2 >= span.sizeBytes
    if (wanted.length > 0 && (roomBytes <= 0 || !isMostlySent)) break
    wanted.push(span)
    roomBytes -= span.sizeBytes
  }
  return wanted
}
