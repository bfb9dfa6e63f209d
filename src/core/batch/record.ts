/**
 * One record in the records section of a batch:
 *
 *   length          varint   bytes that follow this field
 *   attributes      int8     0
 *   timestampDelta  varlong  from the batch's baseTimestamp
 *   offsetDelta     varint   from the batch's baseOffset
 *   keyLength       varint   -1: null;  key
 *   valueLength     varint   -1: null, a tombstone;  value
 *   headersCount    varint
 *     keyLength     varint   never null;  key, UTF-8
 *     valueLength   varint   -1: null;  value
 */
import type { ByteReader } from '../bytes/byte-reader.ts'
import type { ByteWriter } from '../bytes/byte-writer.ts'
import { DecodeError } from '../bytes/decode-error.ts'
import { utf8Length } from '../bytes/utf8-length.ts'
import { varintSizeBytes, varlongSizeBytes } from '../bytes/varint-size.ts'
import { RECORD_HEADERS_MAX } from '../limits.ts'

export interface RecordHeader {
  readonly key: string
  readonly value: Uint8Array | null
}

export interface LogRecord {
  readonly offset: number
  /** Milliseconds since 1970; -1: none. */
  readonly timestamp: number
  readonly key: Uint8Array | null
  /** `null` is a tombstone: compaction deletes the key. */
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
}

/** A record that has no offset yet. */
export type NewRecord = Omit<LogRecord, 'offset'>

/** The smallest record: seven fields of one byte. */
export const RECORD_BYTES_MIN = 7

/** Sizes of the largest varint and varlong, for an upper bound. */
const VARINT_BYTES_MAX = 5
const VARLONG_BYTES_MAX = 10

const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })

/** Writes one record. The caller has checked it. */
export function encodeRecord(
  writer: ByteWriter,
  record: NewRecord,
  timestampDelta: number,
  offsetDelta: number,
): void {
  const { key, value, headers } = record
  const bodyBytes =
    1 +
    varlongSizeBytes(timestampDelta) +
    varintSizeBytes(offsetDelta) +
    nullableSizeBytes(key) +
    nullableSizeBytes(value) +
    headersSizeBytes(headers)
  writer.reserve(VARINT_BYTES_MAX + bodyBytes)
  writer.varint(bodyBytes)
  writer.int8(0)
  writer.varlong(timestampDelta)
  writer.varint(offsetDelta)
  writeNullable(writer, key)
  writeNullable(writer, value)
  writer.varint(headers.length)
  for (const header of headers) {
    writer.varint(utf8Length(header.key))
    writer.utf8(header.key)
    writeNullable(writer, header.value)
  }
}

/** Returns an upper bound of the bytes that `encodeRecord` writes, for any deltas. */
export function recordSizeBytesMax(record: Omit<NewRecord, 'timestamp'>): number {
  return (
    3 * VARINT_BYTES_MAX +
    VARLONG_BYTES_MAX +
    nullableSizeBytes(record.key) +
    nullableSizeBytes(record.value) +
    headersSizeBytes(record.headers)
  )
}

/** Values of the batch that its records are relative to. */
interface RecordBase {
  readonly baseOffset: number
  readonly baseTimestamp: number
  /** The timestamp of all records, if the log assigned it. */
  readonly logAppendTime: number | null
}

/**
 * Reads one record. Its key, value and header values are views of the reader's bytes.
 *
 * @throws {DecodeError}
 */
export function decodeRecord(reader: ByteReader, base: RecordBase): LogRecord {
  const end = readRecordEnd(reader)
  reader.skip(1)
  const at = reader.position
  const timestamp = base.baseTimestamp + reader.varlong()
  if (!Number.isSafeInteger(timestamp)) throw new DecodeError(at, 'timestamp beyond 2^53 - 1')
  const offset = base.baseOffset + reader.varint()
  const key = readNullable(reader)
  const value = readNullable(reader)
  const headers = readHeaders(reader)
  if (reader.position !== end) throw new DecodeError(reader.position, wrongEnd(end))
  return { offset, timestamp: base.logAppendTime ?? timestamp, key, value, headers }
}

/** Reads the length of a record and returns the position of its end, which is within the bytes. */
export function readRecordEnd(reader: ByteReader): number {
  const at = reader.position
  const length = reader.varint()
  if (length < 0 || length > reader.remaining) {
    throw new DecodeError(at, `record of ${length} bytes, ${reader.remaining} are left`)
  }
  return reader.position + length
}

/** Reads a length for which -1 means null; other negative values are errors. */
export function readNullableLength(reader: ByteReader): number {
  const at = reader.position
  const length = reader.varint()
  if (length < -1) throw new DecodeError(at, `length ${length}`)
  return length
}

/** Reads the number of headers of a record. */
export function readHeadersCount(reader: ByteReader): number {
  const at = reader.position
  const count = reader.varint()
  if (count < 0 || count > RECORD_HEADERS_MAX) {
    throw new DecodeError(at, `${count} headers, at most ${RECORD_HEADERS_MAX} are allowed`)
  }
  return count
}

export function wrongEnd(end: number): string {
  return `by its length the record ends at ${end}`
}

const NO_HEADERS: readonly RecordHeader[] = Object.freeze([])

export function readHeaders(reader: ByteReader): readonly RecordHeader[] {
  const count = readHeadersCount(reader)
  if (count === 0) return NO_HEADERS
  const headers: RecordHeader[] = []
  for (let index = 0; index < count; index++) {
    const key = decoder.decode(reader.bytes(reader.varint()))
    headers.push({ key, value: readNullable(reader) })
  }
  return headers
}

export function readNullable(reader: ByteReader): Uint8Array | null {
  const length = readNullableLength(reader)
  return length === -1 ? null : reader.bytes(length)
}

function writeNullable(writer: ByteWriter, bytes: Uint8Array | null): void {
  if (bytes === null) {
    writer.varint(-1)
    return
  }
  writer.varint(bytes.length)
  writer.bytes(bytes)
}

function nullableSizeBytes(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintSizeBytes(bytes.length) + bytes.length
}

function headersSizeBytes(headers: readonly RecordHeader[]): number {
  let size = varintSizeBytes(headers.length)
  for (const header of headers) {
    const keyBytes = utf8Length(header.key)
    size += varintSizeBytes(keyBytes) + keyBytes + nullableSizeBytes(header.value)
  }
  return size
}
