/** CAST. */
import { EvaluationError, SqlError } from '../errors.ts'
import { Decimal } from './decimal.ts'
import { doubleText } from './double-text.ts'
import { equalTypes, type SqlType, showType, type TypeOf } from './sql-type.ts'
import {
  dateText,
  parseDateText,
  parseTimestampText,
  parseTimeText,
  timestampText,
  timeText,
} from './time-text.ts'
import { type Long, longOf, type Value } from './value.ts'

/** Changes a value that is not null. */
export type Cast = (value: never) => Value

const DAY_MS = 86_400_000

/**
 * Returns the function that makes values of a type of those of another one. It throws an EvaluationError for a value
 * that has no counterpart.
 *
 * @throws {SqlError} if values of `from` never have one.
 */
export function castOf(from: SqlType, to: SqlType): Cast {
  if (equalTypes(from, to)) return (value) => value
  const cast = plainCast(from, to) ?? nestedCast(from, to)
  if (cast !== undefined) return cast
  throw new SqlError(`Cast of ${showType(from)} to ${showType(to)} is not supported`)
}

function plainCast(from: SqlType, to: SqlType): Cast | undefined {
  if (to.kind === 'DECIMAL') return decimalCast(from, to)
  if (to.kind === 'STRING') return textOf(from)
  return CASTS[`${from.kind} ${to.kind}`]
}

const INT_MAX = 2 ** 31 - 1
const INT_MIN = -(2 ** 31)
const LONG_MAX = 2n ** 63n - 1n

function toInt(value: bigint): number {
  return Number(BigInt.asIntN(32, value))
}

/** Cuts the fraction off; a double that is too large becomes the largest number, and NaN 0, as in Java. */
function doubleToInt(value: number): number {
  if (Number.isNaN(value)) return 0
  return Math.trunc(Math.min(INT_MAX, Math.max(INT_MIN, value))) + 0
}

function doubleToLong(value: number): Long {
  if (Number.isNaN(value)) return 0
  if (value >= 2 ** 63) return LONG_MAX
  return value <= -(2 ** 63) ? -LONG_MAX - 1n : longOf(BigInt(Math.trunc(value)))
}

function textToWhole(text: string, bits: number): bigint {
  const trimmed = text.trim()
  if (/^[+-]?\d{1,20}$/.test(trimmed)) {
    const value = BigInt(trimmed.replace('+', ''))
    if (BigInt.asIntN(bits, value) === value) return value
  }
  throw new EvaluationError(`${JSON.stringify(text)} is not a whole number of ${bits} bits`)
}

function textToDouble(text: string): number {
  const trimmed = text.trim()
  const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?Infinity$|^NaN$/.test(trimmed)
  if (isNumber) return Number(trimmed)
  throw new EvaluationError(`${JSON.stringify(text)} is not a number`)
}

/** True is each beginning of `true` and `yes`, in any case. */
function textToBoolean(text: string): boolean {
  const lower = text.toLowerCase()
  return lower !== '' && ('true'.startsWith(lower) || 'yes'.startsWith(lower))
}

const CASTS: Readonly<Record<string, Cast>> = {
  'INTEGER BIGINT': (value: number) => value,
  'INTEGER DOUBLE': (value: number) => value,
  'BIGINT INTEGER': (value: Long) => toInt(BigInt(value)),
  'BIGINT DOUBLE': (value: Long) => Number(value),
  'DOUBLE INTEGER': doubleToInt,
  'DOUBLE BIGINT': doubleToLong,
  'DECIMAL INTEGER': (value: Decimal) => toInt(value.toBigInt()),
  'DECIMAL BIGINT': (value: Decimal) => longOf(value.toBigInt()),
  'DECIMAL DOUBLE': (value: Decimal) => value.toNumber(),
  'STRING BOOLEAN': textToBoolean,
  'STRING INTEGER': (text: string) => Number(textToWhole(text, 32)),
  'STRING BIGINT': (text: string) => longOf(textToWhole(text, 64)),
  'STRING DOUBLE': textToDouble,
  'STRING TIME': parseTimeText,
  'STRING DATE': parseDateText,
  'STRING TIMESTAMP': parseTimestampText,
  'TIMESTAMP DATE': (timestampMs: number) => Math.floor(timestampMs / DAY_MS),
  'TIMESTAMP TIME': (timestampMs: number) => ((timestampMs % DAY_MS) + DAY_MS) % DAY_MS,
  'DATE TIMESTAMP': (days: number) => days * DAY_MS,
}

