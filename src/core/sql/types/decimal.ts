/** Decimal numbers with their scale, which is part of the value: 10.10 has another text than 10.1. */
import { EvaluationError } from '../errors.ts'
import { DECIMAL_DIGITS_MAX } from '../limits.ts'
import { doubleText } from './double-text.ts'
import { DECIMAL_PRECISION_MAX, decimalOf, type TypeOf } from './sql-type.ts'

/** HALF_CEILING rounds a half up: -1.5 becomes -1. HALF_UP rounds it away from zero. */
export type Rounding = 'HALF_UP' | 'HALF_CEILING' | 'DOWN' | 'FLOOR' | 'CEILING' | 'UP'

const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,9}))?$/
const POWERS_OF_TEN: bigint[] = []

function powerOfTen(exponent: number): bigint {
  if (exponent > DECIMAL_DIGITS_MAX) throw new EvaluationError(tooLong())
  POWERS_OF_TEN[exponent] ??= 10n ** BigInt(exponent)
  return POWERS_OF_TEN[exponent]
}

function tooLong(): string {
  return `DECIMAL: a number has too many digits; at most ${DECIMAL_DIGITS_MAX} are computed with`
}

export class Decimal {
  /** The number without its decimal point: 1050 for 10.50. */
  readonly unscaled: bigint
  /** Digits after the decimal point. */
  readonly scale: number

  constructor(unscaled: bigint, scale: number) {
    this.unscaled = unscaled
    this.scale = scale
  }

  /** Returns the number of a text such as `-1.50` or `1.5E3`; undefined if it is none, or has too many digits. */
  static parse(text: string): Decimal | undefined {
    const match = NUMBER.exec(text)
    if (match === null) return undefined
    const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
    const digits = whole + fraction
    const scale = fraction.length - Number(exponent)
    if (digits === '' || digits.length + Math.abs(scale) > DECIMAL_DIGITS_MAX) return undefined
    const magnitude = BigInt(digits) * powerOfTen(Math.max(0, -scale))
    return new Decimal(sign === '-' ? -magnitude : magnitude, Math.max(0, scale))
  }

  /** Returns the decimal of a double's text, with its scale, as Java's `BigDecimal.valueOf` does. */
  static fromNumber(value: number): Decimal {
    const decimal = Decimal.parse(doubleText(value))
    if (decimal !== undefined) return decimal
    throw new EvaluationError(`DECIMAL: ${value} is not a decimal number`)
  }

  static fromInteger(value: number | bigint): Decimal {
    return new Decimal(BigInt(value), 0)
  }

  /** Returns all digits, without an exponent. */
  toString(): string {
    if (this.scale === 0) return this.unscaled.toString()
    const digits = (this.isNegative ? -this.unscaled : this.unscaled)
      .toString()
      .padStart(this.scale + 1, '0')
    const point = digits.length - this.scale
    return `${this.isNegative ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`
  }

  /** Returns the nearest double. */
  toNumber(): number {
    return Number(this.toString())
  }

  /** Returns the number without its fraction. */
  toBigInt(): bigint {
    return this.unscaled / powerOfTen(this.scale)
  }

  get isZero(): boolean {
    return this.unscaled === 0n
  }

  get isNegative(): boolean {
    return this.unscaled < 0n
  }

  /** Number of digits; 1 for zero. */
  get precision(): number {
    return this.unscaled.toString().length - (this.isNegative ? 1 : 0)
  }

  negate(): Decimal {
    return new Decimal(-this.unscaled, this.scale)
  }

  abs(): Decimal {
    return this.isNegative ? this.negate() : this
  }

  add(other: Decimal): Decimal {
    const scale = Math.max(this.scale, other.scale)
    return new Decimal(this.unscaledAt(scale) + other.unscaledAt(scale), scale)
  }

  subtract(other: Decimal): Decimal {
    return this.add(other.negate())
  }

  multiply(other: Decimal): Decimal {
    return new Decimal(this.unscaled * other.unscaled, this.scale + other.scale)
  }

  /**
   * Returns the quotient with a scale.
   *
   * @throws {EvaluationError} for a divisor of zero.
   */
  divide(other: Decimal, scale: number, rounding: Rounding = 'HALF_UP'): Decimal {
    refuseZero(other)
    const shift = scale - this.scale + other.scale
    const numerator = this.unscaled * powerOfTen(Math.max(0, shift))
    const denominator = other.unscaled * powerOfTen(Math.max(0, -shift))
    return new Decimal(quotient(numerator, denominator, rounding), scale)
  }

