/** Functions of numbers. */
import { EvaluationError } from '../errors.ts'
import { compareValues } from '../types/compare-values.ts'
import { Decimal, type Rounding, widenDecimals } from '../types/decimal.ts'
import { decimalOf, type SqlType } from '../types/sql-type.ts'
import { type Long, longOf, type Value } from '../types/value.ts'
import { longOfDouble } from '../types/whole-number.ts'
import { bound, nullable, scalar, variant } from './define.ts'
import type { FunctionVariant, ScalarFunction } from './function.ts'

const EARTH_RADIUS_KM = 6_371
const EARTH_RADIUS_MILES = 3_959
const KILOMETRES = /^(km|kilomet(er|re)s?)$/i
const MILES = /^(mi|miles?)$/i

const EXTREME_TYPES = [
  'INTEGER',
  'BIGINT',
  'DOUBLE',
  'STRING',
  'BYTES',
  'DATE',
  'TIME',
  'TIMESTAMP',
]

const doubleFunctions: readonly [
  name: string,
  description: string,
  call: (value: number) => number,
][] = [
  ['ACOS', 'Returns the angle in radians whose cosine is the value.', Math.acos],
  ['ASIN', 'Returns the angle in radians whose sine is the value.', Math.asin],
  ['ATAN', 'Returns the angle in radians whose tangent is the value.', Math.atan],
  ['CBRT', 'Returns the cube root of the value.', Math.cbrt],
  ['COS', 'Returns the cosine of an angle in radians.', Math.cos],
  ['COSH', 'Returns the hyperbolic cosine of the value.', Math.cosh],
  ['COT', 'Returns the cotangent of an angle in radians.', (value) => 1 / Math.tan(value)],
  ['DEGREES', 'Converts radians to degrees.', (value) => value * (180 / Math.PI)],
  ['EXP', 'Returns e raised to the value.', Math.exp],
  ['LN', 'Returns the natural logarithm of the value.', Math.log],
  ['RADIANS', 'Converts degrees to radians.', (value) => (value / 180) * Math.PI],
  ['SIN', 'Returns the sine of an angle in radians.', Math.sin],
  ['SINH', 'Returns the hyperbolic sine of the value.', Math.sinh],
  ['SQRT', 'Returns the square root of the value.', Math.sqrt],
  ['TAN', 'Returns the tangent of an angle in radians.', Math.tan],
  ['TANH', 'Returns the hyperbolic tangent of the value.', Math.tanh],
]

export const MATH_FUNCTIONS: readonly ScalarFunction[] = [
  ...doubleFunctions.map(([name, description, call]) =>
    scalar(name, description, variant('(DOUBLE) -> DOUBLE', call)),
  ),
  scalar(
    'ABS',
    'Returns the value without its sign.',
    variant('(INTEGER) -> INTEGER', (value: number) => Math.abs(value) | 0),
    variant('(BIGINT) -> BIGINT', (value: Long) => (value < 0 ? longOf(-BigInt(value)) : value)),
    variant('(DOUBLE) -> DOUBLE', Math.abs),
    variant('(DECIMAL) -> DECIMAL', (value: Decimal) => value.abs(), { returns: first }),
  ),
  scalar(
    'ATAN2',
    'Returns the angle in radians of the point (x, y).',
    variant('(DOUBLE, DOUBLE) -> DOUBLE', Math.atan2),
  ),
  scalar(
    'CEIL',
    'Returns the smallest whole number that is not less than the value.',
    ...wholeVariants(Math.ceil, 'CEILING'),
  ),
  scalar(
    'FLOOR',
    'Returns the largest whole number that is not greater than the value.',
    ...wholeVariants(Math.floor, 'FLOOR'),
  ),
  scalar(
    'GEO_DISTANCE',
    'Returns the distance of two points given as latitude and longitude in degrees, in KM or MILES.',
    variant('(DOUBLE, DOUBLE, DOUBLE, DOUBLE) -> DOUBLE', distance),
    nullable('(DOUBLE, DOUBLE, DOUBLE, DOUBLE, STRING) -> DOUBLE', (...given: Value[]) =>
      given.slice(0, 4).includes(null) ? null : distance(...(given as Parameters<typeof distance>)),
    ),
  ),
  scalar('GREATEST', 'Returns the largest value that is not NULL.', ...extremeVariants(1)),
  scalar('LEAST', 'Returns the smallest value that is not NULL.', ...extremeVariants(-1)),
  scalar(
    'LOG',
    'Returns the logarithm of the value: the natural one, or the one with the base that comes first.',
    variant('(DOUBLE) -> DOUBLE', Math.log),
    variant('(DOUBLE, DOUBLE) -> DOUBLE', (base: number, value: number) =>
      base <= 0 || base === 1 ? Number.NaN : Math.log(value) / Math.log(base),
    ),
  ),
  scalar(
    'PI',
    'Returns the number pi.',
    variant('() -> DOUBLE', () => Math.PI),
  ),
  scalar(
    'POWER',
    'Returns the base raised to the exponent.',
    variant('(DOUBLE, DOUBLE) -> DOUBLE', Math.pow),
  ),
  scalar(
    'RANDOM',
    'Returns a random number from 0 up to, but not including, 1.',
    bound('() -> DOUBLE', (_parameters, _returns, { random }) => random),
  ),
  scalar(
    'ROUND',
    'Rounds a number to a number of decimal places; a half is rounded up.',
    ...placesVariants(Math.round, 'HALF_CEILING'),
  ),
  scalar(
    'SIGN',
    'Returns -1, 0 or 1, as the value is less than, equal to or greater than 0.',
    variant('(DOUBLE) -> INTEGER', (value: number) => Math.sign(value) | 0),
  ),
  scalar(
    'TRUNC',
    'Cuts a number to a number of decimal places.',
    ...placesVariants(Math.trunc, 'DOWN'),
  ),
]

