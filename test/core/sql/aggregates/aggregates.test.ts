import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type {
  AggregateSettings,
  Aggregator,
} from '../../../../src/core/sql/aggregates/aggregate-function.ts'
import { AGGREGATE_FUNCTIONS } from '../../../../src/core/sql/aggregates/aggregates.ts'
import {
  addToSketch,
  EMPTY_SKETCH,
  estimateOfSketch,
} from '../../../../src/core/sql/aggregates/hyper-log-log.ts'
import { EvaluationError, SqlError } from '../../../../src/core/sql/errors.ts'
import { matchVariant } from '../../../../src/core/sql/functions/match-variant.ts'
import { Decimal } from '../../../../src/core/sql/types/decimal.ts'
import {
  arrayOf,
  BIGINT,
  BOOLEAN,
  DOUBLE,
  decimalOf,
  INTEGER,
  type SqlType,
  STRING,
  showType,
} from '../../../../src/core/sql/types/sql-type.ts'
import type { Value } from '../../../../src/core/sql/types/value.ts'
import { runs, SEEDED } from '../../../support/seed.ts'

/** Returns an aggregate function for types of columns and literals. */
function aggregator(
  name: string,
  columns: readonly SqlType[],
  literals: readonly Value[] = [],
  settings?: Partial<AggregateSettings>,
): Aggregator {
  const called = AGGREGATE_FUNCTIONS.get(name)
  if (called === undefined) throw new Error(`there is no ${name}`)
  const types = literals.map((literal) => (typeof literal === 'boolean' ? BOOLEAN : INTEGER))
  const { variant, parameters } = matchVariant(called, [...columns, ...types])
  expect(variant.literals ?? 0).toBe(literals.length)
  return variant.bind(parameters as SqlType[], literals, settings)
}

function fold(functions: Aggregator, rows: readonly (readonly Value[])[], from = 0): Value {
  return rows.reduce<Value>(
    (state, row, index) => functions.add(state, row, from + index),
    functions.initial(),
  )
}

type Example = readonly [
  name: string,
  columns: readonly SqlType[],
  literals: readonly Value[],
  rows: readonly (readonly Value[])[],
  result: Value,
]

const MONEY = decimalOf(4, 2)
const decimal = (unscaled: bigint) => new Decimal(unscaled, 2)

