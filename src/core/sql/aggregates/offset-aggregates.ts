/** Aggregates that keep the first or last values of a group, by the order in which they came. */
import { arrayOf, BIGINT, type SqlType, STRING, structOf } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'
import type { AggregateFunction, AggregateVariant, Aggregator } from './aggregate-function.ts'
import { checkedCount } from './top-aggregates.ts'

/** A value and the place of its record among all. */
type Placed = readonly [sequence: number, value: Value]

export const OFFSET_AGGREGATES: readonly AggregateFunction[] = [
  {
    name: 'EARLIEST_BY_OFFSET',
    description:
      'Returns the first value, or an array of the first n; without NULLs, unless the last argument is false.',
    variants: offsetVariants('EARLIEST_BY_OFFSET', true),
  },
  {
    name: 'LATEST_BY_OFFSET',
    description:
      'Returns the last value, or an array of the last n; without NULLs, unless the last argument is false.',
    variants: offsetVariants('LATEST_BY_OFFSET', false),
  },
]

function offsetVariants(name: string, isEarliest: boolean): AggregateVariant[] {
  const many = (type: SqlType, count: Value, ignoresNulls: Value): Aggregator =>
    placed(type, checkedCount(name, count), isEarliest, ignoresNulls !== false)
  const one = (type: SqlType, ignoresNulls: Value): Aggregator =>
    single(type, placed(type, 1, isEarliest, ignoresNulls !== false))
  return [
    { signature: '(T) -> T', bind: ([type = STRING]) => one(type, true) },
    {
      signature: '(T, BOOLEAN) -> T',
      literals: 1,
      bind: ([type = STRING], [ignores = true]) => one(type, ignores),
    },
    {
      signature: '(T, INTEGER) -> ARRAY<T>',
      literals: 1,
      bind: ([type = STRING], [n = null]) => many(type, n, true),
    },
    {
      signature: '(T, INTEGER, BOOLEAN) -> ARRAY<T>',
      literals: 2,
      bind: ([type = STRING], [n = null, ignores = true]) => many(type, n, ignores),
    },
  ]
}

/** Aggregates `max` values; the state is in the order in which they came. */
function placed(
  type: SqlType,
  max: number,
  isEarliest: boolean,
  ignoresNulls: boolean,
): Aggregator {
  const listOf = (state: Value) => state as unknown as readonly Placed[]
  const cut = (list: readonly Placed[]): Value =>
    isEarliest ? list.slice(0, max) : list.slice(-max)
  return {
    stateType: arrayOf(placedType(type)),
    resultType: arrayOf(type),
    initial: () => [],
    add: (state, [value = null], sequence) => {
      const list = listOf(state)
      if ((value === null && ignoresNulls) || (isEarliest && list.length >= max)) return state
      return cut([...list, [sequence ?? (list.at(-1)?.[0] ?? 0) + 1, value]])
    },
    merge: (one, other) =>
      cut([...listOf(one), ...listOf(other)].sort(([first], [second]) => first - second)),
    result: (state) => listOf(state).map(([, value]) => value),
  }
}

function placedType(type: SqlType): SqlType {
  return structOf([
    { name: 'SEQ', type: BIGINT },
    { name: 'VAL', type },
  ])
}

/** Returns an aggregate of one value as one whose state and result are no arrays. */
function single(type: SqlType, aggregator: Aggregator): Aggregator {
  const inner = (state: Value): Value => (state === null ? [] : [state])
  const outer = (state: Value): Value => (state as readonly Value[])[0] ?? null
  return {
    stateType: placedType(type),
    resultType: type,
    initial: () => null,
    add: (state, values, sequence) => outer(aggregator.add(inner(state), values, sequence)),
    merge: (one, other) => outer(aggregator.merge(inner(one), inner(other))),
    result: (state) => outer(aggregator.result(inner(state))),
  }
}
