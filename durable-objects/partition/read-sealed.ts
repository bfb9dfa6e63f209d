/** Reads whole sealed chunks: see `src/core/log/sealed.ts`. */
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import { ABORTED_TRANSACTIONS_MAX } from '../../src/core/limits.ts'
import type { ChunkSpan } from '../../src/core/log/chunk.ts'
import type { LogEnds } from '../../src/core/log/log-ends.ts'
import type { SealedChunk } from '../../src/core/log/partition-api.ts'
import { isSealed, notSealed } from '../../src/core/log/sealed.ts'
import { visibleBatches } from '../../src/core/log/visible-batches.ts'
import type { LogWriter } from './log-writer.ts'
import type { LogSlice } from './read-slice.ts'

export type SealedRows = Pick<LogWriter, 'chunks' | 'transactions' | 'checkpoint' | 'ends'>

/**
 * Returns the chunk that holds `offset`.
 *
 * @param mayHaveHoles true if compaction may have removed whole chunks: the next one then covers the hole before it
 * @throws {EdgelogError} `not_sealed`, `offset_out_of_range`.
 */
export function readSealed(
  { chunks, transactions, checkpoint, ends }: SealedRows,
  offset: number,
  mayHaveHoles: boolean,
): Pick<SealedChunk, 'from' | 'to' | 'batches'> {
  checkStart(offset, ends)
  const span = chunkWith(chunks.spansFrom(offset), offset)
  const isThere =
    span !== undefined &&
    (span.baseOffset <= offset || mayHaveHoles) &&
    isSealed(span, checkpoint.sealedOffset, ends)
  if (!isThere) throw notSealed(offset)
  const { baseOffset, endOffset: to } = span
  const stored = concatenate(chunks.between(baseOffset, baseOffset).map(({ bytes }) => bytes))
  const from = Math.min(baseOffset, offset)
  if (!checkpoint.hasTransactions) return { from, to, batches: stored }
  const aborted = transactions.abortedBetween(baseOffset, to)
  // The list may be incomplete then, and must not be applied.
  if (aborted.length > ABORTED_TRANSACTIONS_MAX) throw notSealed(offset)
  return { from, to, batches: concatenate(visibleBatches(stored, aborted)) }
}

/** Returns the base offset of the sealed chunk in which a read began; undefined if there is none. */
export function sealedOffsetOf(
  { checkpoint: { sealedOffset }, ends }: Pick<SealedRows, 'checkpoint' | 'ends'>,
  { from, firstChunk }: Pick<LogSlice, 'from' | 'firstChunk'>,
): number | undefined {
  // Without records at its first offset, a read begins with the chunk before.
  const holdsFrom = firstChunk !== undefined && firstChunk.endOffset > from
  return holdsFrom && isSealed(firstChunk, sealedOffset, ends) ? firstChunk.baseOffset : undefined
}

function chunkWith(spans: Iterable<ChunkSpan>, offset: number): ChunkSpan | undefined {
  for (const span of spans) if (span.endOffset > offset) return span
  return undefined
}

function checkStart(offset: number, { logStartOffset, highWatermark }: LogEnds): void {
  if (offset >= logStartOffset) return
  throw new EdgelogError(
    'offset_out_of_range',
    `offset: ${offset} is not within ${logStartOffset} to ${highWatermark}`,
    { details: { logStartOffset, highWatermark } },
  )
}
