/**
 * Reads the header of Kafka's record batch v2, and makes the few changes that a log makes to it in
 * place. `header-layout.ts` has a drawing. The fields that the log assigns are outside the CRC, so
 * bytes are stored as the producer encoded them.
 */
import { crc32c } from '../bytes/crc32c.ts'
import { COMPRESSION_NAMES, type CompressionName } from '../compression/codec.ts'
import { EdgelogError } from '../errors.ts'
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX, OFFSET_MAX } from '../limits.ts'
import {
  ATTRIBUTE_COMPRESSION_MASK,
  ATTRIBUTE_CONTROL,
  ATTRIBUTE_DELETE_HORIZON,
  ATTRIBUTE_LOG_APPEND_TIME,
  ATTRIBUTE_TRANSACTIONAL,
  ATTRIBUTES_POSITION,
  BASE_OFFSET_POSITION,
  BASE_SEQUENCE_POSITION,
  BASE_TIMESTAMP_POSITION,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_END,
  BATCH_LENGTH_POSITION,
  CRC_POSITION,
  CRC_START,
  LAST_OFFSET_DELTA_POSITION,
  LEADER_EPOCH_POSITION,
  MAGIC,
  MAGIC_POSITION,
  MAX_TIMESTAMP_POSITION,
  PRODUCER_EPOCH_POSITION,
  PRODUCER_ID_POSITION,
  RECORDS_COUNT_POSITION,
} from './header-layout.ts'
import { writeCrc } from './write-crc.ts'

export interface BatchHeader {
  /** Start of the batch in the bytes. */
  readonly position: number
  /** Size of the whole batch, header included. */
  readonly sizeBytes: number
  readonly baseOffset: number
  readonly partitionLeaderEpoch: number
  readonly crc: number
  readonly compression: CompressionName
  readonly timestampType: 'CreateTime' | 'LogAppendTime'
  readonly isTransactional: boolean
  readonly isControl: boolean
  readonly hasDeleteHorizon: boolean
  readonly lastOffsetDelta: number
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  /** -1n: none. */
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordsCount: number
}

/**
 * Reads the header of the batch that begins at `position`. Guarantees that the batch lies within `bytes`; does
 * not check its CRC and its records.
 *
 * @throws {EdgelogError} `corrupt_message`, `invalid_record` (an older format, too many records),
 * `message_too_large`, `invalid_timestamp`, `unsupported_compression_type`.
 */
export function readBatchHeader(bytes: Uint8Array, position = 0): BatchHeader {
  const sizeBytes = readBatchSize(bytes, position)
  const view = new DataView(bytes.buffer, bytes.byteOffset + position, BATCH_HEADER_BYTES)
  const attributes = view.getInt16(ATTRIBUTES_POSITION)
  const compression = COMPRESSION_NAMES[attributes & ATTRIBUTE_COMPRESSION_MASK]
  if (compression === undefined) {
    const code = attributes & ATTRIBUTE_COMPRESSION_MASK
    throw new EdgelogError(
      'unsupported_compression_type',
      `batch at byte ${position}: compression type ${code} is not one of 0 to 4`,
    )
  }
  const header: BatchHeader = {
    position,
    sizeBytes,
    baseOffset: int64AsNumber(view, BASE_OFFSET_POSITION),
    partitionLeaderEpoch: view.getInt32(LEADER_EPOCH_POSITION),
    crc: view.getUint32(CRC_POSITION),
    compression,
    timestampType: attributes & ATTRIBUTE_LOG_APPEND_TIME ? 'LogAppendTime' : 'CreateTime',
    isTransactional: (attributes & ATTRIBUTE_TRANSACTIONAL) !== 0,
    isControl: (attributes & ATTRIBUTE_CONTROL) !== 0,
    hasDeleteHorizon: (attributes & ATTRIBUTE_DELETE_HORIZON) !== 0,
    lastOffsetDelta: view.getInt32(LAST_OFFSET_DELTA_POSITION),
    baseTimestamp: int64AsNumber(view, BASE_TIMESTAMP_POSITION),
    maxTimestamp: int64AsNumber(view, MAX_TIMESTAMP_POSITION),
    producerId: view.getBigInt64(PRODUCER_ID_POSITION),
    producerEpoch: view.getInt16(PRODUCER_EPOCH_POSITION),
    baseSequence: view.getInt32(BASE_SEQUENCE_POSITION),
    recordsCount: view.getInt32(RECORDS_COUNT_POSITION),
  }
  checkHeader(header)
  return header
}

