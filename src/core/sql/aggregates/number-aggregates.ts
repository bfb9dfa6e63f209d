/** Aggregates that count and add. */
import { EvaluationError } from '../errors.ts'
import { Decimal } from '../types/decimal.ts'
import { BIGINT, DOUBLE, type SqlType, structOf } from '../types/sql-type.ts'
import type { Long, Value } from '../types/value.ts'
import { addLongs, subtractLongs } from '../types/whole-number.ts'
import type { AggregateFunction, AggregateVariant, Aggregator } from './aggregate-function.ts'

/** Addition and subtraction of one type of numbers. */
interface Arithmetic {
  readonly zero: Value
  readonly add: (one: Value, other: Value) => Value
  readonly subtract: (one: Value, other: Value) => Value
}

const INTEGERS: Arithmetic = {
  zero: 0,
  add: (one, other) => ((one as number) + (other as number)) | 0,
  subtract: (one, other) => ((one as number) - (other as number)) | 0,
}
const LONGS: Arithmetic = {
  zero: 0,
  add: (one, other) => addLongs(one as Long, other as Long),
  subtract: (one, other) => subtractLongs(one as Long, other as Long),
}
const DOUBLES: Arithmetic = {
  zero: 0,
  add: (one, other) => (one as number) + (other as number),
  subtract: (one, other) => (one as number) - (other as number),
}

function decimals(precision: number, scale: number): Arithmetic {
  const checked = (value: Decimal): Decimal => {
    if (value.fits(precision, scale)) return value
    throw new EvaluationError(
      `SUM: Numeric field overflow: ${value} is no DECIMAL(${precision}, ${scale})`,
    )
  }
  return {
    zero: new Decimal(0n, scale),
    add: (one, other) => checked((one as Decimal).add(other as Decimal)),
    subtract: (one, other) => checked((one as Decimal).subtract(other as Decimal)),
  }
}

function arithmeticOf(type: SqlType): Arithmetic {
  if (type.kind === 'DECIMAL') return decimals(type.precision, type.scale)
  if (type.kind === 'INTEGER') return INTEGERS
  return type.kind === 'BIGINT' ? LONGS : DOUBLES
}

export const NUMBER_AGGREGATES: readonly AggregateFunction[] = [
  {
    name: 'COUNT',
    description: 'Counts the rows, or those in which the value is not NULL.',
    variants: [
      { signature: '() -> BIGINT', bind: () => counting(() => true) },
      { signature: '(ANY) -> BIGINT', bind: () => counting(([value]) => value !== null) },
    ],
  },
  {
    name: 'SUM',
    description: 'Adds the values that are not NULL.',
    variants: ['INTEGER', 'BIGINT', 'DOUBLE', 'DECIMAL'].map((type) => ({
      signature: `(${type}) -> ${type}`,
      bind: ([parameter = DOUBLE]) => summing(parameter, (value) => [value]),
    })),
  },
  {
    name: 'SUM_LIST',
    description: 'Adds the elements of arrays that are not NULL.',
    variants: ['INTEGER', 'BIGINT', 'DOUBLE', 'DECIMAL'].map((type) => ({
      signature: `(ARRAY<${type}>) -> ${type}`,
      bind: ([parameter]) =>
        summing(
          parameter?.kind === 'ARRAY' ? parameter.element : DOUBLE,
          (list) => (list ?? []) as readonly Value[],
        ),
    })),
  },
  {
    name: 'AVG',
    description: 'Returns the average of the values that are not NULL.',
    variants: ofNumbers((type) => averaging(type === 'DOUBLE' ? DOUBLE : BIGINT)),
  },
  {
    name: 'STDDEV_SAMP',
    description: 'Returns the variance of a sample; STDDEV_SAMPLE returns its standard deviation.',
    variants: ofNumbers(() => deviating((variance) => variance)),
  },
  {
    name: 'STDDEV_SAMPLE',
    description: 'Returns the standard deviation of a sample.',
    variants: ofNumbers(() => deviating(Math.sqrt)),
  },
  {
    name: 'CORRELATION',
    description: 'Returns the correlation of two columns by Pearson.',
    variants: [{ signature: '(DOUBLE, DOUBLE) -> DOUBLE', bind: correlating }],
  },
]

/** Returns a variant for each type of numbers but DECIMAL, which becomes DOUBLE. */
function ofNumbers(bind: (type: string) => Aggregator): AggregateVariant[] {
  return ['INTEGER', 'BIGINT', 'DOUBLE'].map((type) => ({
    signature: `(${type}) -> DOUBLE`,
    bind: () => bind(type),
  }))
}

function counting(counts: (values: readonly Value[]) => boolean): Aggregator {
  return {
    stateType: BIGINT,
    resultType: BIGINT,
    initial: () => 0,
    add: (state, values) => (counts(values) ? LONGS.add(state, 1) : state),
    undo: (state, values) => (counts(values) ? LONGS.subtract(state, 1) : state),
    merge: LONGS.add,
    result: (state) => state,
  }
}

