/** Decodes the records of a batch for a consumer, and checks them for a server. */
import { ByteReader } from '../bytes/byte-reader.ts'
import { DecodeError } from '../bytes/decode-error.ts'
import type { Decompressors } from '../compression/codec.ts'
import { assert, EdgelogError } from '../errors.ts'
import { DECOMPRESSED_BYTES_MAX } from '../limits.ts'
import { type BatchCheck, NO_TIMESTAMP } from './batch-check.ts'
import {
  decodeRecord,
  type LogRecord,
  RECORD_BYTES_MIN,
  readHeadersCount,
  readNullableLength,
  readRecordEnd,
  wrongEnd,
} from './record.ts'
import { type BatchHeader, recordsBytes, verifyCrc } from './record-batch.ts'

/**
 * Decodes the records of one batch. Keys and values are views; of `bytes`, if the batch is uncompressed.
 *
 * The CRC is not verified here. Offsets may have gaps, which compaction leaves.
 *
 * @throws {EdgelogError} `corrupt_message`; `message_too_large` if it decompresses to too much.
 * @example
 * for (const header of readBatchHeaders(bytes)) {
 *   const records = await decodeBatch(bytes, header, codecs)
 * }
 */
export async function decodeBatch(
  bytes: Uint8Array,
  header: BatchHeader,
  codecs: Decompressors,
): Promise<LogRecord[]> {
  const section = decompressedRecords(bytes, header, codecs)
  const records = section instanceof Promise ? await section : section
  return asCorrupt(header, () => decodeAll(records, header))
}

/**
 * Decodes the records of one uncompressed batch, as `decodeBatch` does.
 *
 * @throws {EdgelogError} `corrupt_message`.
 */
export function decodeUncompressed(bytes: Uint8Array, header: BatchHeader): LogRecord[] {
  assert(header.compression === 'none', 'the batch is not compressed')
  return asCorrupt(header, () => decodeAll(recordsBytes(bytes, header), header))
}

/**
 * Returns the result of `read` for the records of a valid batch. Each record is decoded when it is iterated;
 * `decodeBatch` holds all of them, which can take many times the bytes of the batch.
 *
 * @param header Header of a batch that `checkBatch` accepted.
 */
export async function readOneByOne<T>(
  bytes: Uint8Array,
  header: BatchHeader,
  codecs: Decompressors,
  read: (records: Iterable<LogRecord>) => T,
): Promise<T> {
  const section = decompressedRecords(bytes, header, codecs)
  const records = section instanceof Promise ? await section : section
  return read(decodeEach(records, header))
}

/**
 * Checks a producer's batch: the CRC, the header, and every record to its last byte.
 *
 * Builds no record, so that the check costs little more than the checksum. `baseOffset` may have any value.
 *
 * @throws {EdgelogError} `corrupt_message`, `invalid_record`, `invalid_timestamp`, `message_too_large`,
 * `unsupported_compression_type`.
 */
export async function checkBatch(
  bytes: Uint8Array,
  header: BatchHeader,
  codecs: Decompressors,
): Promise<BatchCheck> {
  verifyCrc(bytes, header)
  checkProducerHeader(header)
  const section = decompressedRecords(bytes, header, codecs)
  const records = section instanceof Promise ? await section : section
  return asCorrupt(header, () => walkRecords(records, header))
}

/**
 * Checks a batch that another log stored, as `checkBatch` does. It may have been compacted: then some of its offsets
 * have no record, or all of them.
 *
 * @throws {EdgelogError} as `checkBatch`.
 */
export async function checkStoredBatch(
  bytes: Uint8Array,
  header: BatchHeader,
  codecs: Decompressors,
): Promise<BatchCheck> {
  verifyCrc(bytes, header)
  if (header.isControl) refuse(header, 'control batches are not restored')
  const section = decompressedRecords(bytes, header, codecs)
  const records = section instanceof Promise ? await section : section
  return asCorrupt(header, () => walkRecords(records, header, 'holes'))
}

/**
 * Returns the records section of a batch, decompressed up to the limit; a promise only if the codec is
 * asynchronous. Otherwise the caller reads the section in the same turn: an `await` would cost more than a
 * small batch, and batches that are read concurrently would all be in memory before the first one is read.
 */
export function decompressedRecords(
  bytes: Uint8Array,
  header: BatchHeader,
  codecs: Decompressors,
): Uint8Array | Promise<Uint8Array> {
  const section = recordsBytes(bytes, header)
  const { compression } = header
  if (compression === 'none') return section
  try {
    const records = codecs[compression].decompress(section, DECOMPRESSED_BYTES_MAX)
    if (!(records instanceof Promise)) return checkDecompressed(records, compression)
    return records.then(
      (decompressed) => checkDecompressed(decompressed, compression),
      (cause) => {
        throw decompressionError(cause, compression)
      },
    )
  } catch (cause) {
    throw decompressionError(cause, compression)
  }
}

function decompressionError(cause: unknown, compression: keyof Decompressors): EdgelogError {
  if (cause instanceof EdgelogError) return cause
  const why = `${compression}: cannot be decompressed`
  return new EdgelogError('corrupt_message', why, { cause })
}

function checkDecompressed(records: Uint8Array, compression: keyof Decompressors): Uint8Array {
  if (records.length > DECOMPRESSED_BYTES_MAX) {
    throw new EdgelogError(
      'message_too_large',
      `${compression}: at most ${DECOMPRESSED_BYTES_MAX} bytes of records are allowed`,
    )
  }
  return records
}

/** Runs `work` and turns a `DecodeError` into the error of the whole batch. */
function asCorrupt<T>(header: BatchHeader, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause
    const where = `records of the batch at byte ${header.position}`
    throw new EdgelogError('corrupt_message', `${where}: ${cause.message}`, { cause })
  }
}

