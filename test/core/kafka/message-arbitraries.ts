/** Generates values of any grammar, and computes the values that are read back. */
import fc from 'fast-check'
import {
  type AnyField,
  defaultOf,
  type Fields,
  includesVersion,
  type WireType,
} from '../../../src/core/kafka/field.ts'

type Struct = Record<string, unknown>

/** Generates structs that can be written in this version; optional fields are sometimes omitted. */
export function writtenStructs(fields: Fields, version: number): fc.Arbitrary<Struct> {
  const present = Object.entries(fields).filter(([, { versions }]) =>
    includesVersion(versions, version),
  )
  const always = present.filter(([, { mayBeLeftOut }]) => !mayBeLeftOut).map(([name]) => name)
  const values = present.map(([name, field]) => [name, fieldValues(field, version)] as const)
  return fc.record(Object.fromEntries(values), { requiredKeys: always })
}

/** Returns the value that is read back for a written one: with all fields of the grammar. */
export function asRead(fields: Fields, written: Struct): Struct {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => {
      const value = written[name]
      return [name, value === undefined ? defaultOf(field) : valueAsRead(field.type, value)]
    }),
  )
}

function fieldValues(field: AnyField, version: number): fc.Arbitrary<unknown> {
  const kinds = [{ weight: 8, arbitrary: values(field.type, version) }]
  if (includesVersion(field.nullableVersions, version)) {
    kinds.push({ weight: 2, arbitrary: fc.constant(null) })
  }
  // Otherwise a tag would hardly ever equal its default.
  if (field.tagged !== null) kinds.push({ weight: 2, arbitrary: fc.constant(defaultOf(field)) })
  return fc.oneof(...kinds)
}

function values(type: WireType, version: number): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'bool':
      return fc.boolean()
    case 'int8':
      return fc.integer({ min: -(2 ** 7), max: 2 ** 7 - 1 })
    case 'int16':
      return fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 })
    case 'uint16':
      return fc.nat({ max: 2 ** 16 - 1 })
    case 'int32':
      return fc.integer()
    case 'int64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    case 'long':
      return fc.maxSafeInteger()
    case 'float64':
      return fc.double()
    case 'uuid':
      return fc.uuid({ version: [4, 7] })
    case 'string':
      return fc.string({ unit: 'binary', maxLength: 150 })
    case 'bytes':
      return fc.uint8Array({ maxLength: 150 })
    case 'array':
      return fc.array(values(type.of, version), { maxLength: 3 })
    case 'struct':
      return writtenStructs(type.fields, version)
  }
}

function valueAsRead(type: WireType, value: unknown): unknown {
  if (value === null) return null
  if (type.kind === 'array') return (value as unknown[]).map((each) => valueAsRead(type.of, each))
  return type.kind === 'struct' ? asRead(type.fields, value as Struct) : value
}
