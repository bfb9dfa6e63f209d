/** Cuts off the records of a batch that are already in the log, so that the rest can be appended. */
import { BatchBuilder } from '../batch/batch-builder.ts'
import { type BatchCheck, checkOfRecords } from '../batch/batch-check.ts'
import { decodeBatch } from '../batch/decode-records.ts'
import type { BatchHeader } from '../batch/record-batch.ts'
import type { Codecs } from '../compression/codec.ts'
import { addToSequence } from './producer-state.ts'

const ENCODE_BUFFER_BYTES = 1024

export interface TrimOptions {
  /** How many records to cut off; fewer than the batch has. */
  readonly recordsCount: number
  /** Limit for each batch. Without compression the remaining records may need several batches. */
  readonly batchBytesMax: number
  /** Limit for all remaining batches together. */
  readonly bytesMax: number
  readonly codecs: Codecs
}

export interface TrimmedBatch {
  readonly bytes: Uint8Array
  readonly check: BatchCheck
}

/**
 * Returns the records of a producer's batch from `recordsCount` on, uncompressed, under the same producer and
 * epoch and with their sequences and timestamps. Returns undefined if they exceed `bytesMax`, or if a record of
 * a compressed batch exceeds `batchBytesMax`: with their compression they may be accepted.
 *
 * @param header Header of a batch that `checkBatch` accepted.
 */
export async function trimBatch(
  bytes: Uint8Array,
  header: BatchHeader,
  { recordsCount, batchBytesMax, bytesMax, codecs }: TrimOptions,
): Promise<TrimmedBatch[] | undefined> {
  const { producerId, producerEpoch, isTransactional } = header
  const records = (await decodeBatch(bytes, header, codecs)).slice(recordsCount)
  const builder = new BatchBuilder(ENCODE_BUFFER_BYTES)
  const batches: TrimmedBatch[] = []
  let closedBytes = 0
  let closedRecords = 0
  let baseSequence = addToSequence(header.baseSequence, recordsCount)
  const close = () => {
    const nextSequence = addToSequence(baseSequence, builder.recordsCount)
    const end = closedRecords + builder.recordsCount
    const check = checkOfRecords(records.slice(closedRecords, end))
    closedBytes += builder.sizeBytes
    closedRecords = end
    batches.push({
      bytes: builder.finish({ producerId, producerEpoch, baseSequence, isTransactional }),
      check,
    })
    baseSequence = nextSequence
  }
  for (const record of records) {
    const sizeBytesMax = BatchBuilder.recordSizeBytesMax(record)
    if (builder.recordsCount > 0 && builder.sizeBytes + sizeBytesMax > batchBytesMax) close()
    const sizeBytes = builder.sizeBytes + sizeBytesMax
    // An uncompressed record of this size would be refused in its own batch
    // too, and the log returns that error.
    if (header.compression !== 'none' && sizeBytes > batchBytesMax) return undefined
    if (closedBytes + sizeBytes > bytesMax) return undefined
    builder.append(record)
  }
  close()
  return batches
}
