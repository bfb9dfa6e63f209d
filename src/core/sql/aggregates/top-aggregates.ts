/** Aggregates that keep the smallest or largest values. */
import { SqlError } from '../errors.ts'
import { TOP_VALUES_MAX } from '../limits.ts'
import { compareValues } from '../types/compare-values.ts'
import { arrayOf, INTEGER, type SqlType, structOf } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'
import type { AggregateFunction, AggregateVariant, Aggregator } from './aggregate-function.ts'

const COMPARABLE = [
  'INTEGER',
  'BIGINT',
  'DOUBLE',
  'DECIMAL',
  'STRING',
  'BYTES',
  'DATE',
  'TIME',
  'TIMESTAMP',
]

export const TOP_AGGREGATES: readonly AggregateFunction[] = [
  {
    name: 'MAX',
    description: 'Returns the largest value that is not NULL.',
    variants: extremeVariants(1),
  },
  {
    name: 'MIN',
    description: 'Returns the smallest value that is not NULL.',
    variants: extremeVariants(-1),
  },
  {
    name: 'TOPK',
    description:
      'Returns the k largest values, each with the values of other columns if there are some.',
    variants: COMPARABLE.flatMap((type): AggregateVariant[] => [
      {
        signature: `(${type}, INTEGER) -> ARRAY<${type}>`,
        literals: 1,
        bind: ([parameter = INTEGER], [k = null]) => topOf('TOPK', parameter, k, false),
      },
      {
        signature: `(${type}, ANY, ANY..., INTEGER) -> ANY`,
        literals: 1,
        bind: (parameters, [k = null]) => topRows(parameters.slice(0, -1), k),
      },
    ]),
  },
  {
    name: 'TOPKDISTINCT',
    description: 'Returns the k largest different values.',
    variants: COMPARABLE.map((type) => ({
      signature: `(${type}, INTEGER) -> ARRAY<${type}>`,
      literals: 1,
      bind: ([parameter = INTEGER], [k = null]) => topOf('TOPKDISTINCT', parameter, k, true),
    })),
  },
]

function extremeVariants(sign: 1 | -1): AggregateVariant[] {
  const better = (one: Value, other: Value): Value => {
    if (one === null || other === null) return one ?? other
    return sign * compareValues(other, one) > 0 ? other : one
  }
  return COMPARABLE.map((type) => ({
    signature: `(${type}) -> ${type}`,
    bind: ([parameter = INTEGER]) => ({
      stateType: parameter,
      resultType: parameter,
      initial: () => null,
      add: (state, [value = null]) => better(state, value),
      merge: better,
      result: (state) => state,
    }),
  }))
}

/** @throws {SqlError} for a number of values that is not allowed. */
export function checkedCount(name: string, count: Value): number {
  if (typeof count === 'number' && count >= 1 && count <= TOP_VALUES_MAX) return count
  throw new SqlError(
    `${name}: ${count} is not a number of values; 1 to ${TOP_VALUES_MAX} are allowed`,
  )
}

/** Puts a value in its place in a descending list, after those equal to it; `orderOf` returns what is compared. */
function insert(
  list: readonly Value[],
  value: Value,
  max: number,
  orderOf: (row: Value) => Value,
): Value {
  const place = list.findIndex((each) => compareValues(orderOf(each), orderOf(value)) < 0)
  if (place === -1) return list.length < max ? [...list, value] : list
  return [...list.slice(0, place), value, ...list.slice(place)].slice(0, max)
}

function topOf(name: string, type: SqlType, k: Value, isDistinct: boolean): Aggregator {
  const max = checkedCount(name, k)
  const add = (state: Value, value: Value): Value => {
    const list = state as readonly Value[]
    const isKnown = isDistinct && list.some((each) => compareValues(each, value) === 0)
    return value === null || isKnown ? state : insert(list, value, max, (each) => each)
  }
  return {
    stateType: arrayOf(type),
    resultType: arrayOf(type),
    initial: () => [],
    add: (state, [value = null]) => add(state, value),
    merge: (one, other) => (other as readonly Value[]).reduce<Value>(add, one),
    result: (state) => state,
  }
}

/** Aggregates rows of several columns by the first of them. */
function topRows(types: readonly SqlType[], k: Value): Aggregator {
  const max = checkedCount('TOPK', k)
  const row = structOf(
    types.map((type, index) => ({ name: index === 0 ? 'sort_col' : `col${index - 1}`, type })),
  )
  const firstOf = (value: Value): Value => (value as readonly Value[])[0] ?? null
  const add = (state: Value, value: Value): Value =>
    firstOf(value) === null ? state : insert(state as readonly Value[], value, max, firstOf)
  return {
    stateType: arrayOf(row),
    resultType: arrayOf(row),
    initial: () => [],
    add: (state, values) => add(state, values.slice(0, types.length)),
    merge: (one, other) => (other as readonly Value[]).reduce<Value>(add, one),
    result: (state) => state,
  }
}