/**
 * Reads the headers of consecutive batches, up to the last byte.
 *
 * @throws {EdgelogError} like `readBatchHeader`; `invalid_record` if there is no batch.
 */
export function readBatchHeaders(bytes: Uint8Array): BatchHeader[] {
  if (bytes.length === 0) throw new EdgelogError('invalid_record', 'no record batch was given')
  const headers: BatchHeader[] = []
  for (let position = 0; position < bytes.length; ) {
    const header = readBatchHeader(bytes, position)
    headers.push(header)
    position += header.sizeBytes
  }
  return headers
}

/** Writes the fields that the log assigns to the batch at `position`. Both are outside the CRC. */
export function assignOffset(
  bytes: Uint8Array,
  position: number,
  baseOffset: number,
  partitionLeaderEpoch: number,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + position, BATCH_HEADER_BYTES)
  view.setBigInt64(BASE_OFFSET_POSITION, BigInt(baseOffset))
  view.setInt32(LEADER_EPOCH_POSITION, partitionLeaderEpoch)
}

/** Corrects a wrong maximum timestamp in a producer's header, and updates the CRC. */
export function assignMaxTimestamp(
  bytes: Uint8Array,
  header: BatchHeader,
  maxTimestamp: number,
): void {
  const batch = batchBytes(bytes, header)
  new DataView(batch.buffer, batch.byteOffset).setBigInt64(
    MAX_TIMESTAMP_POSITION,
    BigInt(maxTimestamp),
  )
  writeCrc(batch)
}

/** Sets the timestamp of all records of the batch to the time of their append, and updates the CRC. */
export function assignLogAppendTime(
  bytes: Uint8Array,
  header: BatchHeader,
  timestamp: number,
): void {
  const batch = batchBytes(bytes, header)
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength)
  view.setInt16(ATTRIBUTES_POSITION, view.getInt16(ATTRIBUTES_POSITION) | ATTRIBUTE_LOG_APPEND_TIME)
  view.setBigInt64(MAX_TIMESTAMP_POSITION, BigInt(timestamp))
  writeCrc(batch)
}

/** Removes the producer from a batch, and with it the transaction, and updates the CRC. */
export function removeProducer(bytes: Uint8Array, header: BatchHeader): void {
  if (header.producerId === -1n && !header.isTransactional) return
  const batch = batchBytes(bytes, header)
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength)
  view.setInt16(ATTRIBUTES_POSITION, view.getInt16(ATTRIBUTES_POSITION) & ~ATTRIBUTE_TRANSACTIONAL)
  view.setBigInt64(PRODUCER_ID_POSITION, -1n)
  view.setInt16(PRODUCER_EPOCH_POSITION, -1)
  view.setInt32(BASE_SEQUENCE_POSITION, -1)
  writeCrc(batch)
}

/** Returns a batch without records, which covers offsets that have none. */
export function holeBatch(baseOffset: number, lastOffsetDelta: number): Uint8Array {
  const batch = new Uint8Array(BATCH_HEADER_BYTES)
  const view = new DataView(batch.buffer)
  view.setBigInt64(BASE_OFFSET_POSITION, BigInt(baseOffset))
  view.setInt32(BATCH_LENGTH_POSITION, BATCH_HEADER_BYTES - BATCH_LENGTH_END)
  view.setInt8(MAGIC_POSITION, MAGIC)
  view.setInt32(LAST_OFFSET_DELTA_POSITION, lastOffsetDelta)
  view.setBigInt64(BASE_TIMESTAMP_POSITION, -1n)
  view.setBigInt64(MAX_TIMESTAMP_POSITION, -1n)
  view.setBigInt64(PRODUCER_ID_POSITION, -1n)
  view.setInt16(PRODUCER_EPOCH_POSITION, -1)
  view.setInt32(BASE_SEQUENCE_POSITION, -1)
  writeCrc(batch)
  return batch
}

