/**
 * The messages of a foreign-key join, in its two internal topics:
 *
 *   both           version int8;  flags int8;  hash 8 bytes if flag HAS_HASH;  partition unsigned varint
 *   registration   then the primary key
 *   response       then the right row, if flag HAS_ROW
 *
 * The hash is that of the left row. A response whose hash is not that of the current left row is late, and is dropped.
 */
import { ByteReader } from '../bytes/byte-reader.ts'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { crc32c } from '../bytes/crc32c.ts'
import { DecodeError } from '../bytes/decode-error.ts'
import { murmur2 } from '../bytes/murmur2.ts'
import type { Serde } from './serde.ts'

interface ForeignKeyMessage {
  /** Null: the left row is deleted. */
  readonly hash: Uint8Array | null
  /** Partition of the task that has the left row: its key may not show it. */
  readonly partition: number
}

/** A left row refers to a right one, or does no longer. */
export interface Registration<K = unknown> extends ForeignKeyMessage {
  readonly primaryKey: K
  readonly isDeleted: boolean
  /** The response: none, one if there is a right row, or one in any case. */
  readonly responds: 'never' | 'if-found' | 'always'
}

/** The right row for a left one; null: there is none. */
export interface ForeignKeyResponse<V = unknown> extends ForeignKeyMessage {
  readonly row: V | null
}

const VERSION = 1
const HASH_BYTES = 8
const HAS_HASH = 1
const IS_DELETED = 2
const RESPONDS_IF_FOUND = 4
const RESPONDS_ALWAYS = 8
const HAS_ROW = 2

/** Returns the hash of a left row. */
export function rowHash(bytes: Uint8Array): Uint8Array {
  const hash = new Uint8Array(HASH_BYTES)
  const view = new DataView(hash.buffer)
  view.setInt32(0, murmur2(bytes))
  view.setUint32(4, crc32c(bytes))
  return hash
}

/** Returns whether a response belongs to a left row. */
export function isSameHash(one: Uint8Array | null, other: Uint8Array | null): boolean {
  if (one === null || other === null) return one === other
  return one.every((byte, index) => byte === other[index])
}

export function registrationSerde<K>(key: Serde<K>): Serde<Registration<K>> {
  return {
    name: `registration(${key.name})`,
    serialize(message) {
      const { isDeleted, responds, primaryKey } = message
      const response =
        responds === 'always' ? RESPONDS_ALWAYS : responds === 'if-found' ? RESPONDS_IF_FOUND : 0
      const flags = (isDeleted ? IS_DELETED : 0) | response
      return encode(message, flags, key.serialize(primaryKey))
    },
    deserialize(bytes) {
      const { message, flags, rest } = decode(bytes)
      const responds =
        (flags & RESPONDS_ALWAYS) !== 0
          ? 'always'
          : (flags & RESPONDS_IF_FOUND) !== 0
            ? 'if-found'
            : 'never'
      const isDeleted = (flags & IS_DELETED) !== 0
      return { ...message, isDeleted, responds, primaryKey: key.deserialize(rest) }
    },
  }
}

export function responseSerde<V>(value: Serde<V>): Serde<ForeignKeyResponse<V>> {
  return {
    name: `response(${value.name})`,
    serialize(message) {
      const { row } = message
      const bytes = row === null ? new Uint8Array() : value.serialize(row)
      return encode(message, row === null ? 0 : HAS_ROW, bytes)
    },
    deserialize(bytes) {
      const { message, flags, rest } = decode(bytes)
      return { ...message, row: (flags & HAS_ROW) === 0 ? null : value.deserialize(rest) }
    },
  }
}

/** A subscription is stored as a response without a row. */
export const subscriptionSerde: Serde<ForeignKeyMessage> = {
  name: 'subscription',
  serialize: (message) => encode(message, 0, new Uint8Array()),
  deserialize: (bytes) => decode(bytes).message,
}

function encode({ hash, partition }: ForeignKeyMessage, flags: number, rest: Uint8Array) {
  const writer = new ByteWriter()
  writer.int8(VERSION)
  writer.int8(flags | (hash === null ? 0 : HAS_HASH))
  if (hash !== null) writer.bytes(hash)
  writer.unsignedVarint(partition)
  writer.bytes(rest)
  return writer.toBytes()
}

function decode(bytes: Uint8Array) {
  const reader = new ByteReader(bytes)
  const version = reader.int8()
  if (version !== VERSION) {
    throw new DecodeError(0, `a message of version ${version}; this release has ${VERSION}`)
  }
  const flags = reader.int8()
  const hash = (flags & HAS_HASH) === 0 ? null : reader.bytes(HASH_BYTES).slice()
  const message: ForeignKeyMessage = { hash, partition: reader.unsignedVarint() }
  return { message, flags, rest: reader.bytes(reader.remaining) }
}