  /**
   * Returns the remainder, with the sign of this number.
   *
   * @throws {EvaluationError} for a divisor of zero.
   */
  modulo(other: Decimal): Decimal {
    refuseZero(other)
    const scale = Math.max(this.scale, other.scale)
    return new Decimal(this.unscaledAt(scale) % other.unscaledAt(scale), scale)
  }

  /** Returns the number, rounded to a scale. A negative scale rounds digits before the point. */
  withScale(scale: number, rounding: Rounding = 'HALF_UP'): Decimal {
    if (scale === this.scale) return this
    if (scale < 0) {
      const power = powerOfTen(-scale)
      const rounded = quotient(this.unscaled, powerOfTen(this.scale) * power, rounding)
      return new Decimal(rounded * power, 0)
    }
    if (scale > this.scale) return new Decimal(this.unscaledAt(scale), scale)
    return new Decimal(quotient(this.unscaled, powerOfTen(this.scale - scale), rounding), scale)
  }

  /** Returns a negative number, 0 or a positive number; 1.0 and 1.00 are equal. */
  compare(other: Decimal): number {
    const scale = Math.max(this.scale, other.scale)
    const one = this.unscaledAt(scale)
    const two = other.unscaledAt(scale)
    if (one === two) return 0
    return one < two ? -1 : 1
  }

  /** Returns whether a DECIMAL(precision, scale) can have this value, rounded to its scale. */
  fits(precision: number, scale: number): boolean {
    const { unscaled } = this.withScale(scale)
    return (unscaled < 0n ? -unscaled : unscaled) < powerOfTen(precision)
  }

  private unscaledAt(scale: number): bigint {
    return this.unscaled * powerOfTen(scale - this.scale)
  }
}

function refuseZero(divisor: Decimal): void {
  if (divisor.isZero) throw new EvaluationError('Division by zero')
}

function quotient(numerator: bigint, denominator: bigint, rounding: Rounding): bigint {
  const whole = numerator / denominator
  const rest = numerator % denominator
  if (rest === 0n) return whole
  const isNegative = numerator < 0n !== denominator < 0n
  const away = isNegative ? whole - 1n : whole + 1n
  return roundsAway(rest, denominator, isNegative, rounding) ? away : whole
}

function roundsAway(
  rest: bigint,
  denominator: bigint,
  isNegative: boolean,
  rounding: Rounding,
): boolean {
  switch (rounding) {
    case 'DOWN':
      return false
    case 'UP':
      return true
    case 'FLOOR':
      return isNegative
    case 'CEILING':
      return !isNegative
    default: {
      const twice = 2n * (rest < 0n ? -rest : rest)
      const whole = denominator < 0n ? -denominator : denominator
      return twice > whole || (twice === whole && !(isNegative && rounding === 'HALF_CEILING'))
    }
  }
}

type DecimalType = TypeOf<'DECIMAL'>

/** DECIMAL type that has every value of an integer type. */
export const DECIMAL_OF_INTEGER: DecimalType = decimalOf(10, 0)
export const DECIMAL_OF_BIGINT: DecimalType = decimalOf(19, 0)

export function decimalTypeOfAdd(one: DecimalType, other: DecimalType): DecimalType {
  const scale = Math.max(one.scale, other.scale)
  return cut(scale + Math.max(wholeDigits(one), wholeDigits(other)) + 1, scale)
}

export function decimalTypeOfMultiply(one: DecimalType, other: DecimalType): DecimalType {
  return cut(one.precision + other.precision + 1, one.scale + other.scale)
}

export function decimalTypeOfDivide(one: DecimalType, other: DecimalType): DecimalType {
  const scale = Math.max(6, one.scale + other.precision + 1)
  return cut(wholeDigits(one) + other.scale + scale, scale)
}

export function decimalTypeOfModulo(one: DecimalType, other: DecimalType): DecimalType {
  const scale = Math.max(one.scale, other.scale)
  return cut(Math.min(wholeDigits(one), wholeDigits(other)) + scale, scale)
}

/** Returns the smallest type that has the values of both. */
export function widenDecimals(one: DecimalType, other: DecimalType): DecimalType {
  const scale = Math.max(one.scale, other.scale)
  return cut(Math.max(wholeDigits(one), wholeDigits(other)) + scale, scale)
}

function wholeDigits(type: DecimalType): number {
  return type.precision - type.scale
}

/** Returns a type of at most 38 digits. Digits after the point fall first, down to 6 of them. */
function cut(precision: number, scale: number): DecimalType {
  if (precision <= DECIMAL_PRECISION_MAX) return decimalOf(Math.max(precision, 1), scale)
  const kept = Math.max(DECIMAL_PRECISION_MAX - (precision - scale), Math.min(scale, 6))
  return decimalOf(DECIMAL_PRECISION_MAX, kept)
}
