import { describe, expect, it } from 'vitest'
import { SqlError } from '../../../../src/core/sql/errors.ts'
import { SCALAR_FUNCTIONS, TABLE_FUNCTIONS } from '../../../../src/core/sql/functions/functions.ts'
import { signatureOf, typeOfPattern } from '../../../../src/core/sql/functions/signature.ts'
import { FUNCTION_EXAMPLES } from '../function-examples.ts'
import { evaluateExample, shownResult } from './evaluate-example.ts'

const ALL = [...SCALAR_FUNCTIONS.values(), ...TABLE_FUNCTIONS.values()]

describe('functions', () => {
  it.each(FUNCTION_EXAMPLES)('gives the result of the example $sql', ({ sql, result }) => {
    const typed = evaluateExample(sql)
    const isTable = TABLE_FUNCTIONS.has(sql.slice(0, sql.indexOf('(')))
    const type =
      isTable && typed.type !== null
        ? ({ kind: 'ARRAY', element: typed.type } as const)
        : typed.type
    expect(shownResult({ ...typed, type })).toEqual(result)
  })

  it.each(ALL)(
    'shows $name by an example, and has signatures that can be read',
    ({ name, description, variants }) => {
      expect(FUNCTION_EXAMPLES.some(({ sql }) => sql.includes(`${name}(`))).toBe(true)
      expect(description).toMatch(/^[A-Z].*\.$/)
      for (const variant of variants) {
        const { result } = signatureOf(variant.signature)
        const text = /^\(.*\) -> [A-Z<>, ]+$/
        expect(variant.signature).toMatch(text)
        expect(variant.call === undefined).toBe(variant.bind !== undefined)
        if (variant.returns === undefined) {
          const types = new Map([...'KSTUV'].map((letter) => [letter, { kind: 'STRING' } as const]))
          expect(typeOfPattern(result, types), variant.signature).toBeDefined()
        }
      }
    },
  )

  it.each([
    ["ENCODE('x', 'hex', 'utf8')", 'hex: the text has an odd number of digits or other characters'],
    ["TO_BYTES('x', 'latin1')", "Unknown encoding type 'latin1'. Supported formats are 'hex'"],
    ["MASK_LEFT('abc', -1)", '0 and more are allowed'],
    ["MASK('abc', 'xx', 'x', 'n', '-')", 'Must be only single character'],
    ["LPAD('a', 2000000, 'b')", 'at most 1000000 is allowed'],
    ["REPLACE(RPAD('', 900000, 'a'), 'a', RPAD('b', 900000, 'b'))", 'at most 1000000 is allowed'],
    [
      "REGEXP_REPLACE(RPAD('', 900000, 'a'), 'a', RPAD('b', 900000, 'b'))",
      'at most 1000000 is allowed',
    ],
    ["REGEXP_REPLACE(RPAD('', 900000, 'a'), 'a+', '$0$0')", 'at most 1000000 is allowed'],
    ["ARRAY_JOIN(GENERATE_SERIES(1, 99999), RPAD('b', 900000, 'b'))", 'at most 1000000 is allowed'],
    ["CONCAT_WS(RPAD('b', 900000, 'b'), 'a', 'a', 'a')", 'at most 1000000 is allowed'],
    ['GENERATE_SERIES(1, 2000000)', 'at most 100000 are allowed'],
    ['GENERATE_SERIES(1, 2, 0)', 'step cannot be zero'],
    ['GENERATE_SERIES(1, 2, -1)', 'step has wrong sign'],
    ['CUBE_EXPLODE(GENERATE_SERIES(1, 13))', 'at most 12 are allowed'],
    ["EXTRACTJSONFIELD('{', '$.a')", 'Invalid JSON format'],
    ["EXTRACTJSONFIELD('[1,]', '$.a')", 'Invalid JSON format'],
    ["EXTRACTJSONFIELD('{}', 'a')", 'JSON path'],
    ["EXTRACTJSONFIELD(RPAD('', 200, '['), '$')", 'nested too deep'],
    ["REGEXP_EXTRACT('(a', 'a')", 'Invalid regular expression pattern'],
    ["REGEXP_REPLACE('a', 'a', '$1')", 'is no group'],
    ["BIGINT_FROM_BYTES(TO_BYTES('a', 'utf8'))", '1 bytes are no BIGINT'],
    ["INT_FROM_BYTES(TO_BYTES('abcd', 'utf8'), 'MIDDLE')", 'BIG_ENDIAN or LITTLE_ENDIAN'],
    ["URL_EXTRACT_HOST('http://a b')", 'invalid syntax'],
    ["URL_DECODE_PARAM('%zz')", 'no UTF-8'],
    ['GEO_DISTANCE(91, 0, 0, 0)', '-90 to 90'],
    ["GEO_DISTANCE(1, 0, 0, 0, 'ells')", 'KM or MILES'],
    ["PARSE_DATE('2021-02-40', 'yyyy-MM-dd')", 'does not fit the pattern'],
    ["PARSE_DATE('2021', 'jjjj')", "'jjjj' is not known"],
    ["FORMAT_TIMESTAMP('2021', 'yyyy', 'Mars')", "time zone: 'Mars' is not known"],
    ["DATEADD(AEONS, 1, '2021-01-01')", 'is no unit of time'],
    ['ARRAY_JOIN(ARRAY[ARRAY[1]])', 'of type ARRAY'],
    ["TRANSFORM(MAP('a' := 1, 'b' := 2), (k, v) => ABS(1), (k, v) => ABS(v))", 'the same key'],
  ])('refuses the row of %s', (sql, message) => {
    expect(() => evaluateExample(sql)).toThrow(message)
  })

  it.each([
    'GREATEST()',
    "GREATEST('a', 1)",
    'LEAST(1, 5000000000)',
    'LEAST(NULL, NULL)',
    "GEO_DISTANCE(1, 2, 'foo', 0)",
    'COALESCE()',
    'DATESUB(FROM_DAYS(1), 5, FROM_DAYS(1))',
    "EXPLODE(MAP('a' := 1))",
  ])('refuses the statement with %s', (sql) => {
    expect(() => evaluateExample(sql)).toThrow(SqlError)
    expect(() => evaluateExample(sql)).toThrow(/does not accept parameters|ambiguous/)
  })
})
