/** Functions of NULL, and of any value. */
import { equalValues } from '../types/compare-values.ts'
import type { Value } from '../types/value.ts'
import { nullable, scalar } from './define.ts'
import type { ScalarFunction } from './function.ts'

export const NULL_FUNCTIONS: readonly ScalarFunction[] = [
  scalar(
    'AS_VALUE',
    'Returns the value: copies a column of the key into the value of a row.',
    nullable('(T) -> T', (value: Value) => value),
  ),
  scalar(
    'COALESCE',
    'Returns the first value that is not NULL.',
    nullable(
      '(T, T...) -> T',
      (...values: Value[]) => values.find((value) => value !== null) ?? null,
    ),
  ),
  scalar(
    'IFNULL',
    'Returns the first value, or the second if that is NULL.',
    nullable('(T, T) -> T', (one: Value, other: Value) => one ?? other),
  ),
  scalar(
    'NULLIF',
    'Returns NULL if both values are equal, else the first.',
    nullable('(T, T) -> T', (one: Value, other: Value) => (equalValues(one, other) ? null : one)),
  ),
]
