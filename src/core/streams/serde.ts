/**
 * Serializers and deserializers: how the keys and values of a topology become bytes. The bytes are those of Kafka's
 * own serdes, so other clients read the topics.
 */
import { DecodeError } from '../bytes/decode-error.ts'
import {
  readFloat64,
  readInt32,
  readInt64,
  writeFloat64,
  writeInt32,
  writeInt64,
} from '../bytes/fixed-width.ts'
import { decodeText, encodeText } from '../bytes/short-text.ts'
import { EdgelogError } from '../errors.ts'
import { shownValue } from '../shown-value.ts'

/**
 * Converts values of one type to bytes and back. `deserialize(serialize(value))` equals `value`. Both throw for a
 * value, or bytes, that they do not accept. A `null` is never converted: it stands for a missing key or a tombstone.
 */
export interface Serde<T> {
  /** Names the format in descriptions of a topology. Stored state with another name is not read. */
  readonly name: string
  serialize(value: T): Uint8Array
  deserialize(bytes: Uint8Array): T
}

/** Text as UTF-8: Kafka's String serde. */
export const text: Serde<string> = {
  name: 'text',
  serialize(value) {
    if (typeof value !== 'string') throw wrongType('text', value)
    return encodeText(value)
  },
  deserialize: decodeText,
}

/** Bytes as they are. */
export const bytes: Serde<Uint8Array> = {
  name: 'bytes',
  serialize(value) {
    if (!(value instanceof Uint8Array)) throw wrongType('bytes', value)
    return value
  },
  deserialize: (value) => value.slice(),
}

/**
 * Returns the serde of JSON documents.
 *
 * @example
 * const clicks = json<{ user: string; page: string }>()
 */
export function json<T>(): Serde<T> {
  return JSON_SERDE as Serde<T>
}

const JSON_SERDE: Serde<unknown> = {
  name: 'json',
  serialize(value) {
    const document = JSON.stringify(value)
    if (document === undefined) throw wrongType('json', value)
    return encodeText(document)
  },
  deserialize: (value) => JSON.parse(decodeText(value)),
}

/** Whole numbers of 32 bits, big-endian: Kafka's Integer serde. */
export const int32: Serde<number> = {
  name: 'int32',
  serialize(value) {
    if (!Number.isInteger(value) || value !== (value | 0)) throw wrongType('int32', value)
    const target = new Uint8Array(4)
    writeInt32(target, 0, value)
    return target
  },
  deserialize(value) {
    checkSize('int32', value, 4)
    return readInt32(value, 0)
  },
}

/** Safe whole numbers as 64 bits, big-endian: Kafka's Long serde. Numbers beyond 2^53 - 1 are refused. */
export const int64: Serde<number> = {
  name: 'int64',
  serialize(value) {
    if (!Number.isSafeInteger(value)) throw wrongType('int64', value)
    const target = new Uint8Array(8)
    writeInt64(target, 0, value)
    return target
  },
  deserialize(value) {
    checkSize('int64', value, 8)
    const number = readInt64(value, 0)
    if (!Number.isSafeInteger(number)) throw new DecodeError(0, 'int64 beyond 2^53 - 1')
    return number
  },
}

/** Floating-point numbers of 64 bits, big-endian: Kafka's Double serde. */
export const float64: Serde<number> = {
  name: 'float64',
  serialize(value) {
    if (typeof value !== 'number') throw wrongType('float64', value)
    const target = new Uint8Array(8)
    writeFloat64(target, 0, value)
    return target
  },
  deserialize(value) {
    checkSize('float64', value, 8)
    return readFloat64(value, 0)
  },
}

function checkSize(name: string, value: Uint8Array, sizeBytes: number): void {
  if (value.length !== sizeBytes) {
    throw new DecodeError(0, `${name} has ${sizeBytes} bytes, got ${value.length}`)
  }
}

function wrongType(name: string, value: unknown): EdgelogError {
  return new EdgelogError(
    'invalid_record',
    `${name}: ${shownValue(value)} cannot be serialized; choose a serde that fits the values`,
  )
}
