/** The names that stand beside the functions are those of the functions. */
import { expect, it } from 'vitest'
import { isAggregate } from '../../../../src/core/sql/aggregates/aggregate-names.ts'
import { AGGREGATE_FUNCTIONS } from '../../../../src/core/sql/aggregates/aggregates.ts'
import { BYTES_FUNCTIONS } from '../../../../src/core/sql/functions/bytes-functions.ts'
import { COLLECTION_FUNCTIONS } from '../../../../src/core/sql/functions/collection-functions.ts'
import { familyOf, SCALAR_NAMES } from '../../../../src/core/sql/functions/families.ts'
import { SCALAR_FUNCTIONS, TABLE_FUNCTIONS } from '../../../../src/core/sql/functions/functions.ts'
import { JSON_FUNCTIONS } from '../../../../src/core/sql/functions/json-functions.ts'
import { LAMBDA_FUNCTIONS } from '../../../../src/core/sql/functions/lambda-functions.ts'
import { MATH_FUNCTIONS } from '../../../../src/core/sql/functions/math-functions.ts'
import { NULL_FUNCTIONS } from '../../../../src/core/sql/functions/null-functions.ts'
import { REGEXP_FUNCTIONS } from '../../../../src/core/sql/functions/regexp-functions.ts'
import { TEXT_FUNCTIONS } from '../../../../src/core/sql/functions/text-functions.ts'
import { TIME_FUNCTIONS } from '../../../../src/core/sql/functions/time-functions.ts'
import { URL_FUNCTIONS } from '../../../../src/core/sql/functions/url-functions.ts'

it('lists the names of all scalar functions', () => {
  expect(SCALAR_NAMES).toEqual([...SCALAR_FUNCTIONS.keys()])
})

it.each([
  ['bytes', BYTES_FUNCTIONS],
  ['collection', COLLECTION_FUNCTIONS],
  ['json', JSON_FUNCTIONS],
  ['lambda', LAMBDA_FUNCTIONS],
  ['math', MATH_FUNCTIONS],
  ['null', NULL_FUNCTIONS],
  ['regexp', REGEXP_FUNCTIONS],
  ['text', TEXT_FUNCTIONS],
  ['time', TIME_FUNCTIONS],
  ['url', URL_FUNCTIONS],
])('finds the family %s of its functions', (family, functions) => {
  expect(functions.map(({ name }) => familyOf(name))).toEqual(functions.map(() => family))
})

it('tells aggregate functions from others', () => {
  expect([...AGGREGATE_FUNCTIONS.keys()].filter((name) => !isAggregate(name))).toEqual([])
  const others = [...SCALAR_FUNCTIONS.keys(), ...TABLE_FUNCTIONS.keys(), 'NO_SUCH_FUNCTION']
  expect(others.filter(isAggregate)).toEqual([])
})