function decodeAll(section: Uint8Array, header: BatchHeader): LogRecord[] {
  checkRoom(section, header)
  const reader = new ByteReader(section)
  const { baseOffset, recordsCount } = header
  const base = recordBase(header)
  const lastOffset = baseOffset + header.lastOffsetDelta
  const records: LogRecord[] = []
  let previousOffset = baseOffset - 1
  for (let index = 0; index < recordsCount; index++) {
    const at = reader.position
    const record = decodeRecord(reader, base)
    if (record.offset <= previousOffset || record.offset > lastOffset) {
      throw new DecodeError(at, `offset ${record.offset} after ${previousOffset}`)
    }
    previousOffset = record.offset
    records.push(record)
  }
  checkEnd(reader)
  return records
}

/** Decodes records on demand, and stores none. */
function* decodeEach(section: Uint8Array, header: BatchHeader): Generator<LogRecord, void> {
  const reader = new ByteReader(section)
  const base = recordBase(header)
  for (let index = 0; index < header.recordsCount; index++) yield decodeRecord(reader, base)
}

function recordBase({ baseOffset, baseTimestamp, timestampType, maxTimestamp }: BatchHeader) {
  const logAppendTime = timestampType === 'LogAppendTime' ? maxTimestamp : null
  return { baseOffset, baseTimestamp, logAppendTime }
}

/** Checks that the count fits the bytes, so that no loop or array grows with an impossible count. */
function checkRoom(section: Uint8Array, header: BatchHeader): void {
  if (header.recordsCount * RECORD_BYTES_MIN > section.length) {
    throw new DecodeError(0, `${header.recordsCount} records in ${section.length} bytes`)
  }
}

function checkEnd(reader: ByteReader): void {
  if (reader.remaining > 0) {
    throw new DecodeError(reader.position, `${reader.remaining} bytes follow the last record`)
  }
}

/** Refuses header values that only the log may write, or that are invalid. */
function checkProducerHeader(header: BatchHeader): void {
  const { recordsCount, lastOffsetDelta } = header
  if (recordsCount === 0 || lastOffsetDelta + 1 !== recordsCount) {
    refuse(header, `${recordsCount} records with lastOffsetDelta ${lastOffsetDelta}`)
  }
  if (header.isControl) refuse(header, 'a producer may not write control batches')
  if (header.hasDeleteHorizon) refuse(header, 'a producer may not set a delete horizon')
  if (header.timestampType === 'LogAppendTime') {
    throw new EdgelogError(
      'invalid_timestamp',
      `batch at byte ${header.position}: a producer may not set LogAppendTime`,
    )
  }
  if (header.producerId < -1n) refuse(header, `producerId is ${header.producerId}`)
  if (header.producerId >= 0n && (header.producerEpoch < 0 || header.baseSequence < 0)) {
    refuse(header, 'a producerId needs a producerEpoch and a baseSequence of 0 or more')
  }
  if (header.isTransactional && header.producerId < 0n) {
    refuse(header, 'a transactional batch needs a producerId')
  }
}

function refuse(header: BatchHeader, why: string): never {
  throw new EdgelogError('invalid_record', `batch at byte ${header.position}: ${why}`)
}

function walkRecords(
  section: Uint8Array,
  header: BatchHeader,
  offsets: 'dense' | 'holes' = 'dense',
): BatchCheck {
  checkRoom(section, header)
  const reader = new ByteReader(section)
  let hasNullKey = false
  const { baseTimestamp, lastOffsetDelta } = header
  let nextDelta = 0
  let minTimestamp = Number.POSITIVE_INFINITY
  let maxTimestamp = Number.NEGATIVE_INFINITY
  for (let index = 0; index < header.recordsCount; index++) {
    const end = readRecordEnd(reader)
    reader.skip(1)
    const timestamp = baseTimestamp + reader.varlong()
    if (timestamp > maxTimestamp) maxTimestamp = timestamp
    if (timestamp < minTimestamp && timestamp !== NO_TIMESTAMP) minTimestamp = timestamp
    const at = reader.position
    const offsetDelta = reader.varint()
    const isNext = offsets === 'dense' ? offsetDelta === index : offsetDelta >= nextDelta
    if (!isNext || offsetDelta > lastOffsetDelta) {
      throw new DecodeError(at, `offsetDelta ${offsetDelta}, not ${nextDelta}`)
    }
    nextDelta = offsetDelta + 1
    if (skipNullable(reader)) hasNullKey = true
    skipNullable(reader)
    skipHeaders(reader)
    if (reader.position !== end) throw new DecodeError(reader.position, wrongEnd(end))
  }
  checkEnd(reader)
  if (minTimestamp === Number.POSITIVE_INFINITY) minTimestamp = NO_TIMESTAMP
  if (header.recordsCount === 0) maxTimestamp = NO_TIMESTAMP
  if (!Number.isSafeInteger(minTimestamp) || !Number.isSafeInteger(maxTimestamp)) {
    throw new DecodeError(0, 'timestamp beyond 2^53 - 1')
  }
  return { hasNullKey, minTimestamp, maxTimestamp }
}

/** Skips a nullable value; returns whether it was null. */
function skipNullable(reader: ByteReader): boolean {
  const length = readNullableLength(reader)
  if (length === -1) return true
  reader.skip(length)
  return false
}

function skipHeaders(reader: ByteReader): void {
  const count = readHeadersCount(reader)
  for (let index = 0; index < count; index++) {
    reader.skip(reader.varint())
    skipNullable(reader)
  }
}
