/**
 * Compiles types into codecs that read and write values in one version of a message. Each version is compiled
 * once; a frame then only walks over lists of fields.
 *
 *   struct            the fields of the version in order; then, if flexible, tagged fields
 *   nullable struct   int8 -1 (null) or 1, then the struct
 *   array             count, elements
 *
 * Readers do not trust counts: a count must fit the remaining bytes, and all arrays of a message
 * share `KAFKA_ARRAY_ELEMENTS_MAX`, since an object takes more memory than its bytes.
 */
import { DecodeError } from '../bytes/decode-error.ts'
import { KAFKA_ARRAY_ELEMENTS_MAX } from '../limits.ts'
import { type AnyField, defaultOf, type Fields, includesVersion, type WireType } from './field.ts'
import {
  LENGTHS,
  type Lengths,
  nullLength,
  nullOr,
  rawBytes,
  SCALARS,
  type ScalarCodec,
  texts,
} from './scalar-codec.ts'
import { readTagged, type TaggedField, writeTagged } from './tagged-fields.ts'
import type { Codec } from './value-codec.ts'

/** The version for which a type is compiled. */
interface Dialect {
  readonly version: number
  readonly isFlexible: boolean
}

export function structCodec(fields: Fields, dialect: Dialect): Codec {
  const compiled = Object.entries(fields).map(([name, field]) => compileField(name, field, dialect))
  const plain = compiled.filter(isPlain)
  const tagged = compiled.filter(isTagged).sort((a, b) => a.tag - b.tag)
  const { isFlexible } = dialect
  return {
    minBytes: plain.reduce((sum, { codec }) => sum + codec.minBytes, isFlexible ? 1 : 0),
    read(source) {
      const struct: Record<string, unknown> = {}
      // Absent and tagged fields are set too, so that all structs of a grammar have one shape.
      for (const field of compiled) {
        struct[field.name] = isPlain(field) ? field.codec.read(source) : field.absent
      }
      if (isFlexible) readTagged(source, tagged, struct)
      return struct
    },
    write(writer, value) {
      const struct = value as Record<string, unknown>
      for (const field of plain) field.codec.write(writer, writtenValue(field, struct))
      if (isFlexible) writeTagged(writer, tagged, struct)
    },
  }
}

interface CompiledField {
  readonly name: string
  readonly type: WireType
  /** null if the version has no such field. */
  readonly codec: Codec | null
  readonly tag: number | null
  readonly absent: unknown
  readonly mayBeLeftOut: boolean
}
type PlainField = CompiledField & { readonly codec: Codec; readonly tag: null }

function compileField(name: string, field: AnyField, dialect: Dialect): CompiledField {
  const { type, versions, nullableVersions, tagged, mayBeLeftOut } = field
  const isNullable = includesVersion(nullableVersions, dialect.version)
  const codec = includesVersion(versions, dialect.version)
    ? codecOf(type, isNullable, dialect)
    : null
  return { name, type, codec, tag: tagged, absent: defaultOf(field), mayBeLeftOut }
}

function isPlain(field: CompiledField): field is PlainField {
  return field.codec !== null && field.tag === null
}

function isTagged(field: CompiledField): field is CompiledField & TaggedField {
  return field.codec !== null && field.tag !== null
}

function writtenValue(field: PlainField, struct: Record<string, unknown>): unknown {
  const value = struct[field.name]
  if (value !== undefined) return value
  if (!field.mayBeLeftOut) throw new Error(`no value for the field ${field.name}`)
  return field.absent
}

function codecOf(type: WireType, isNullable: boolean, dialect: Dialect): Codec {
  const lengths = LENGTHS[dialect.isFlexible ? 'compact' : 'fixed']
  switch (type.kind) {
    case 'array':
      return arrayCodec(codecOf(type.of, false, dialect), lengths, isNullable)
    case 'struct': {
      const codec = structCodec(type.fields, dialect)
      return isNullable ? nullableStructCodec(codec) : codec
    }
    case 'string':
      return scalarCodec(texts(lengths, isNullable))
    case 'bytes':
      return scalarCodec(rawBytes(lengths, isNullable))
    default:
      return scalarCodec(SCALARS[type.kind])
  }
}

function scalarCodec({ minBytes, read, write }: ScalarCodec): Codec {
  return { minBytes, read: (source) => read(source.reader), write }
}

function arrayCodec(element: Codec, lengths: Lengths, isNullable: boolean): Codec {
  const minBytesEach = Math.max(1, element.minBytes)
  return {
    minBytes: lengths.longMinBytes,
    read(source) {
      const { reader } = source
      const at = reader.position
      const count = lengths.readLong(reader)
      if (count < 0) return nullOr(isNullable, at)
      if (count * minBytesEach > reader.remaining) {
        throw new DecodeError(at, `${count} elements do not fit ${reader.remaining} bytes`)
      }
      source.elementsLeft -= count
      if (source.elementsLeft < 0) {
        throw new DecodeError(at, `more than ${KAFKA_ARRAY_ELEMENTS_MAX} elements`)
      }
      const values: unknown[] = []
      for (let index = 0; index < count; index++) values.push(element.read(source))
      return values
    },
    write(writer, value) {
      if (value === null) return lengths.writeLong(writer, nullLength(isNullable))
      const values = value as readonly unknown[]
      lengths.writeLong(writer, values.length)
      for (const each of values) element.write(writer, each)
    },
  }
}

const NULL_STRUCT = -1
const PRESENT_STRUCT = 1

function nullableStructCodec(codec: Codec): Codec {
  return {
    minBytes: 1,
    read: (source) => (source.reader.int8() < 0 ? null : codec.read(source)),
    write(writer, value) {
      writer.int8(value === null ? NULL_STRUCT : PRESENT_STRUCT)
      if (value !== null) codec.write(writer, value)
    },
  }
}
