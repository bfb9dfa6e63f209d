/** All functions by their name. */
import { BYTES_FUNCTIONS } from './bytes-functions.ts'
import { COLLECTION_FUNCTIONS } from './collection-functions.ts'
import type { ScalarFunction, TableFunction } from './function.ts'
import { JSON_FUNCTIONS } from './json-functions.ts'
import { LAMBDA_FUNCTIONS } from './lambda-functions.ts'
import { MATH_FUNCTIONS } from './math-functions.ts'
import { NULL_FUNCTIONS } from './null-functions.ts'
import { REGEXP_FUNCTIONS } from './regexp-functions.ts'
import { TABLE_FUNCTION_LIST } from './table-functions.ts'
import { TEXT_FUNCTIONS } from './text-functions.ts'
import { TIME_FUNCTIONS } from './time-functions.ts'
import { URL_FUNCTIONS } from './url-functions.ts'

export const SCALAR_FUNCTIONS: ReadonlyMap<string, ScalarFunction> = byName([
  ...BYTES_FUNCTIONS,
  ...COLLECTION_FUNCTIONS,
  ...JSON_FUNCTIONS,
  ...LAMBDA_FUNCTIONS,
  ...MATH_FUNCTIONS,
  ...NULL_FUNCTIONS,
  ...REGEXP_FUNCTIONS,
  ...TEXT_FUNCTIONS,
  ...TIME_FUNCTIONS,
  ...URL_FUNCTIONS,
])

export const TABLE_FUNCTIONS: ReadonlyMap<string, TableFunction> = byName(TABLE_FUNCTION_LIST)

function byName<F extends ScalarFunction>(functions: readonly F[]): ReadonlyMap<string, F> {
  return new Map(
    [...functions]
      .sort((one, other) => (one.name < other.name ? -1 : 1))
      .map((each) => [each.name, each]),
  )
}