function summing(type: SqlType, partsOf: (value: Value) => readonly Value[]): Aggregator {
  const { zero, add, subtract } = arithmeticOf(type)
  const each = (state: Value, [value = null]: readonly Value[], step: Arithmetic['add']): Value =>
    partsOf(value).reduce<Value>((sum, part) => (part === null ? sum : step(sum, part)), state)
  return {
    stateType: type,
    resultType: type,
    initial: () => zero,
    add: (state, values) => each(state, values, add),
    undo: (state, values) => each(state, values, subtract),
    merge: add,
    result: (state) => state,
  }
}

/** The state is the sum and the count. */
function averaging(type: SqlType): Aggregator {
  const { add, subtract } = arithmeticOf(type)
  const parts = (state: Value) => state as [sum: Value, count: number]
  const shift = (
    state: Value,
    [value = null]: readonly Value[],
    step: Arithmetic['add'],
    by: number,
  ): Value => {
    const [sum, count] = parts(state)
    return value === null ? state : [step(sum, value), count + by]
  }
  return {
    stateType: structOf([
      { name: 'SUM', type },
      { name: 'COUNT', type: BIGINT },
    ]),
    resultType: DOUBLE,
    initial: () => [0, 0],
    add: (state, values) => shift(state, values, add, 1),
    undo: (state, values) => shift(state, values, subtract, -1),
    merge: (one, other) => [add(parts(one)[0], parts(other)[0]), parts(one)[1] + parts(other)[1]],
    result: (state) => {
      const [sum, count] = parts(state)
      return count === 0 ? 0 : Number(sum) / count
    },
  }
}

/** The state is the sum, the count, and the sum of the squares of deviations, by the method of Youngs and Cramer. */
function deviating(resultOf: (variance: number) => number): Aggregator {
  const parts = (state: Value) => state as [sum: number, count: number, squares: number]
  return {
    stateType: structOf([
      { name: 'SUM', type: DOUBLE },
      { name: 'COUNT', type: BIGINT },
      { name: 'M2', type: DOUBLE },
    ]),
    resultType: DOUBLE,
    initial: () => [0, 0, 0],
    add: (state, [value = null]) => {
      if (value === null) return state
      const [sum, count, squares] = parts(state)
      const delta = Number(value) * count - sum
      const more = count === 0 ? 0 : delta ** 2 / (count * (count + 1))
      return [sum + Number(value), count + 1, squares + more]
    },
    undo: (state, [value = null]) => {
      if (value === null) return state
      const [sum, count, squares] = parts(state)
      const delta = Number(value) * count - sum
      const less = count > 1 ? delta ** 2 / (count * (count - 1)) : 0
      return [sum - Number(value), count - 1, squares - less]
    },
    merge: (one, other) => {
      const [sum1, count1, squares1] = parts(one)
      const [sum2, count2, squares2] = parts(other)
      const count = count1 + count2
      const isOneEmpty = count1 === 0 || count2 === 0
      const between = isOneEmpty
        ? 0
        : (count1 * count2 * (sum1 / count1 - sum2 / count2) ** 2) / count
      return [sum1 + sum2, count, squares1 + squares2 + between]
    },
    result: (state) => {
      const [, count, squares] = parts(state)
      // Rounding may leave less than nothing after `undo`.
      return count < 2 ? 0 : resultOf(Math.max(0, squares) / (count - 1))
    },
  }
}

/** The state is the sums of x, y, xx, yy and xy, and the count. */
function correlating(): Aggregator {
  const names = ['X_SUM', 'Y_SUM', 'X_SQUARED_SUM', 'Y_SQUARED_SUM', 'XY_SUM']
  const plus = (one: Value, other: Value, sign: number): Value =>
    (one as number[]).map((sum, index) => sum + sign * ((other as number[])[index] ?? 0))
  const sumsOf = ([x = null, y = null]: readonly Value[]): Value => {
    const isCounted = typeof x === 'number' && typeof y === 'number'
    return isCounted ? [x, y, x * x, y * y, x * y, 1] : [0, 0, 0, 0, 0, 0]
  }
  return {
    stateType: structOf([
      ...names.map((name) => ({ name, type: DOUBLE })),
      { name: 'COUNT', type: BIGINT },
    ]),
    resultType: DOUBLE,
    initial: () => [0, 0, 0, 0, 0, 0],
    add: (state, values) => plus(state, sumsOf(values), 1),
    undo: (state, values) => plus(state, sumsOf(values), -1),
    merge: (one, other) => plus(one, other, 1),
    result: (state) => {
      const [x = 0, y = 0, xx = 0, yy = 0, xy = 0, count = 0] = state as number[]
      return (count * xy - x * y) / Math.sqrt((count * xx - x * x) * (count * yy - y * y))
    },
  }
}
