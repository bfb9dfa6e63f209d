import { COMPRESSION_NAMES, type Codecs, type CompressionName } from '../compression/codec.ts'
import { EdgelogError } from '../errors.ts'
import {
  ATTRIBUTES_POSITION,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_END,
  BATCH_LENGTH_POSITION,
} from './header-layout.ts'
import { readBatchHeader, recordsBytes } from './record-batch.ts'
import { writeCrc } from './write-crc.ts'

/**
 * Compresses the records of one uncompressed batch. With `none` the batch itself is returned.
 *
 * @throws {EdgelogError} `invalid_record` if it is compressed already; the codec's errors.
 * @example
 * const batch = await compressBatch(builder.finish(), 'gzip', codecs)
 */
export async function compressBatch(
  batch: Uint8Array,
  compression: CompressionName,
  codecs: Codecs,
): Promise<Uint8Array> {
  if (compression === 'none') return batch
  const header = readBatchHeader(batch)
  if (header.compression !== 'none') {
    throw new EdgelogError(
      'invalid_record',
      `the batch is already compressed with ${header.compression}`,
    )
  }
  const records = await codecs[compression].compress(recordsBytes(batch, header))
  const compressed = new Uint8Array(BATCH_HEADER_BYTES + records.length)
  compressed.set(batch.subarray(0, BATCH_HEADER_BYTES))
  compressed.set(records, BATCH_HEADER_BYTES)
  const view = new DataView(compressed.buffer)
  view.setInt32(BATCH_LENGTH_POSITION, compressed.length - BATCH_LENGTH_END)
  view.setInt16(
    ATTRIBUTES_POSITION,
    view.getInt16(ATTRIBUTES_POSITION) | COMPRESSION_NAMES.indexOf(compression),
  )
  writeCrc(compressed)
  return compressed
}
