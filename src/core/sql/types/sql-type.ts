/** The types of SQL: those of ksqlDB. */

export interface StructField {
  readonly name: string
  readonly type: SqlType
}

export type PlainKind =
  | 'BOOLEAN'
  | 'INTEGER'
  | 'BIGINT'
  | 'DOUBLE'
  | 'STRING'
  | 'BYTES'
  | 'TIME'
  | 'DATE'
  | 'TIMESTAMP'

/** Types are data: they are stored with the sources that have them. */
export type SqlType =
  | { readonly kind: PlainKind }
  | { readonly kind: 'DECIMAL'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'ARRAY'; readonly element: SqlType }
  | { readonly kind: 'MAP'; readonly key: SqlType; readonly value: SqlType }
  | { readonly kind: 'STRUCT'; readonly fields: readonly StructField[] }

export type TypeOf<Kind extends SqlType['kind']> = Extract<SqlType, { kind: Kind }>

export const BOOLEAN = { kind: 'BOOLEAN' } as const satisfies SqlType
export const INTEGER = { kind: 'INTEGER' } as const satisfies SqlType
export const BIGINT = { kind: 'BIGINT' } as const satisfies SqlType
export const DOUBLE = { kind: 'DOUBLE' } as const satisfies SqlType
export const STRING = { kind: 'STRING' } as const satisfies SqlType
export const BYTES = { kind: 'BYTES' } as const satisfies SqlType
export const TIME = { kind: 'TIME' } as const satisfies SqlType
export const DATE = { kind: 'DATE' } as const satisfies SqlType
export const TIMESTAMP = { kind: 'TIMESTAMP' } as const satisfies SqlType

/** Digits that a DECIMAL has at most. */
export const DECIMAL_PRECISION_MAX = 38

export function decimalOf(precision: number, scale: number): TypeOf<'DECIMAL'> {
  return { kind: 'DECIMAL', precision, scale }
}

export function arrayOf(element: SqlType): TypeOf<'ARRAY'> {
  return { kind: 'ARRAY', element }
}

export function mapOf(key: SqlType, value: SqlType): TypeOf<'MAP'> {
  return { kind: 'MAP', key, value }
}

export function structOf(fields: readonly StructField[]): TypeOf<'STRUCT'> {
  return { kind: 'STRUCT', fields }
}

/**
 * Returns the text of a type.
 *
 * @example showType(arrayOf(structOf([{ name: 'A', type: STRING }]))) // ARRAY<STRUCT<`A` STRING>>
 */
export function showType(type: SqlType): string {
  switch (type.kind) {
    case 'DECIMAL':
      return `DECIMAL(${type.precision}, ${type.scale})`
    case 'ARRAY':
      return `ARRAY<${showType(type.element)}>`
    case 'MAP':
      return `MAP<${showType(type.key)}, ${showType(type.value)}>`
    case 'STRUCT': {
      const fields = type.fields.map((field) => `${quoteName(field.name)} ${showType(field.type)}`)
      return `STRUCT<${fields.join(', ')}>`
    }
    default:
      return type.kind
  }
}

/** Returns a name in backquotes. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

/** Returns whether two types are the same, the names of their fields included. */
export function equalTypes(one: SqlType, other: SqlType): boolean {
  if (one === other) return true
  if (one.kind === 'ARRAY') return other.kind === 'ARRAY' && equalTypes(one.element, other.element)
  if (one.kind === 'MAP') {
    return (
      other.kind === 'MAP' && equalTypes(one.key, other.key) && equalTypes(one.value, other.value)
    )
  }
  if (one.kind === 'DECIMAL') {
    return (
      other.kind === 'DECIMAL' && one.precision === other.precision && one.scale === other.scale
    )
  }
  if (one.kind !== 'STRUCT') return one.kind === other.kind
  if (other.kind !== 'STRUCT' || one.fields.length !== other.fields.length) return false
  return one.fields.every(({ name, type }, index) => {
    const field = other.fields[index]
    return field !== undefined && field.name === name && equalTypes(type, field.type)
  })
}
