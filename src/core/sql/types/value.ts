/**
 * The values of SQL as JavaScript has them:
 *
 * | type                  | value                                                          |
 * | --------------------- | -------------------------------------------------------------- |
 * | any                   | null                                                           |
 * | BOOLEAN               | boolean                                                        |
 * | INTEGER, DOUBLE       | number                                                         |
 * | BIGINT                | `Long`                                                         |
 * | DECIMAL               | `Decimal`                                                      |
 * | STRING                | string                                                         |
 * | BYTES                 | Uint8Array                                                     |
 * | TIME, DATE, TIMESTAMP | number: milliseconds of the day, days and milliseconds of 1970 |
 * | ARRAY                 | array                                                          |
 * | STRUCT                | array: a value for each field, in their order                  |
 * | MAP                   | Map, in the order of its entries                               |
 */
import type { Decimal } from './decimal.ts'

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Decimal
  | readonly Value[]
  | ReadonlyMap<Value, Value>

/** A whole number of 64 bits: a number if it is a safe integer, else a bigint. One number has one form. */
export type Long = number | bigint

/** Returns the form of a whole number; of one with more than 64 bits, its lower ones, as Java does. */
export function longOf(value: bigint): Long {
  const wrapped = BigInt.asIntN(64, value)
  const isSafe =
    wrapped <= BigInt(Number.MAX_SAFE_INTEGER) && wrapped >= -BigInt(Number.MAX_SAFE_INTEGER)
  return isSafe ? Number(wrapped) : wrapped
}