function decimalCast(from: SqlType, to: TypeOf<'DECIMAL'>): Cast | undefined {
  const parse = DECIMAL_PARSERS[from.kind]
  return parse && ((value) => rounded(parse(value), to))
}

const DECIMAL_PARSERS: Readonly<Record<string, (value: never) => Decimal>> = {
  INTEGER: (value: number) => Decimal.fromInteger(value),
  BIGINT: (value: Long) => Decimal.fromInteger(value),
  DOUBLE: (value: number) => Decimal.fromNumber(value),
  DECIMAL: (value: Decimal) => value,
  STRING(text: string) {
    const value = Decimal.parse(text.trim())
    if (value !== undefined) return value
    throw new EvaluationError(`${JSON.stringify(text)} is not a decimal number`)
  },
}

/** Returns a DECIMAL with the scale of a type. @throws {EvaluationError} if it has too many digits. */
export function rounded(value: Decimal, { precision, scale }: TypeOf<'DECIMAL'>): Decimal {
  const scaled = value.withScale(scale)
  if (scaled.fits(precision, scale)) return scaled
  throw new EvaluationError(
    `Numeric field overflow: A field with precision ${precision} and scale ${scale} must round to an absolute value less than 10^${precision - scale}. Got ${value}`,
  )
}

/** Returns the function that shows values of a type, as Java's `toString` does. */
export function textOf(type: SqlType): Cast | undefined {
  switch (type.kind) {
    case 'DOUBLE':
      return doubleText
    case 'TIMESTAMP':
      return timestampText
    case 'DATE':
      return dateText
    case 'TIME':
      return timeText
    case 'BYTES':
      return undefined
    case 'ARRAY': {
      const show = nullable(textOf(type.element))
      return show && ((values: readonly Value[]) => `[${values.map(show).join(', ')}]`)
    }
    case 'MAP': {
      const key = nullable(textOf(type.key))
      const value = nullable(textOf(type.value))
      if (key === undefined || value === undefined) return undefined
      return (map: ReadonlyMap<Value, Value>) =>
        `{${Array.from(map, ([one, other]) => `${key(one)}=${value(other)}`).join(', ')}}`
    }
    case 'STRUCT':
      return structText(type)
    default:
      return (value: Value) => String(value)
  }
}

function structText({ fields }: TypeOf<'STRUCT'>): Cast | undefined {
  const shows = fields.map((field) => nullable(textOf(field.type)))
  if (shows.includes(undefined)) return undefined
  return (values: readonly Value[]) => {
    const parts = fields.flatMap(({ name }, index) => {
      const value = values[index] ?? null
      return value === null ? [] : [`${name}=${shows[index]?.(value)}`]
    })
    return `Struct{${parts.join(',')}}`
  }
}

function nullable(show: Cast | undefined): ((value: Value) => Value) | undefined {
  return show && ((value) => (value === null ? 'null' : show(value as never)))
}

function nestedCast(from: SqlType, to: SqlType): Cast | undefined {
  if (from.kind === 'ARRAY' && to.kind === 'ARRAY') {
    const cast = orNull(castOf(from.element, to.element))
    return (values: readonly Value[]) => values.map(cast)
  }
  if (from.kind === 'MAP' && to.kind === 'MAP') {
    const key = orNull(castOf(from.key, to.key))
    const value = orNull(castOf(from.value, to.value))
    return (map: ReadonlyMap<Value, Value>) =>
      new Map(Array.from(map, ([one, other]) => [key(one), value(other)]))
  }
  if (from.kind !== 'STRUCT' || to.kind !== 'STRUCT') return undefined
  // Fields are matched by name; those that are missing are null.
  const casts = to.fields.map(({ name, type }) => {
    const index = from.fields.findIndex((field) => field.name === name)
    const field = from.fields[index]
    if (field === undefined) return () => null
    const cast = orNull(castOf(field.type, type))
    return (values: readonly Value[]) => cast(values[index] ?? null)
  })
  return (values: readonly Value[]) => casts.map((cast) => cast(values))
}

function orNull(cast: Cast): (value: Value) => Value {
  return (value) => (value === null ? null : cast(value as never))
}
