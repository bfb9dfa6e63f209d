/** Cuts off what the log has of a batch, so that the rest can be appended. */
import { BatchBuilder } from '../batch/batch-builder.ts'
import type { Codecs } from '../batch/compression/codec.ts'
import { decodeBatch } from '../batch/decode-records.ts'
import type { BatchHeader } from '../batch/record-batch.ts'
import { addToSequence } from './producer-state.ts'

const ENCODE_BUFFER_BYTES = 1024

export interface TrimOptions {
  /** Records to be cut off, fewer than there are. */
  readonly recordsCount: number
  /** Of one batch: without its compression, the rest may need several of them. */
  readonly batchBytesMax: number
  readonly codecs: Codecs
}

/**
 * The records of a producer's batch from `recordsCount` on, uncompressed, under the same producer and
 * epoch and with the sequences and times they had.
 *
 * @param header of a batch that `checkBatch` has found sound.
 * @throws {EdgelogError} `message_too_large` for a record that fits no batch without compression.
 */
export async function trimBatch(
  bytes: Uint8Array,
  header: BatchHeader,
  { recordsCount, batchBytesMax, codecs }: TrimOptions,
): Promise<Uint8Array[]> {
  const { producerId, producerEpoch } = header
  const builder = new BatchBuilder(ENCODE_BUFFER_BYTES)
  const parts: Uint8Array[] = []
  let baseSequence = addToSequence(header.baseSequence, recordsCount)
  const close = () => {
    const nextSequence = addToSequence(baseSequence, builder.recordsCount)
    parts.push(builder.finish({ producerId, producerEpoch, baseSequence }))
    baseSequence = nextSequence
  }
  for (const record of (await decodeBatch(bytes, header, codecs)).slice(recordsCount)) {
    const sizeBytes = builder.sizeBytes + BatchBuilder.recordSizeBytesMax(record)
    if (builder.recordsCount > 0 && sizeBytes > batchBytesMax) close()
    builder.append(record)
  }
  close()
  return parts
}