const EXAMPLES: readonly Example[] = [
  ['ATTR', [STRING], [], [['a'], ['a']], 'a'],
  ['ATTR', [STRING], [], [['a'], ['b']], null],
  ['ATTR', [STRING], [], [['a'], [null]], null],
  ['AVG', [INTEGER], [], [[1], [null], [2]], 1.5],
  ['AVG', [MONEY], [], [[1.5], [2.5]], 2],
  ['AVG', [BIGINT], [], [], 0],
  ['COLLECT_LIST', [STRING], [], [['a'], ['b'], ['a'], [null]], ['a', 'b', 'a', null]],
  ['COLLECT_SET', [arrayOf(INTEGER)], [], [[[1]], [[2]], [[1]], [null], [null]], [[1], [2], null]],
  [
    'CORRELATION',
    [INTEGER, INTEGER],
    [],
    [
      [1, 8],
      [-1, -2],
      [9, null],
    ],
    1,
  ],
  ['CORRELATION', [INTEGER, INTEGER], [], [[1, 8]], Number.NaN],
  ['COUNT', [], [], [[], []], 2],
  ['COUNT', [STRING], [], [['a'], [null]], 1],
  ['COUNT_DISTINCT', [STRING], [], [['a'], ['b'], ['a'], [null]], 2],
  ['EARLIEST_BY_OFFSET', [INTEGER], [], [[null], [1], [2]], 1],
  ['EARLIEST_BY_OFFSET', [INTEGER], [false], [[null], [1]], null],
  ['EARLIEST_BY_OFFSET', [INTEGER], [2], [[1], [null], [2], [3]], [1, 2]],
  ['EARLIEST_BY_OFFSET', [INTEGER], [2, false], [[null], [2], [3]], [null, 2]],
  [
    'HISTOGRAM',
    [STRING],
    [],
    [['a'], ['b'], ['a']],
    new Map([
      ['a', 2],
      ['b', 1],
    ]),
  ],
  ['LATEST_BY_OFFSET', [INTEGER], [], [[1], [2], [null]], 2],
  ['LATEST_BY_OFFSET', [INTEGER], [false], [[1], [null]], null],
  ['LATEST_BY_OFFSET', [INTEGER], [2], [[1], [2], [null], [3]], [2, 3]],
  ['LATEST_BY_OFFSET', [INTEGER], [2, true], [[null]], []],
  ['MAX', [STRING], [], [['a'], [null], ['b']], 'b'],
  ['MAX', [BIGINT], [], [[5], [2n ** 60n]], 2n ** 60n],
  ['MIN', [MONEY], [], [[decimal(150n)], [decimal(-1n)]], decimal(-1n)],
  ['MIN', [INTEGER], [], [[null]], null],
  ['STDDEV_SAMP', [DOUBLE], [], [[10], [12], [13], [14], [16]], 5],
  ['STDDEV_SAMPLE', [INTEGER], [], [[10], [12], [null], [13]], 1.5275252316519465],
  ['STDDEV_SAMPLE', [INTEGER], [], [[10]], 0],
  ['SUM', [INTEGER], [], [[2147483647], [1], [null]], -2147483648],
  ['SUM', [BIGINT], [], [[Number.MAX_SAFE_INTEGER], [5]], 2n ** 53n + 4n],
  ['SUM', [MONEY], [], [[decimal(150n)], [decimal(25n)]], decimal(175n)],
  ['SUM_LIST', [arrayOf(DOUBLE)], [], [[[1, null, 2]], [null], [[3]]], 6],
  ['TOPK', [INTEGER], [3], [[1], [7], [null], [7], [3]], [7, 7, 3]],
  [
    'TOPK',
    [INTEGER, STRING],
    [2],
    [
      [1, 'a'],
      [7, 'b'],
      [null, 'c'],
      [7, null],
    ],
    [
      [7, 'b'],
      [7, null],
    ],
  ],
  ['TOPKDISTINCT', [STRING], [2], [['a'], ['c'], ['c'], ['b']], ['c', 'b']],
]

