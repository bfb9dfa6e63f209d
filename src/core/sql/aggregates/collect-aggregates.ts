/** Aggregates that keep values, or count different ones. */
import { ATTR_VALUES_MAX, COLLECTED_VALUES_MAX, HISTOGRAM_KEYS_MAX } from '../limits.ts'
import { equalValues, identityOf } from '../types/compare-values.ts'
import { arrayOf, BIGINT, BYTES, mapOf, type SqlType, STRING, structOf } from '../types/sql-type.ts'
import type { Long, Value } from '../types/value.ts'
import { addLongs } from '../types/whole-number.ts'
import type { AggregateFunction, Aggregator } from './aggregate-function.ts'
import { addToSketch, EMPTY_SKETCH, estimateOfSketch, mergeSketches } from './hyper-log-log.ts'

type List = readonly Value[]
type Counts = ReadonlyMap<Value, Value>
/** A value and how often it occurs. */
type Counted = readonly [value: Value, count: number]

export const COLLECT_AGGREGATES: readonly AggregateFunction[] = [
  {
    name: 'ATTR',
    description: 'Returns the value that all rows have; NULL if they have different ones.',
    variants: [{ signature: '(T) -> T', bind: ([type = STRING]) => onlyValue(type) }],
  },
  {
    name: 'COLLECT_LIST',
    description: 'Returns an array of all values.',
    variants: [
      {
        signature: '(T) -> ARRAY<T>',
        bind: ([type = STRING], _literals, settings) =>
          list(type, bounded(settings?.collectListMax)),
      },
    ],
  },
  {
    name: 'COLLECT_SET',
    description: 'Returns an array of the different values.',
    variants: [
      {
        signature: '(T) -> ARRAY<T>',
        bind: ([type = STRING], _literals, settings) => set(type, bounded(settings?.collectSetMax)),
      },
    ],
  },
  {
    name: 'COUNT_DISTINCT',
    description:
      'Returns about how many different values there are: exact for few, with an error of 2 % for many.',
    variants: [{ signature: '(ANY) -> BIGINT', bind: countDistinct }],
  },
  {
    name: 'HISTOGRAM',
    description: 'Returns a map of each text and how often it occurs.',
    variants: [{ signature: '(STRING) -> MAP<STRING, BIGINT>', bind: histogram }],
  },
]

function bounded(max = COLLECTED_VALUES_MAX): number {
  return max < 0 ? COLLECTED_VALUES_MAX : Math.min(max, COLLECTED_VALUES_MAX)
}

function list(type: SqlType, max: number): Aggregator {
  return {
    stateType: arrayOf(type),
    resultType: arrayOf(type),
    initial: () => [],
    add: (state, [value = null]) => {
      const values = state as List
      return values.length < max ? [...values, value] : state
    },
    undo: (state, [value = null]) => {
      const values = state as List
      const index = values.findLastIndex((each) => equalValues(each, value))
      return index === -1 ? state : values.toSpliced(index, 1)
    },
    merge: (one, other) => [...(one as List), ...(other as List)].slice(0, max),
    result: (state) => state,
  }
}

function set(type: SqlType, max: number): Aggregator {
  const add = (state: Value, value: Value): Value => {
    const values = state as List
    const isFull = values.length >= max || values.some((each) => equalValues(each, value))
    return isFull ? state : [...values, value]
  }
  return {
    stateType: arrayOf(type),
    resultType: arrayOf(type),
    initial: () => [],
    add: (state, [value = null]) => add(state, value),
    merge: (one, other) => {
      const merged = new Map((one as List).map((value) => [identityOf(value), value]))
      for (const value of other as List) {
        const identity = identityOf(value)
        if (!merged.has(identity) && merged.size < max) merged.set(identity, value)
      }
      return [...merged.values()]
    },
    result: (state) => state,
  }
}

function histogram(): Aggregator {
  const add = (state: Value, key: Value, by: Long): Value => {
    const counts = state as Counts
    const count = counts.get(key)
    if (key === null || (count === undefined && counts.size >= HISTOGRAM_KEYS_MAX)) return state
    return new Map(counts).set(key, addLongs((count ?? 0) as Long, by))
  }
  return {
    stateType: mapOf(STRING, BIGINT),
    resultType: mapOf(STRING, BIGINT),
    initial: () => new Map(),
    add: (state, [key = null]) => add(state, key, 1),
    undo: (state, [key = null]) => {
      if (!(state as Counts).has(key)) return state
      const counts = new Map(add(state, key, -1) as Counts)
      if ((counts.get(key) ?? 0) === 0) counts.delete(key)
      return counts
    },
    merge: (one, other) =>
      [...(other as Counts)].reduce<Value>(
        (state, [key, count]) => add(state, key, count as Long),
        one,
      ),
    result: (state) => state,
  }
}

function onlyValue(type: SqlType): Aggregator {
  const change = (state: Value, value: Value, by: number): Value => {
    const counted = state as unknown as readonly Counted[]
    const index = counted.findIndex(([each]) => equalValues(each, value))
    const count = (counted[index]?.[1] ?? 0) + by
    if (index === -1) {
      return by > 0 && counted.length < ATTR_VALUES_MAX ? [...counted, [value, count]] : state
    }
    return count > 0 ? counted.with(index, [value, count]) : counted.toSpliced(index, 1)
  }
  return {
    stateType: arrayOf(
      structOf([
        { name: 'VALUE', type },
        { name: 'COUNT', type: BIGINT },
      ]),
    ),
    resultType: type,
    initial: () => [],
    add: (state, [value = null]) => change(state, value, 1),
    undo: (state, [value = null]) => change(state, value, -1),
    merge: (one, other) =>
      (other as unknown as readonly Counted[]).reduce<Value>(
        (state, [value, count]) => change(state, value, count),
        one,
      ),
    result: (state) => {
      const counted = state as unknown as readonly Counted[]
      return counted.length === 1 ? (counted[0]?.[0] ?? null) : null
    },
  }
}

function countDistinct(): Aggregator {
  return {
    stateType: BYTES,
    resultType: BIGINT,
    initial: () => EMPTY_SKETCH,
    add: (state, [value = null]) =>
      value === null ? state : addToSketch(state as Uint8Array, String(identityOf(value))),
    merge: (one, other) => mergeSketches(one as Uint8Array, other as Uint8Array),
    result: (state) => estimateOfSketch(state as Uint8Array),
  }
}
