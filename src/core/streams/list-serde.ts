/** Several values as one: count as unsigned varint, then for each its size as unsigned varint and its bytes. */
import { ByteReader } from '../bytes/byte-reader.ts'
import { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from './serde.ts'

export function listSerde<V>(value: Serde<V>): Serde<readonly V[]> {
  return {
    name: `list(${value.name})`,
    serialize(values) {
      const writer = new ByteWriter()
      writer.unsignedVarint(values.length)
      for (const one of values) {
        const bytes = value.serialize(one)
        writer.unsignedVarint(bytes.length)
        writer.bytes(bytes)
      }
      return writer.toBytes()
    },
    deserialize(bytes) {
      const reader = new ByteReader(bytes)
      return Array.from({ length: reader.unsignedVarint() }, () =>
        value.deserialize(reader.bytes(reader.unsignedVarint())),
      )
    },
  }
}
