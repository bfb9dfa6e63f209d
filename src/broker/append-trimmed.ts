/**
 * Appends batches of which the log may already have some records: a producer that regroups its records after a restart
 * sends batches that begin within what it has sent before.
 *
 *     in the log:   0 ... 49
 *     sent now:     0 .................. 79
 *     appended:             50 ........ 79
 *
 * The partition decides in the turn that writes, and never awaits; trimming must await decompression. So the partition
 * returns what is to be trimmed, and is called again with the rest.
 */
import type { BatchCheck } from '../core/batch/batch-check.ts'
import { batchBytes, readBatchHeader, readBatchHeaders } from '../core/batch/record-batch.ts'
import { concatenate } from '../core/bytes/concatenate.ts'
import { EdgelogError } from '../core/errors.ts'
import {
  OVERLAP_TRIMS_MAX,
  REQUEST_BATCHES_MAX,
  REQUEST_BODY_BYTES_MAX,
  THROTTLE_MS,
} from '../core/limits.ts'
import { type BatchOverlap, gapError } from '../core/log/append.ts'
import type { AppendResult, OverlapResult } from '../core/log/partition-api.ts'
import { addToSequence, type StoredPiece } from '../core/log/producer-state.ts'
import { trimBatch } from '../core/log/trim-batch.ts'
import { requestCodecs } from './codecs.ts'
import { withErrorsOfBatches } from './record-errors.ts'

export interface AppendedBatches
  extends Pick<AppendResult, 'baseOffsets' | 'nextOffset' | 'logAppendTime' | 'logStartOffset'> {
  /**
   * The stored positions of all records, in order; only set if some lie in other batches than those they were sent in.
   */
  readonly pieces?: readonly StoredPiece[]
}

/** Calls the partition once. */
export type Append = (
  batches: Uint8Array,
  checks: readonly BatchCheck[],
) => Promise<AppendResult | OverlapResult>

/** Some records of the batch with this index: already stored, or still to be appended. */
type Part = StoredPart | NewPart

interface StoredPart {
  readonly index: number
  readonly stored: StoredPiece
}

interface NewPart {
  readonly index: number
  readonly bytes: Uint8Array
  readonly check: BatchCheck
}

/**
 * Appends the batches, and trims them while the partition reports overlaps.
 *
 * @param batches valid by `checkBatch`; the trimmed ones are valid too.
 * @param checks one for each batch.
 * @param batchBytesMax returns the limit for the batches that are made here.
 * @throws {EdgelogError} `throttled` if other requests of the producer keep overtaking this one;
 * `out_of_order_sequence_number` if the rest of a batch does not fit without its compression, so that the producer
 * sends it alone; errors of `append`; if the topic rejects records, an error that names them.
 */
export async function appendTrimmed(
  batches: Uint8Array,
  checks: readonly BatchCheck[],
  append: Append,
  batchBytesMax: () => Promise<number>,
): Promise<AppendedBatches> {
  let resultOf = await append(batches, checks).catch(async (error: unknown) => {
    throw await withErrorsOfBatches(error, batches)
  })
  if (!('overlaps' in resultOf) && resultOf.pieces === undefined) {
    const { baseOffsets, nextOffset, logAppendTime, logStartOffset } = resultOf
    return { baseOffsets, nextOffset, logAppendTime, logStartOffset }
  }
  let parts: Part[] = readBatchHeaders(batches).map((header, index) => ({
    index,
    bytes: batchBytes(batches, header),
    check: checks[index] as BatchCheck,
  }))
  for (let trims = 0; 'overlaps' in resultOf; trims++) {
    if (trims === OVERLAP_TRIMS_MAX) throw neverSettled()
    parts = await cut(parts, resultOf.overlaps, await batchBytesMax())
    resultOf = await appendRest(parts, append)
  }
  return placed(parts, resultOf)
}

async function appendRest(
  parts: readonly Part[],
  append: Append,
): Promise<AppendResult | OverlapResult> {
  const rest = parts.filter(isNew)
  const batches = concatenate(rest.map(({ bytes }) => bytes))
  const checks = rest.map(({ check }) => check)
  return await append(batches, checks).catch(async (error: unknown) => {
    throw await withErrorsOfBatches(error, batches, firstIndexesOf(parts))
  })
}

/** Returns the index in the request of the first record of each new part: the parts are all its records, in order. */
function firstIndexesOf(parts: readonly Part[]): number[] {
  const indexes: number[] = []
  let next = 0
  for (const part of parts) {
    if (isNew(part)) indexes.push(next)
    next += isNew(part) ? readBatchHeader(part.bytes).recordsCount : part.stored.recordsCount
  }
  return indexes
}

function isNew(part: Part): part is NewPart {
  return 'bytes' in part
}

/** Trims the parts. The rest stays within the limits of a request, although it is no longer compressed. */
async function cut(
  parts: readonly Part[],
  overlaps: readonly BatchOverlap[],
  batchBytesMax: number,
): Promise<Part[]> {
  const codecs = requestCodecs()
  const byBatch = new Map(overlaps.map(({ index, pieces }) => [index, pieces]))
  const result: Part[] = []
  let sent = 0
  let batchesLeft = REQUEST_BATCHES_MAX
  let bytesLeft = REQUEST_BODY_BYTES_MAX
  for (const [index, { bytes }] of parts.filter(isNew).entries()) {
    if (!byBatch.has(index)) bytesLeft -= bytes.length
  }
  for (const part of parts) {
    const pieces = isNew(part) ? byBatch.get(sent++) : undefined
    if (pieces === undefined || !isNew(part)) {
      result.push(part)
      continue
    }
    const { index, bytes } = part
    const header = readBatchHeader(bytes)
    const recordsCount = pieces.reduce((sum, piece) => sum + piece.recordsCount, 0)
    const options = { recordsCount, batchBytesMax, bytesMax: bytesLeft, codecs }
    const rest = await trimBatch(bytes, header, options)
    batchesLeft -= rest?.length ?? 0
    if (rest === undefined || batchesLeft < 0) {
      throw gapError(header, addToSequence(header.baseSequence, recordsCount))
    }
    for (const one of rest) bytesLeft -= one.bytes.length
    result.push(...pieces.map((stored) => ({ index, stored })))
    result.push(...rest.map((one) => ({ index, ...one })))
  }
  return result
}

function placed(parts: readonly Part[], resultOf: AppendResult): AppendedBatches {
  const pieces: StoredPiece[] = []
  const baseOffsets: number[] = []
  let sent = 0
  for (const part of parts) {
    const own = isNew(part) ? piecesOf(part.bytes, resultOf, sent++) : [part.stored]
    baseOffsets[part.index] ??= own[0]?.baseOffset ?? -1
    pieces.push(...own)
  }
  const { nextOffset, logAppendTime, logStartOffset } = resultOf
  return { baseOffsets, nextOffset, logAppendTime, logStartOffset, pieces }
}

/** Returns the stored positions of the records of one sent batch. */
function piecesOf(bytes: Uint8Array, resultOf: AppendResult, sent: number): readonly StoredPiece[] {
  const { recordsCount } = readBatchHeader(bytes)
  const baseOffset = resultOf.baseOffsets[sent] ?? -1
  return resultOf.pieces?.[sent] ?? [{ recordsCount, baseOffset }]
}

function neverSettled(): EdgelogError {
  return new EdgelogError('throttled', 'other requests of this producer got ahead of this one', {
    details: { retryAfterMs: THROTTLE_MS },
  })
}