/**
 * Compares the batch with its checksum.
 *
 * @throws {EdgelogError} `corrupt_message`
 */
export function verifyCrc(bytes: Uint8Array, header: BatchHeader): void {
  const actual = crc32c(batchBytes(bytes, header).subarray(CRC_START))
  if (actual !== header.crc) {
    throw new EdgelogError(
      'corrupt_message',
      `batch at byte ${header.position}: the CRC is ${hex(actual)}, but the header has ${hex(header.crc)}`,
    )
  }
}

/** Returns one whole batch, as a view. */
export function batchBytes(bytes: Uint8Array, header: BatchHeader): Uint8Array {
  return bytes.subarray(header.position, header.position + header.sizeBytes)
}

/** Returns the records section of one batch, compressed or not, as a view. */
export function recordsBytes(bytes: Uint8Array, header: BatchHeader): Uint8Array {
  return bytes.subarray(header.position + BATCH_HEADER_BYTES, header.position + header.sizeBytes)
}

/** Checks the first 17 bytes: the format, and that the batch is complete. Returns the batch's size. */
function readBatchSize(bytes: Uint8Array, position: number): number {
  const at = `batch at byte ${position}`
  const remaining = bytes.length - position
  if (!(remaining > MAGIC_POSITION && position >= 0)) {
    throw new EdgelogError('corrupt_message', `${at}: cut short, ${remaining} bytes are left`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + position, remaining)
  const magic = view.getInt8(MAGIC_POSITION)
  if (magic !== MAGIC) {
    throw new EdgelogError('invalid_record', `${at}: magic must be ${MAGIC}, got ${magic}`)
  }
  const sizeBytes = view.getInt32(BATCH_LENGTH_POSITION) + BATCH_LENGTH_END
  if (sizeBytes < BATCH_HEADER_BYTES) {
    throw new EdgelogError('corrupt_message', `${at}: a batch of ${sizeBytes} bytes has no header`)
  }
  if (sizeBytes > remaining) {
    throw new EdgelogError(
      'corrupt_message',
      `${at}: cut short, its length is ${sizeBytes} bytes but ${remaining} are left`,
    )
  }
  if (sizeBytes > BATCH_BYTES_MAX) {
    throw new EdgelogError(
      'message_too_large',
      `${at}: at most ${BATCH_BYTES_MAX} bytes are allowed, got ${sizeBytes}`,
    )
  }
  return sizeBytes
}

function checkHeader(header: BatchHeader): void {
  const at = `batch at byte ${header.position}`
  const { baseOffset, lastOffsetDelta, recordsCount } = header
  if (baseOffset < 0 || lastOffsetDelta < 0 || baseOffset + lastOffsetDelta > OFFSET_MAX) {
    throw new EdgelogError(
      'corrupt_message',
      `${at}: offsets ${baseOffset} + ${lastOffsetDelta} lie outside 0 to 2^53 - 1`,
    )
  }
  if (recordsCount < 0) {
    throw new EdgelogError('corrupt_message', `${at}: recordsCount is ${recordsCount}`)
  }
  if (recordsCount > BATCH_RECORDS_MAX) {
    throw new EdgelogError(
      'invalid_record',
      `${at}: at most ${BATCH_RECORDS_MAX} records are allowed, got ${recordsCount}`,
    )
  }
  if (!Number.isSafeInteger(header.baseTimestamp) || !Number.isSafeInteger(header.maxTimestamp)) {
    throw new EdgelogError('invalid_timestamp', `${at}: a timestamp lies beyond 2^53 - 1`)
  }
}

/** Reads an int64. The result is exact if it is a safe integer, and an unsafe number otherwise. */
function int64AsNumber(view: DataView, position: number): number {
  return view.getInt32(position) * 0x1_0000_0000 + view.getUint32(position + 4)
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`
}
