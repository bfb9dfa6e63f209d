/** The JSON texts of values: in records, in state, and in the rows of queries. */
import { expect, test } from 'vitest'
import { jsonReader, parseJson } from '../../../../src/core/sql/formats/json-reader.ts'
import { jsonWriter } from '../../../../src/core/sql/formats/json-writer.ts'
import { Cursor } from '../../../../src/core/sql/syntax/cursor.ts'
import { tokenize } from '../../../../src/core/sql/syntax/lexer.ts'
import { parseType } from '../../../../src/core/sql/syntax/parse-type.ts'

const typeText = 'STRUCT<at TIMESTAMP, days ARRAY<DATE>, times MAP<STRING, TIME>, big BIGINT>'
const type = parseType(new Cursor(tokenize(typeText), () => undefined))
const noonMs = Date.UTC(2026, 10, 30, 12)
const value = [noonMs, [0, null], new Map([['tea', 57_600_000]]), 2n ** 62n]

test.each([
  ['record', `{"AT":${noonMs},"DAYS":[0,null],"TIMES":{"tea":57600000},"BIG":4611686018427387904}`],
  ['state', `[${noonMs},[0,null],["tea",57600000],4611686018427387904]`],
  [
    'result',
    '{"AT":"2026-11-30T12:00:00.000","DAYS":["1970-01-01",null],"TIMES":{"tea":"16:00"},"BIG":4611686018427387904}',
  ],
] as const)('the form %s has times and names of its own', (form, expected) => {
  const text = jsonWriter(type, form)(value)
  expect(text).toBe(expected)
  if (form !== 'result') expect(jsonReader(type, form === 'state')(parseJson(text))).toEqual(value)
})