function first(parameters: readonly SqlType[]): SqlType {
  return parameters[0] ?? decimalOf(1, 0)
}

/** Returns the type of a DECIMAL without its decimal places. */
function wholeDecimal(parameters: readonly SqlType[]): SqlType {
  const type = first(parameters)
  return type.kind === 'DECIMAL' ? decimalOf(Math.max(1, type.precision - type.scale), 0) : type
}

/** Returns the variants of CEIL and FLOOR: the type stays. */
function wholeVariants(ofDouble: (value: number) => number, rounding: Rounding): FunctionVariant[] {
  return [
    variant('(INTEGER) -> INTEGER', (value: number) => value),
    variant('(BIGINT) -> BIGINT', (value: Long) => value),
    variant('(DOUBLE) -> DOUBLE', ofDouble),
    variant(
      '(DECIMAL) -> DECIMAL',
      (value: Decimal) => value.withScale(0, rounding).withScale(value.scale),
      { returns: first },
    ),
  ]
}

/** Returns the variants of ROUND and TRUNC. With places a DECIMAL keeps its type: their number comes with the row. */
function placesVariants(
  ofDouble: (value: number) => number,
  rounding: Rounding,
): FunctionVariant[] {
  return [
    variant('(INTEGER) -> BIGINT', (value: number) => value),
    variant('(BIGINT) -> BIGINT', (value: Long) => value),
    variant('(DOUBLE) -> BIGINT', (value: number) => longOfDouble(ofDouble(value))),
    variant('(DOUBLE, INTEGER) -> DOUBLE', (value: number, places: number) =>
      places > 400 ? value : Decimal.fromNumber(value).withScale(places, rounding).toNumber(),
    ),
    variant('(DECIMAL) -> DECIMAL', (value: Decimal) => value.withScale(0, rounding), {
      returns: wholeDecimal,
    }),
    variant(
      '(DECIMAL, INTEGER) -> DECIMAL',
      (value: Decimal, places: number) =>
        places >= value.scale ? value : value.withScale(places, rounding).withScale(value.scale),
      { returns: first },
    ),
  ]
}

/** Returns the variants of GREATEST (sign 1) and LEAST (sign -1). */
function extremeVariants(sign: 1 | -1): FunctionVariant[] {
  const extreme = (...values: Value[]): Value =>
    values.reduce((best, value) => {
      if (value === null) return best
      return best === null || sign * compareValues(value, best) > 0 ? value : best
    }, null)
  return [
    ...EXTREME_TYPES.map((type) => nullable(`(${type}, ${type}...) -> ${type}`, extreme)),
    bound(
      '(DECIMAL, DECIMAL...) -> DECIMAL',
      (_parameters, returns) => {
        const scale = returns.kind === 'DECIMAL' ? returns.scale : 0
        return (...values) => (extreme(...values) as Decimal | null)?.withScale(scale) ?? null
      },
      { takesNull: true, returns: widest },
    ),
  ]
}

function widest(parameters: readonly SqlType[]): SqlType {
  return parameters.reduce((one, other) =>
    one.kind === 'DECIMAL' && other.kind === 'DECIMAL' ? widenDecimals(one, other) : one,
  )
}

function distance(
  latitude1: number,
  longitude1: number,
  latitude2: number,
  longitude2: number,
  unit: string | null = null,
): number {
  if (Math.max(Math.abs(latitude1), Math.abs(latitude2)) > 90) {
    throw new EvaluationError('GEO_DISTANCE: a latitude is out of range; -90 to 90 is allowed')
  }
  if (Math.max(Math.abs(longitude1), Math.abs(longitude2)) > 180) {
    throw new EvaluationError('GEO_DISTANCE: a longitude is out of range; -180 to 180 is allowed')
  }
  const radians = Math.PI / 180
  const sineOfLatitude = Math.sin(((latitude2 - latitude1) * radians) / 2)
  const sineOfLongitude = Math.sin(((longitude2 - longitude1) * radians) / 2)
  const haversine =
    sineOfLatitude ** 2 +
    sineOfLongitude ** 2 * Math.cos(latitude1 * radians) * Math.cos(latitude2 * radians)
  return 2 * Math.asin(Math.sqrt(haversine)) * earthRadius(unit)
}

function earthRadius(unit: string | null): number {
  if (unit === null || KILOMETRES.test(unit)) return EARTH_RADIUS_KM
  if (MILES.test(unit)) return EARTH_RADIUS_MILES
  throw new EvaluationError(`GEO_DISTANCE: '${unit}' is not a unit; KM or MILES is allowed`)
}
