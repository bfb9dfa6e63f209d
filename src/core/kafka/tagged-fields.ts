/**
 * The tagged fields at the end of every struct of a flexible version (KIP-482):
 *
 *   uvarint count | count x (uvarint tag, uvarint size, value), tags ascending
 *
 * Unknown tags are skipped, and a field that equals its default is not written.
 */
import type { ByteReader } from '../bytes/byte-reader.ts'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { DecodeError } from '../bytes/decode-error.ts'
import { defaultOf, type WireType } from './field.ts'
import type { Codec, Source } from './value-codec.ts'

export interface TaggedField {
  readonly name: string
  readonly tag: number
  readonly type: WireType
  readonly codec: Codec
  readonly absent: unknown
}

/** Sets the fields of `struct` that are present. */
export function readTagged(
  source: Source,
  fields: readonly TaggedField[],
  struct: Record<string, unknown>,
): void {
  const { reader } = source
  eachTag(reader, (tag, sizeBytes) => {
    const field = fields.find((candidate) => candidate.tag === tag)
    if (field === undefined) return reader.skip(sizeBytes)
    const at = reader.position
    struct[field.name] = field.codec.read(source)
    if (reader.position - at !== sizeBytes) {
      throw new DecodeError(at, `tag ${tag} does not have ${sizeBytes} bytes`)
    }
  })
}

export function skipTagged(reader: ByteReader): void {
  eachTag(reader, (_, sizeBytes) => reader.skip(sizeBytes))
}

/**
 * Writes tagged fields.
 *
 * @param fields The fields, in the order of their tags.
 */
export function writeTagged(
  writer: ByteWriter,
  fields: readonly TaggedField[],
  struct: Record<string, unknown>,
): void {
  // Most structs have none, including those that occur thousands of times in a message.
  if (fields.length === 0) {
    writer.unsignedVarint(0)
    return
  }
  const present = fields.filter(({ name, type, absent }) => {
    const value = struct[name]
    return value !== undefined && !isSame(type, value, absent)
  })
  writer.unsignedVarint(present.length)
  for (const { name, tag, codec } of present) {
    const value = new ByteWriter()
    codec.write(value, struct[name])
    writer.unsignedVarint(tag)
    writer.unsignedVarint(value.position)
    writer.bytes(value.toBytes())
  }
}

function eachTag(reader: ByteReader, take: (tag: number, sizeBytes: number) => void): void {
  const count = reader.unsignedVarint()
  let last = -1
  for (let index = 0; index < count; index++) {
    const at = reader.position
    const tag = reader.unsignedVarint()
    if (tag <= last) throw new DecodeError(at, `tag ${tag} after tag ${last}`)
    last = tag
    const sizeBytes = reader.unsignedVarint()
    if (sizeBytes > reader.remaining) {
      throw new DecodeError(at, `tag ${tag} of ${sizeBytes} bytes, ${reader.remaining} left`)
    }
    take(tag, sizeBytes)
  }
}

/**
 * Compares a value with its default. Defaults of arrays and bytes are null or
 * empty, so contents need no comparison.
 */
function isSame(type: WireType, value: unknown, absent: unknown): boolean {
  if (value === absent) return true
  if (value === null || absent === null) return false
  switch (type.kind) {
    case 'array':
    case 'bytes':
      return (value as ArrayLike<unknown>).length === 0
    case 'struct': {
      const struct = value as Record<string, unknown>
      const other = absent as Record<string, unknown>
      return Object.entries(type.fields).every(([name, field]) => {
        const inner = struct[name]
        return inner === undefined || isSame(field.type, inner, other[name] ?? defaultOf(field))
      })
    }
    default:
      return false
  }
}
