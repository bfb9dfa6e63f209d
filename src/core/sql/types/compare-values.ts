/** Order and equality of values: numbers of all types by their value, texts by their UTF-16 units as in Java. */
import { Decimal } from './decimal.ts'
import type { Value } from './value.ts'

/** A key of a JavaScript Map or Set that two equal values share. */
export type Identity = string | number | bigint | boolean | null

/** Returns a negative number, 0 or a positive number. NULL is after all others, and so is NaN after all numbers. */
export function compareValues(one: Value, other: Value): number {
  if (one === other) return 0
  if (one === null) return 1
  if (other === null) return -1
  if (one instanceof Decimal || other instanceof Decimal) return compareDecimals(one, other)
  if (one instanceof Uint8Array && other instanceof Uint8Array) return compareLists(one, other)
  if (Array.isArray(one) && Array.isArray(other)) return compareLists(one, other)
  if (one instanceof Map && other instanceof Map) {
    return compareLists(sortedEntries(one), sortedEntries(other))
  }
  if (one < other) return -1
  if (one > other) return 1
  if (typeof one !== 'number' || typeof other !== 'number') return 0
  return Number(Number.isNaN(one)) - Number(Number.isNaN(other))
}

/** Returns whether two values are equal; NULL equals NULL. */
export function equalValues(one: Value, other: Value): boolean {
  if (one === other) return true
  if (one === null || other === null) return false
  return compareValues(one, other) === 0
}

/** Returns a key that equal values of one type share. */
export function identityOf(value: Value): Identity {
  if (value === null || typeof value !== 'object') return value
  return `\u0000${textOf(value)}`
}

function compareDecimals(one: Value, other: Value): number {
  if (typeof one === 'number' && !Number.isFinite(one)) return one < 0 ? -1 : 1
  if (typeof other === 'number' && !Number.isFinite(other)) return other < 0 ? 1 : -1
  return decimalOf(one).compare(decimalOf(other))
}

function decimalOf(value: Value): Decimal {
  if (value instanceof Decimal) return value
  return typeof value === 'bigint' ? Decimal.fromInteger(value) : Decimal.fromNumber(Number(value))
}

function compareLists(one: ArrayLike<Value>, other: ArrayLike<Value>): number {
  const length = Math.min(one.length, other.length)
  for (let index = 0; index < length; index++) {
    const order = compareValues(one[index] ?? null, other[index] ?? null)
    if (order !== 0) return order
  }
  return one.length - other.length
}

function sortedEntries(map: ReadonlyMap<Value, Value>): Value[][] {
  return [...map].sort(([one], [other]) => compareValues(one, other))
}

/** Returns a text that no unequal value of the same type has; the text of a part shows where the part ends. */
function textOf(value: Value): string {
  if (value instanceof Decimal) return `${textOfDecimal(value)};`
  if (value instanceof Uint8Array) return `${value.join()};`
  if (value instanceof Map) {
    const entries = [...value].map(([key, held]) => `${textOf(key)}=${textOf(held)}`)
    return `{${entries.sort().join('')}}`
  }
  if (Array.isArray(value)) return `[${value.map(textOf).join('')}]`
  return typeof value === 'string' ? `${JSON.stringify(value)};` : `${value};`
}

/** Returns the digits without zeros at the end of the decimal places. */
function textOfDecimal(value: Decimal): string {
  return value.scale === 0 ? value.toString() : value.toString().replace(/\.?0+$/, '')
}
