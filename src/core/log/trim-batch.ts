/** Cuts off what the log has of a batch, so that the rest can be appended. */
import { BatchBuilder } from '../batch/batch-builder.ts'
import { type BatchCheck, checkOfRecords } from '../batch/batch-check.ts'
import { decodeBatch } from '../batch/decode-records.ts'
import type { BatchHeader } from '../batch/record-batch.ts'
import type { Codecs } from '../compression/codec.ts'
import { addToSequence } from './producer-state.ts'

const ENCODE_BUFFER_BYTES = 1024

export interface TrimOptions {
  /** Records to be cut off, fewer than there are. */
  readonly recordsCount: number
  /** Of one batch: without its compression, the rest may need several of them. */
  readonly batchBytesMax: number
  /** Of the whole rest. */
  readonly bytesMax: number
  readonly codecs: Codecs
}

export interface TrimmedBatch {
  readonly bytes: Uint8Array
  readonly check: BatchCheck
}

/**
 * The records of a producer's batch from `recordsCount` on, uncompressed, under the same producer and
 * epoch and with the sequences and times they had. Undefined where they take more than `bytesMax`, or one
 * of a compressed batch more than `batchBytesMax`: with their compression they may be welcome.
 *
 * @param header of a batch that `checkBatch` has found sound.
 */
export async function trimBatch(
  bytes: Uint8Array,
  header: BatchHeader,
  { recordsCount, batchBytesMax, bytesMax, codecs }: TrimOptions,
): Promise<TrimmedBatch[] | undefined> {
  const { producerId, producerEpoch } = header
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
    batches.push({ bytes: builder.finish({ producerId, producerEpoch, baseSequence }), check })
    baseSequence = nextSequence
  }
  for (const record of records) {
    const sizeBytesMax = BatchBuilder.recordSizeBytesMax(record)
    if (builder.recordsCount > 0 && builder.sizeBytes + sizeBytesMax > batchBytesMax) close()
    const sizeBytes = builder.sizeBytes + sizeBytesMax
    // One that came as it is would be refused without this batch too, and the log says so.
    if (header.compression !== 'none' && sizeBytes > batchBytesMax) return undefined
    if (closedBytes + sizeBytes > bytesMax) return undefined
    builder.append(record)
  }
  close()
  return batches
}
