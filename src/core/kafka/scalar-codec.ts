/** Reads and writes Kafka's simple types, and lengths in both encodings. */
import type { ByteReader } from '../bytes/byte-reader.ts'
import type { ByteWriter } from '../bytes/byte-writer.ts'
import { DecodeError } from '../bytes/decode-error.ts'
import { utf8Length } from '../bytes/utf8-length.ts'
import type { ScalarKind } from './field.ts'

export interface ScalarCodec {
  /** The smallest size of a value. */
  readonly minBytes: number
  read(reader: ByteReader): unknown
  /** @throws {Error} for a value that does not fit the type. */
  write(writer: ByteWriter, value: unknown): void
}

/**
 * The number of bytes or elements that follow; -1: null.
 *
 *   fixed      int16 (texts) or int32 (bytes, arrays)
 *   compact    uvarint of one more than the length
 */
export interface Lengths {
  readonly textMinBytes: number
  readonly longMinBytes: number
  readText(reader: ByteReader): number
  readLong(reader: ByteReader): number
  writeText(writer: ByteWriter, length: number): void
  writeLong(writer: ByteWriter, length: number): void
}

const readCompact = (reader: ByteReader): number => reader.unsignedVarint() - 1
const writeCompact = (writer: ByteWriter, length: number): void => writer.unsignedVarint(length + 1)

export const LENGTHS: { readonly fixed: Lengths; readonly compact: Lengths } = {
  fixed: {
    textMinBytes: 2,
    longMinBytes: 4,
    readText: (reader) => reader.int16(),
    readLong: (reader) => reader.int32(),
    writeText: (writer, length) => writer.int16(length),
    writeLong: (writer, length) => writer.int32(length),
  },
  compact: {
    textMinBytes: 1,
    longMinBytes: 1,
    readText: readCompact,
    readLong: readCompact,
    writeText: writeCompact,
    writeLong: writeCompact,
  },
}

/** Kafka's limit in both encodings: the range of an int16. */
const TEXT_BYTES_MAX = 0x7fff
const TWO_POW_32 = 0x1_0000_0000

const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })

/** Eight bytes, used as an int64 and as a float64. */
const scratch = new DataView(new ArrayBuffer(8))

export const SCALARS: { readonly [Kind in Exclude<ScalarKind, 'string' | 'bytes'>]: ScalarCodec } =
  {
    bool: {
      minBytes: 1,
      read: (reader) => reader.int8() !== 0,
      write(writer, value) {
        if (typeof value !== 'boolean') throw unfit('bool', value)
        writer.int8(value ? 1 : 0)
      },
    },
    int8: {
      minBytes: 1,
      read: (reader) => reader.int8(),
      write: (writer, value) => writer.int8(fitting('int8', 0x80, value)),
    },
    int16: {
      minBytes: 2,
      read: (reader) => reader.int16(),
      write: (writer, value) => writer.int16(fitting('int16', 0x8000, value)),
    },
    uint16: {
      minBytes: 2,
      read: (reader) => reader.int16() & 0xffff,
      write(writer, value) {
        const isFitting = Number.isInteger(value) && 0 <= Number(value) && Number(value) <= 0xffff
        if (!isFitting) throw unfit('uint16', value)
        writer.int16((Number(value) << 16) >> 16)
      },
    },
    int32: {
      minBytes: 4,
      read: (reader) => reader.int32(),
      write: (writer, value) => writer.int32(fitting('int32', 0x8000_0000, value)),
    },
    int64: {
      minBytes: 8,
      read: (reader) => reader.int64(),
      write(writer, value) {
        if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) {
          throw unfit('int64', value)
        }
        writer.int64(value)
      },
    },
    long: {
      minBytes: 8,
      read: readLong,
      write(writer, value) {
        if (!Number.isSafeInteger(value)) throw unfit('long', value)
        writer.int64AsNumber(value as number)
      },
    },
    float64: {
      minBytes: 8,
      read(reader) {
        scratch.setBigInt64(0, reader.int64())
        return scratch.getFloat64(0)
      },
      write(writer, value) {
        if (typeof value !== 'number') throw unfit('float64', value)
        scratch.setFloat64(0, value)
        writer.int64(scratch.getBigInt64(0))
      },
    },
    uuid: { minBytes: 16, read: readUuid, write: writeUuid },
  }

export function texts(lengths: Lengths, isNullable: boolean): ScalarCodec {
  return {
    minBytes: lengths.textMinBytes,
    read(reader) {
      const at = reader.position
      const length = lengths.readText(reader)
      if (length < 0) return nullOr(isNullable, at)
      if (length > TEXT_BYTES_MAX) throw new DecodeError(at, `a text of ${length} bytes`)
      return length === 0 ? '' : decoder.decode(reader.bytes(length))
    },
    write(writer, value) {
      if (value === null) return lengths.writeText(writer, nullLength(isNullable))
      if (typeof value !== 'string') throw unfit('text', value)
      const length = utf8Length(value)
      if (length > TEXT_BYTES_MAX) throw new Error(`a text of ${length} bytes cannot be written`)
      lengths.writeText(writer, length)
      writer.utf8(value)
    },
  }
}

export function rawBytes(lengths: Lengths, isNullable: boolean): ScalarCodec {
  return {
    minBytes: lengths.longMinBytes,
    read(reader) {
      const at = reader.position
      const length = lengths.readLong(reader)
      return length < 0 ? nullOr(isNullable, at) : reader.bytes(length)
    },
    write(writer, value) {
      if (value === null) return lengths.writeLong(writer, nullLength(isNullable))
      if (!(value instanceof Uint8Array)) throw unfit('bytes', value)
      lengths.writeLong(writer, value.length)
      writer.bytes(value)
    },
  }
}

/** Returns null for a negative length, if null is allowed. */
export function nullOr(isNullable: boolean, at: number): null {
  if (!isNullable) throw new DecodeError(at, 'null where it is not allowed')
  return null
}

export function nullLength(isNullable: boolean): number {
  if (!isNullable) throw new Error('null where the version does not allow it')
  return -1
}

/** Returns an integer from -bound to bound - 1. */
function fitting(type: string, bound: number, value: unknown): number {
  if (!Number.isInteger(value)) throw unfit(type, value)
  const number = value as number
  if (number < -bound || number >= bound) throw unfit(type, value)
  return number
}

function unfit(type: string, value: unknown): Error {
  return new Error(`not a value of type ${type}: ${String(value)}`)
}

/** Reads the nearest safe integer: Kafka's clients send 2^63 - 1 for "unlimited". */
function readLong(reader: ByteReader): number {
  const high = reader.int32()
  const value = high * TWO_POW_32 + reader.uint32()
  if (Number.isSafeInteger(value)) return value
  return high < 0 ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** Positions of the 16 bytes that are preceded by a dash. */
const DASHED = new Set([4, 6, 8, 10])

function readUuid(reader: ByteReader): string {
  const bytes = reader.bytes(16)
  let text = ''
  for (let index = 0; index < 16; index++) {
    if (DASHED.has(index)) text += '-'
    text += HEX[bytes[index] as number]
  }
  return text
}

function writeUuid(writer: ByteWriter, value: unknown): void {
  if (typeof value !== 'string' || !UUID.test(value)) throw unfit('uuid', value)
  const digits = value.replaceAll('-', '')
  for (let at = 0; at < 32; at += 8) writer.uint32(Number.parseInt(digits.slice(at, at + 8), 16))
}
