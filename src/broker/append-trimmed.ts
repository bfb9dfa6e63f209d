/**
 * Appends batches of which the log may have some records already: a producer that gathers its records
 * anew sends batches that begin within what it has sent before.
 *
 *     in the log:   0 ... 49
 *     sent now:     0 .................. 79
 *     appended:             50 ........ 79
 *
 * The partition decides, in one turn with the writing, and never waits; cutting waits for decompression.
 * So the partition says what is to be cut, and is asked again with the rest.
 */
import { batchBytes, readBatchHeader, readBatchHeaders } from '../core/batch/record-batch.ts'
import { EdgelogError } from '../core/errors.ts'
import {
  OVERLAP_TRIMS_MAX,
  REQUEST_BATCHES_MAX,
  REQUEST_BODY_BYTES_MAX,
  THROTTLE_MS,
} from '../core/limits.ts'
import { type BatchOverlap, gapError } from '../core/log/append.ts'
import { concatenate } from '../core/log/chunk.ts'
import type { AppendReply, OverlapReply } from '../core/log/partition-api.ts'
import { addToSequence, type StoredPiece } from '../core/log/producer-state.ts'
import { trimBatch } from '../core/log/trim-batch.ts'
import { requestCodecs } from './codecs.ts'

export interface AppendedBatches
  extends Pick<AppendReply, 'baseOffsets' | 'nextOffset' | 'logAppendTime'> {
  /** Where all records lie, in their order; only where some lie in other batches than they came in. */
  readonly pieces?: readonly StoredPiece[]
}

/** Some records of the batch with this index: they lie in the log, or are to be appended. */
type Part = StoredPart | NewPart

interface StoredPart {
  readonly index: number
  readonly stored: StoredPiece
}

interface NewPart {
  readonly index: number
  readonly bytes: Uint8Array
  readonly hasNullKey: boolean
}

/**
 * @param batches each of them sound, as `checkBatch` finds; what is cut from them is so too.
 * @param nullKeys whether a batch has a record without a key.
 * @param append one call of the partition.
 * @param batchBytesMax of the batches that are made here.
 * @throws {EdgelogError} `throttled` where other requests of the producer get ahead again and again;
 * `out_of_order_sequence_number` where there is no room for the rest of a batch without its compression,
 * so that the producer sends it alone; what `append` throws.
 */
export async function appendTrimmed(
  batches: Uint8Array,
  nullKeys: readonly boolean[],
  append: (batches: Uint8Array, hasNullKey: boolean) => Promise<AppendReply | OverlapReply>,
  batchBytesMax: () => Promise<number>,
): Promise<AppendedBatches> {
  let reply = await append(batches, nullKeys.includes(true))
  if (!('overlaps' in reply) && reply.pieces === undefined) {
    const { baseOffsets, nextOffset, logAppendTime } = reply
    return { baseOffsets, nextOffset, logAppendTime }
  }
  let parts: Part[] = readBatchHeaders(batches).map((header, index) => ({
    index,
    bytes: batchBytes(batches, header),
    hasNullKey: nullKeys[index] ?? false,
  }))
  for (let trims = 0; 'overlaps' in reply; trims++) {
    if (trims === OVERLAP_TRIMS_MAX) throw neverSettled()
    parts = await cut(parts, reply.overlaps, await batchBytesMax())
    const rest = parts.filter(isNew)
    const hasNullKey = rest.some((part) => part.hasNullKey)
    reply = await append(concatenate(rest.map(({ bytes }) => bytes)), hasNullKey)
  }
  return placed(parts, reply)
}

function isNew(part: Part): part is NewPart {
  return 'bytes' in part
}

/** What is left is no more than a request may be, though it lost its compression. */
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
    batchesLeft -= rest?.batches.length ?? 0
    if (rest === undefined || batchesLeft < 0) {
      throw gapError(header, addToSequence(header.baseSequence, recordsCount))
    }
    const { batches, hasNullKey } = rest
    for (const one of batches) bytesLeft -= one.length
    result.push(...pieces.map((stored) => ({ index, stored })))
    result.push(...batches.map((one) => ({ index, bytes: one, hasNullKey })))
  }
  return result
}

function placed(parts: readonly Part[], reply: AppendReply): AppendedBatches {
  const pieces: StoredPiece[] = []
  const baseOffsets: number[] = []
  let sent = 0
  for (const part of parts) {
    const own = isNew(part) ? piecesOf(part.bytes, reply, sent++) : [part.stored]
    baseOffsets[part.index] ??= own[0]?.baseOffset ?? -1
    pieces.push(...own)
  }
  const { nextOffset, logAppendTime } = reply
  return { baseOffsets, nextOffset, logAppendTime, pieces }
}

/** Where the records of one batch lie that was sent. */
function piecesOf(bytes: Uint8Array, reply: AppendReply, sent: number): readonly StoredPiece[] {
  const { recordsCount } = readBatchHeader(bytes)
  const baseOffset = reply.baseOffsets[sent] ?? -1
  return reply.pieces?.[sent] ?? [{ recordsCount, baseOffset }]
}

function neverSettled(): EdgelogError {
  return new EdgelogError('throttled', 'other requests of this producer got ahead of this one', {
    details: { retryAfterMs: THROTTLE_MS },
  })
}
