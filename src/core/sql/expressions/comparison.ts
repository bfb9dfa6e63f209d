/** Comparisons. A comparison with null is false; `IS DISTINCT FROM` compares null too. */
import { SqlError } from '../errors.ts'
import type { ComparisonOperator } from '../syntax/ast.ts'
import { compareValues, equalValues } from '../types/compare-values.ts'
import { BOOLEAN, type SqlType, showType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'
import { isNumeric, toDecimal, toDouble } from './arithmetic.ts'
import { cast } from './coercion.ts'
import type { Typed } from './typed.ts'

const TESTS: Readonly<Record<ComparisonOperator, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
}

/** Returns a negative number, 0 or a positive number; NaN if neither is less. */
type Order = (one: Value, other: Value) => number

export function compileComparison(
  operator: ComparisonOperator,
  given: Typed,
  givenOther: Typed,
  shown: string,
): Typed {
  const isEquality = operator === '=' || operator === '<>'
  const [left, right] = alignTimes(given, givenOther)
  const order = orderOf(left, right, isEquality, operator, shown)
  const test = TESTS[operator]
  const one = left.evaluate
  const other = right.evaluate
  return {
    type: BOOLEAN,
    evaluate(row, variables) {
      const a = one(row, variables)
      if (a === null) return false
      const b = other(row, variables)
      return b !== null && test(order(a, b))
    },
  }
}

export function compileDistinct(
  given: Typed,
  givenOther: Typed,
  isNot: boolean,
  shown: string,
): Typed {
  const [left, right] = alignTimes(given, givenOther)
  const order =
    left.type === null || right.type === null ? () => 0 : orderOf(left, right, true, '=', shown)
  return {
    type: BOOLEAN,
    evaluate(row, variables) {
      const a = left.evaluate(row, variables)
      const b = right.evaluate(row, variables)
      const isSame = a === null || b === null ? a === b : order(a, b) === 0
      return isSame === isNot
    },
  }
}

const TIMES: ReadonlySet<string> = new Set(['TIME', 'DATE', 'TIMESTAMP'])

/** Turns a text that is compared with a time into a time, and a date that is compared with a timestamp into one. */
function alignTimes(left: Typed, right: Typed): [Typed, Typed] {
  return [alignTime(left, right), alignTime(right, left)]
}

function alignTime(one: Typed, other: Typed): Typed {
  if (one.type === null || other.type === null) return one
  if (one.type.kind === 'STRING' && TIMES.has(other.type.kind)) {
    return cast(one, other.type)
  }
  const isDate = one.type.kind === 'DATE' && other.type.kind === 'TIMESTAMP'
  return isDate ? cast(one, other.type) : one
}

const ORDERED: ReadonlySet<SqlType['kind']> = new Set([
  'STRING',
  'BYTES',
  'TIME',
  'DATE',
  'TIMESTAMP',
])

function orderOf(
  { type: one }: Typed,
  { type: other }: Typed,
  isEquality: boolean,
  operator: ComparisonOperator,
  shown: string,
): Order {
  if (one === null || other === null) {
    throw new SqlError(
      `Comparison with NULL not supported: ${shown}; IS NULL and IS NOT NULL are allowed`,
    )
  }
  if (isNumeric(one) && isNumeric(other)) return numericOrder(one, other)
  if (one.kind === other.kind && ORDERED.has(one.kind)) return compareValues
  const isSame = one.kind === other.kind
  if (isSame && isEquality) return (a, b) => (equalValues(a, b) ? 0 : 1)
  const name = NAMES[operator]
  const why = `Operator ${name} cannot be used to compare ${showType(one)} and ${showType(other)}`
  throw new SqlError(`${why}: ${shown}`)
}

const NAMES: Readonly<Record<ComparisonOperator, string>> = {
  '=': 'EQUAL',
  '<>': 'NOT_EQUAL',
  '<': 'LESS_THAN',
  '<=': 'LESS_THAN_OR_EQUAL',
  '>': 'GREATER_THAN',
  '>=': 'GREATER_THAN_OR_EQUAL',
}

function numericOrder(one: SqlType, other: SqlType): Order {
  const kinds = [one.kind, other.kind]
  if (kinds.includes('DECIMAL')) {
    if (kinds.includes('DOUBLE')) return (a, b) => compareNumbers(toDouble(a), toDouble(b))
    return (a, b) => toDecimal(a).compare(toDecimal(b))
  }
  return compareNumbers as Order
}

/** Numbers and bigints are compared exactly. NaN is neither less, equal nor greater. */
function compareNumbers(one: number | bigint, other: number | bigint): number {
  if (one < other) return -1
  if (one > other) return 1
  // biome-ignore lint/suspicious/noDoubleEquals: a bigint and a number may be equal
  return one == other ? 0 : Number.NaN
}
