/**
 * The bytes of an update of a table in an internal topic:
 *
 *   form   int8                 0: new value; 1: old value; 2: both; 3: none
 *   both   newBytes unsigned varint;  new value;  old value
 *   else   the value that there is
 */
import { ByteReader } from '../bytes/byte-reader.ts'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { DecodeError } from '../bytes/decode-error.ts'
import type { Serde } from './serde.ts'
import type { Change } from './stream-record.ts'

const NEW = 0
const OLD = 1
const BOTH = 2
const NONE = 3

export function changeSerde<V>(value: Serde<V>): Serde<Change<V>> {
  return {
    name: `change(${value.name})`,
    serialize({ newValue, oldValue }) {
      const writer = new ByteWriter()
      const newBytes = newValue === null ? undefined : value.serialize(newValue)
      const oldBytes = oldValue === null ? undefined : value.serialize(oldValue)
      if (newBytes === undefined) writer.int8(oldBytes === undefined ? NONE : OLD)
      else writer.int8(oldBytes === undefined ? NEW : BOTH)
      if (newBytes !== undefined && oldBytes !== undefined) writer.unsignedVarint(newBytes.length)
      if (newBytes !== undefined) writer.bytes(newBytes)
      if (oldBytes !== undefined) writer.bytes(oldBytes)
      return writer.toBytes()
    },
    deserialize(bytes) {
      const reader = new ByteReader(bytes)
      const form = reader.int8()
      const next = (count = reader.remaining) => value.deserialize(reader.bytes(count))
      if (form === NEW) return { newValue: next(), oldValue: null }
      if (form === OLD) return { newValue: null, oldValue: next() }
      if (form === BOTH) return { newValue: next(reader.unsignedVarint()), oldValue: next() }
      if (form === NONE) return { newValue: null, oldValue: null }
      throw new DecodeError(0, `form ${form} of an update; this release has 0 to ${NONE}`)
    },
  }
}
