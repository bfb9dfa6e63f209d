/** Turns values into those of a wider type where SQL does so by itself. */
import { EvaluationError, SqlError } from '../errors.ts'
import { castOf } from '../types/cast.ts'
import { widenDecimals } from '../types/decimal.ts'
import { arrayOf, equalTypes, mapOf, type SqlType, showType, structOf } from '../types/sql-type.ts'
import { decimalTypeOf, isNumeric } from './arithmetic.ts'
import type { Typed } from './typed.ts'

/** Returns an expression whose values are cast to a type; the expression itself if they have it. */
export function cast(one: Typed, to: SqlType): Typed {
  if (one.type === null) return { type: to, evaluate: () => null }
  if (equalTypes(one.type, to)) return one
  const change = castOf(one.type, to)
  const { literal, evaluate } = one
  if (literal !== undefined && literal !== null) {
    const value = change(literal as never)
    return { type: to, evaluate: () => value, literal: value }
  }
  return {
    type: to,
    evaluate(row, variables) {
      const value = evaluate(row, variables)
      return value === null ? null : change(value as never)
    },
  }
}

const WIDTHS: Readonly<Partial<Record<SqlType['kind'], number>>> = {
  INTEGER: 1,
  BIGINT: 2,
  DECIMAL: 3,
  DOUBLE: 4,
}

/** Returns the narrowest type that has the values of both; undefined if there is none. */
export function commonType(one: SqlType, other: SqlType): SqlType | undefined {
  if (equalTypes(one, other)) return one
  if (isNumeric(one) && isNumeric(other)) {
    if (one.kind === 'DOUBLE' || other.kind === 'DOUBLE') {
      return one.kind === 'DOUBLE' ? one : other
    }
    if (one.kind === 'DECIMAL' || other.kind === 'DECIMAL') {
      return widenDecimals(decimalTypeOf(one), decimalTypeOf(other))
    }
    return (WIDTHS[one.kind] ?? 0) > (WIDTHS[other.kind] ?? 0) ? one : other
  }
  if (one.kind === 'ARRAY' && other.kind === 'ARRAY') {
    const element = commonType(one.element, other.element)
    return element && arrayOf(element)
  }
  if (one.kind === 'MAP' && other.kind === 'MAP') {
    const key = commonType(one.key, other.key)
    const value = commonType(one.value, other.value)
    return key && value && mapOf(key, value)
  }
  if (one.kind === 'STRUCT' && other.kind === 'STRUCT') return commonStruct(one, other)
  return undefined
}

type Struct = Extract<SqlType, { kind: 'STRUCT' }>

/** The struct has the fields of both. */
function commonStruct(one: Struct, other: Struct): SqlType | undefined {
  const fields = new Map(one.fields.map(({ name, type }) => [name, type]))
  for (const { name, type } of other.fields) {
    const known = fields.get(name)
    const common = known === undefined ? type : commonType(known, type)
    if (common === undefined) return undefined
    fields.set(name, common)
  }
  return structOf([...fields].map(([name, type]) => ({ name, type })))
}

/**
 * Casts expressions to one type, as the elements of an array have. A literal text becomes a value of the type that the
 * others have.
 *
 * @param what The construct, for the error.
 * @returns the type, null if all are NULL, and the expressions in their order
 * @throws {SqlError} if they have no common type.
 */
export function unify(
  all: readonly Typed[],
  what: string,
): { type: SqlType | null; all: readonly Typed[] } {
  const isText = (one: Typed) => one.type?.kind === 'STRING' && one.literal !== undefined
  const typed = all.filter((one) => one.type !== null)
  // A literal adapts to the others, if one of them is a text that is computed.
  const hasText = typed.some((one) => one.type?.kind === 'STRING' && one.literal === undefined)
  const leading = typed.filter((one) => (hasText ? one.literal === undefined : !isText(one)))
  let type: SqlType | null = null
  for (const one of leading.length > 0 ? leading : typed) {
    const common: SqlType | undefined | null =
      type === null ? one.type : commonType(type, one.type as SqlType)
    if (common === undefined || common === null) {
      throw new SqlError(
        `${what}: operator requires all its values to have one type, got ${showType(type as SqlType)} and ${showType(one.type as SqlType)}`,
      )
    }
    type = common
  }
  if (type === null) return { type, all }
  const wanted = type
  return { type, all: all.map((one) => castLiteral(one, wanted, what)) }
}

/** Casts expressions to the type of the first one, or to a wider one. Anything that is compared with a text is one. */
export function unifyWithFirst(
  all: readonly Typed[],
  what: string,
): { type: SqlType | null; all: readonly Typed[] } {
  const [first] = all
  if (first?.type?.kind !== 'STRING' || first.literal !== undefined) return unify(all, what)
  const other = all.find(
    ({ type, literal }) => type !== null && type.kind !== 'STRING' && literal === undefined,
  )
  if (other !== undefined) {
    throw new SqlError(
      `${what}: operator does not exist: STRING = ${showType(other.type as SqlType)}`,
    )
  }
  return { type: first.type, all: all.map((one) => castLiteral(one, first.type as SqlType, what)) }
}

const BOOLEAN_TEXT = /^(t|tr|tru|true|y|ye|yes|f|fa|fal|fals|false|n|no)$/i

function castLiteral(one: Typed, wanted: SqlType, what: string): Typed {
  const { literal } = one
  if (typeof literal === 'string' && wanted.kind === 'BOOLEAN' && !BOOLEAN_TEXT.test(literal)) {
    throw new SqlError(`${what}: invalid input syntax for type BOOLEAN: "${literal}"`)
  }
  try {
    return cast(one, wanted)
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error
    throw new SqlError(`${what}: ${error.message}; the other values are ${showType(wanted)}`)
  }
}