describe('aggregate functions', () => {
  it.each(EXAMPLES)(
    '%s of %j with %j gives the result of its rows',
    (name, columns, literals, rows, result) => {
      const functions = aggregator(name, columns, literals)
      expect(functions.result(fold(functions, rows))).toEqual(result)
    },
  )

  it('have an example, and undo only where ksqlDB aggregates tables', () => {
    const named = new Set(EXAMPLES.map(([name]) => name))
    expect([...AGGREGATE_FUNCTIONS.keys()]).toEqual([...named].sort())
    const undoing = EXAMPLES.filter(
      ([name, columns, literals]) => aggregator(name, columns, literals).undo,
    )
    expect(new Set(undoing.map(([name]) => name))).toEqual(
      new Set([
        'ATTR',
        'AVG',
        'COLLECT_LIST',
        'CORRELATION',
        'COUNT',
        'HISTOGRAM',
        'STDDEV_SAMP',
        'STDDEV_SAMPLE',
        'SUM',
        'SUM_LIST',
      ]),
    )
  })

  it('give the same result for states that are merged, and do not change them', () => {
    const property = fc.property(
      fc.constantFrom(...EXAMPLES),
      fc.array(fc.nat()),
      fc.nat(),
      ([name, columns, literals, rows], picks, cut) => {
        const functions = aggregator(name, columns, literals)
        const picked = picks.map((pick) => rows[pick % Math.max(1, rows.length)] ?? [])
        if (rows.length === 0) return
        const at = cut % (picked.length + 1)
        const first = fold(functions, picked.slice(0, at))
        const second = fold(functions, picked.slice(at), at)
        const before = structuredText([first, second])
        const isByOffset = name.endsWith('BY_OFFSET')
        const merged = isByOffset ? functions.merge(second, first) : functions.merge(first, second)
        expect(structuredText([first, second])).toBe(before)
        expectClose(functions.result(merged), functions.result(fold(functions, picked)))
      },
    )
    fc.assert(property, { ...SEEDED, numRuns: runs(3_000) })
  })

  it('take out again what they added', () => {
    const undoing = EXAMPLES.filter(
      ([name, columns, literals]) => aggregator(name, columns, literals).undo,
    )
    const property = fc.property(
      fc.constantFrom(...undoing),
      fc.array(fc.nat(), { maxLength: 10 }),
      fc.nat(),
      ([name, columns, literals, rows], picks, extra) => {
        if (rows.length === 0) return
        const functions = aggregator(name, columns, literals)
        const picked = picks.map((pick) => rows[pick % rows.length] ?? [])
        const row = rows[extra % rows.length] ?? []
        const state = fold(functions, picked)
        const undone = functions.undo?.(functions.add(state, row), row) ?? null
        expectClose(functions.result(undone), functions.result(state))
      },
    )
    fc.assert(property, { ...SEEDED, numRuns: runs(2_000) })
  })

  it('keep the order of arrival over states that are merged', () => {
    for (const [name, result] of [
      ['EARLIEST_BY_OFFSET', [1, 2]],
      ['LATEST_BY_OFFSET', [3, 4]],
    ] as const) {
      const functions = aggregator(name, [INTEGER], [2])
      const one = [
        [1, 10],
        [4, 40],
      ].reduce<Value>(
        (state, [value = 0, at]) => functions.add(state, [value], at),
        functions.initial(),
      )
      const other = [
        [2, 20],
        [3, 30],
      ].reduce<Value>(
        (state, [value = 0, at]) => functions.add(state, [value], at),
        functions.initial(),
      )
      expect(functions.result(functions.merge(one, other))).toEqual(result)
    }
  })

  it('name the fields of rows as ksqlDB does', () => {
    expect(showType(aggregator('TOPK', [INTEGER, STRING, DOUBLE], [3]).resultType)).toBe(
      'ARRAY<STRUCT<`sort_col` INTEGER, `col0` STRING, `col1` DOUBLE>>',
    )
  })

  it('keep as many values as a session sets', () => {
    const settings = { collectListMax: 1, collectSetMax: 1 }
    for (const name of ['COLLECT_LIST', 'COLLECT_SET']) {
      const functions = aggregator(name, [INTEGER], [], settings)
      const state = fold(functions, [[1], [2]])
      expect(functions.result(functions.merge(state, fold(functions, [[3]])))).toEqual([1])
    }
  })

  it('refuse literals that are not allowed, and sums that do not fit', () => {
    for (const name of ['TOPK', 'TOPKDISTINCT', 'LATEST_BY_OFFSET', 'EARLIEST_BY_OFFSET']) {
      for (const count of [0, -1, 10_001]) {
        expect(() => aggregator(name, [INTEGER], [count])).toThrow(SqlError)
        expect(() => aggregator(name, [INTEGER], [count])).toThrow('1 to 10000 are allowed')
      }
    }
    const sum = aggregator('SUM', [MONEY])
    expect(() => fold(sum, [[decimal(9_999n)], [decimal(1n)]])).toThrow(EvaluationError)
  })
})

describe('HyperLogLog', () => {
  it.each([1, 100, 128, 129, 1_000, 10_000, 100_000])('counts %i different texts', (count) => {
    let sketch = EMPTY_SKETCH
    for (let index = 0; index < count; index++) sketch = addToSketch(sketch, `text ${index}`)
    for (let index = 0; index < count; index += 7) sketch = addToSketch(sketch, `text ${index}`)
    const error = Math.abs(estimateOfSketch(sketch) - count) / count
    expect(error).toBeLessThanOrEqual(count <= 128 ? 0 : 0.08)
  })
})

function structuredText(value: Value): string {
  return JSON.stringify(value, (_, each) => {
    if (each instanceof Map) return [...each]
    return typeof each === 'bigint' ? String(each) : each
  })
}

/** Expects equal values; doubles may differ by what rounding makes. */
function expectClose(one: Value, other: Value): void {
  if (typeof one === 'number' && typeof other === 'number' && !Number.isInteger(one)) {
    const isEqual =
      Object.is(one, other) || Math.abs(one - other) <= 1e-6 * Math.max(1, Math.abs(one))
    expect(isEqual, `${one} and ${other}`).toBe(true)
  } else if (one instanceof Map && other instanceof Map) {
    expect(new Map([...one].sort())).toEqual(new Map([...other].sort()))
  } else if (typeof one === 'number' && typeof other === 'number') {
    expect(one).toBeCloseTo(other, 6)
  } else {
    expect(one).toEqual(other)
  }
}
