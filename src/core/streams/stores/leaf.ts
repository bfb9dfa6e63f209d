/**
 * A leaf: a run of adjacent keys of a store with their values, which is one row.
 *
 *   version      int8             1
 *   count        unsigned varint
 *     keyLength    unsigned varint;  key
 *     valueLength  unsigned varint;  value
 *
 * Keys are bytes. In memory a key is text with one character for each byte, because JavaScript compares and finds texts
 * quickly; the order of the texts is the order of the bytes.
 */
import { ByteReader } from '../../bytes/byte-reader.ts'
import { ByteWriter } from '../../bytes/byte-writer.ts'
import { DecodeError } from '../../bytes/decode-error.ts'
import { varintSizeBytes } from '../../bytes/varint-size.ts'
import { LEAF_BYTES_MAX } from '../limits.ts'

const LEAF_VERSION = 1
/** More arguments of one call could exceed the stack. */
const CALL_ARGUMENTS_MAX = 4_096

export interface StoredEntry {
  readonly key: string
  readonly bytes: Uint8Array
}

/** Returns the text for the bytes of a key. */
export function keyOfBytes(bytes: Uint8Array): string {
  if (bytes.length <= CALL_ARGUMENTS_MAX) return String.fromCharCode.apply(null, bytes as never)
  let key = ''
  for (let at = 0; at < bytes.length; at += CALL_ARGUMENTS_MAX) {
    key += keyOfBytes(bytes.subarray(at, at + CALL_ARGUMENTS_MAX))
  }
  return key
}

/** Returns the bytes of a key. */
export function bytesOfKey(key: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(key.length)
  for (let index = 0; index < key.length; index++) bytes[index] = key.charCodeAt(index)
  return bytes
}

export function encodeLeaf(entries: readonly StoredEntry[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(LEAF_BYTES_MAX)
  writer.int8(LEAF_VERSION)
  writer.unsignedVarint(entries.length)
  for (const { key, bytes } of entries) {
    writer.unsignedVarint(key.length)
    writer.latin1(key)
    writer.unsignedVarint(bytes.length)
    writer.bytes(bytes)
  }
  return writer.toBytes()
}

/** @throws {DecodeError} for a leaf of a later release, and for damaged bytes. */
export function decodeLeaf(leaf: Uint8Array): StoredEntry[] {
  const reader = new ByteReader(leaf)
  const version = reader.int8()
  if (version !== LEAF_VERSION) {
    throw new DecodeError(0, `a leaf of version ${version}; this release has ${LEAF_VERSION}`)
  }
  const count = reader.unsignedVarint()
  const entries: StoredEntry[] = []
  for (let index = 0; index < count; index++) {
    const key = keyOfBytes(reader.bytes(reader.unsignedVarint()))
    entries.push({ key, bytes: reader.bytes(reader.unsignedVarint()) })
  }
  return entries
}

/** Returns the bytes that an entry takes in a leaf. */
export function entrySizeBytes(keyLength: number, valueBytes: number): number {
  return varintSizeBytes(keyLength) + keyLength + varintSizeBytes(valueBytes) + valueBytes
}
