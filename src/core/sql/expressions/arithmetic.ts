/** Arithmetic, as Java does it: integers wrap around, and their division has no fraction. */
import { EvaluationError, SqlError } from '../errors.ts'
import type { ArithmeticOperator } from '../syntax/ast.ts'
import { rounded } from '../types/cast.ts'
import {
  DECIMAL_OF_BIGINT,
  DECIMAL_OF_INTEGER,
  Decimal,
  decimalTypeOfAdd,
  decimalTypeOfDivide,
  decimalTypeOfModulo,
  decimalTypeOfMultiply,
} from '../types/decimal.ts'
import {
  BIGINT,
  DOUBLE,
  INTEGER,
  type SqlType,
  STRING,
  showType,
  type TypeOf,
} from '../types/sql-type.ts'
import { type Long, longOf, type Value } from '../types/value.ts'
import type { Typed } from './typed.ts'

const NUMERIC: ReadonlySet<SqlType['kind']> = new Set(['INTEGER', 'BIGINT', 'DECIMAL', 'DOUBLE'])

export function isNumeric(type: SqlType): boolean {
  return NUMERIC.has(type.kind)
}

/** Returns the DECIMAL that has all values of a whole number, or of another DECIMAL. */
export function decimalTypeOf(type: SqlType): TypeOf<'DECIMAL'> {
  if (type.kind === 'DECIMAL') return type
  return type.kind === 'INTEGER' ? DECIMAL_OF_INTEGER : DECIMAL_OF_BIGINT
}

/** Returns a number as a DECIMAL. */
export function toDecimal(value: Value): Decimal {
  return value instanceof Decimal ? value : Decimal.fromInteger(value as Long)
}

/** Returns a number as a DOUBLE. */
export function toDouble(value: Value): number {
  return value instanceof Decimal ? value.toNumber() : Number(value)
}

function unsupported(one: SqlType | null, other: SqlType | null, shown: string): SqlError {
  const [left, right] = [one, other].map((type) => (type === null ? 'null' : showType(type)))
  return new SqlError(
    `Error processing expression: ${shown}. Arithmetic on types ${left} and ${right} are not supported; numbers are allowed`,
  )
}

type Strict = (left: never, right: never) => Value

/** @param isInLambda In a lambda, a null makes the whole call fail, as in ksqlDB. */
export function compileArithmetic(
  operator: ArithmeticOperator,
  left: Typed,
  right: Typed,
  shown: string,
  isInLambda = false,
): Typed {
  const { type: one } = left
  const { type: other } = right
  if (one === null || other === null) {
    throw unsupported(one, other, shown)
  }
  // A + of two texts joins them.
  if (operator === '+' && one.kind === 'STRING' && other.kind === 'STRING') {
    return strict(isInLambda, STRING, left, right, (a: string, b: string) => a + b)
  }
  if (!isNumeric(one) || !isNumeric(other)) {
    throw unsupported(one, other, shown)
  }
  const kinds = [one.kind, other.kind]
  if (kinds.includes('DOUBLE')) return strict(isInLambda, DOUBLE, left, right, doubles(operator))
  if (kinds.includes('DECIMAL'))
    return compileDecimals(isInLambda, operator, left, right, one, other)
  const isLong = kinds.includes('BIGINT')
  return strict(
    isInLambda,
    isLong ? BIGINT : INTEGER,
    left,
    right,
    isLong ? LONGS[operator] : INTEGERS[operator],
  )
}

function strict(
  isInLambda: boolean,
  type: SqlType,
  left: Typed,
  right: Typed,
  compute: Strict,
): Typed {
  const one = left.evaluate
  const other = right.evaluate
  return {
    type,
    evaluate(row, variables) {
      const a = one(row, variables)
      const b = a === null ? null : other(row, variables)
      if (a !== null && b !== null) return compute(a as never, b as never)
      if (isInLambda) throw new EvaluationError('arithmetic with a null in a lambda')
      return null
    },
  }
}

const INTEGERS: Readonly<Record<ArithmeticOperator, (a: number, b: number) => number>> = {
  '+': (a, b) => (a + b) | 0,
  '-': (a, b) => (a - b) | 0,
  '*': (a, b) => Math.imul(a, b),
  '/': (a, b) => (a / divisor(b)) | 0,
  '%': (a, b) => (a % divisor(b)) | 0,
}

function divisor(value: number): number {
  if (value === 0) throw new EvaluationError('/ by zero')
  return value
}

const LONGS: Readonly<Record<ArithmeticOperator, (a: Long, b: Long) => Long>> = {
  '+': (a, b) => exact(a, b, Number(a) + Number(b), (x, y) => x + y),
  '-': (a, b) => exact(a, b, Number(a) - Number(b), (x, y) => x - y),
  '*': (a, b) => exact(a, b, Number(a) * Number(b), (x, y) => x * y),
  '/': (a, b) => {
    divisor(Number(b))
    return exact(a, b, Math.trunc(Number(a) / Number(b)), (x, y) => x / y)
  },
  '%': (a, b) => {
    divisor(Number(b))
    return exact(a, b, Number(a) % Number(b), (x, y) => x % y)
  },
}

/** Returns `rough` where doubles are exact, else computes with all digits. */
function exact(a: Long, b: Long, rough: number, compute: (a: bigint, b: bigint) => bigint): Long {
  const isExact = typeof a === 'number' && typeof b === 'number' && Number.isSafeInteger(rough)
  // `+ 0` turns -0 into 0.
  return isExact ? rough + 0 : longOf(compute(BigInt(a), BigInt(b)))
}

function doubles(operator: ArithmeticOperator): (a: Value, b: Value) => number {
  const compute = DOUBLES[operator]
  return (a, b) => compute(toDouble(a), toDouble(b))
}

const DOUBLES: Readonly<Record<ArithmeticOperator, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
}

function compileDecimals(
  isInLambda: boolean,
  operator: ArithmeticOperator,
  left: Typed,
  right: Typed,
  one: SqlType,
  other: SqlType,
): Typed {
  const a = decimalTypeOf(one)
  const b = decimalTypeOf(other)
  const { type, compute } = decimals(operator, a, b)
  return strict(isInLambda, type, left, right, (x: Value, y: Value) =>
    rounded(compute(toDecimal(x), toDecimal(y)), type),
  )
}

function decimals(
  operator: ArithmeticOperator,
  a: TypeOf<'DECIMAL'>,
  b: TypeOf<'DECIMAL'>,
): { type: TypeOf<'DECIMAL'>; compute: (x: Decimal, y: Decimal) => Decimal } {
  switch (operator) {
    case '+':
      return { type: decimalTypeOfAdd(a, b), compute: (x, y) => x.add(y) }
    case '-':
      return { type: decimalTypeOfAdd(a, b), compute: (x, y) => x.subtract(y) }
    case '*':
      return { type: decimalTypeOfMultiply(a, b), compute: (x, y) => x.multiply(y) }
    case '/': {
      const type = decimalTypeOfDivide(a, b)
      return { type, compute: (x, y) => x.divide(y, type.scale) }
    }
    case '%':
      return { type: decimalTypeOfModulo(a, b), compute: (x, y) => x.modulo(y) }
  }
}
