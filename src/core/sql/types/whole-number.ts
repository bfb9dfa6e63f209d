/** Whole numbers of 32 and 64 bits, with the overflow of Java. */
import { type Long, longOf } from './value.ts'

const LONG_MAX = 2n ** 63n - 1n
const LONG_MIN = -(2n ** 63n)
const INTEGER_MAX = 2 ** 31 - 1
const INTEGER_MIN = -(2 ** 31)

/** Returns a double without its fraction; NaN becomes 0, and numbers out of range the nearest one, as in Java. */
export function longOfDouble(value: number): Long {
  const whole = Math.trunc(value)
  if (Number.isSafeInteger(whole)) return whole + 0
  if (Number.isNaN(value)) return 0
  if (whole >= Number(LONG_MAX)) return LONG_MAX
  return whole <= Number(LONG_MIN) ? LONG_MIN : longOf(BigInt(whole))
}

/** Returns a double as INTEGER: see `longOfDouble`. */
export function integerOfDouble(value: number): number {
  if (Number.isNaN(value)) return 0
  return Math.max(INTEGER_MIN, Math.min(INTEGER_MAX, Math.trunc(value))) + 0
}

export function addLongs(one: Long, other: Long): Long {
  if (typeof one === 'number' && typeof other === 'number') {
    const sum = one + other
    if (Number.isSafeInteger(sum)) return sum
  }
  return longOf(BigInt(one) + BigInt(other))
}

export function subtractLongs(one: Long, other: Long): Long {
  if (typeof one === 'number' && typeof other === 'number') {
    const difference = one - other
    if (Number.isSafeInteger(difference)) return difference
  }
  return longOf(BigInt(one) - BigInt(other))
}
