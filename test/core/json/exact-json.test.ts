import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type JsonForm, JsonText, parseExactJson } from '../../../src/core/json/exact-json.ts'
import { JSON_DEPTH_MAX, JSON_NAMES_MAX } from '../../../src/core/limits.ts'
import { runs, SEEDED } from '../../support/seed.ts'

const RECORD: JsonForm = {
  fields: new Map<string, JsonForm>([
    ['value', 'text'],
    ['headers', 'ordered'],
  ]),
}
const BODY: JsonForm = { fields: new Map([['records', { each: RECORD }]]) }

/** Returns a matcher for an `invalid_request` error. */
function refusal(message: string) {
  return expect.objectContaining({
    code: 'invalid_request',
    message: expect.stringContaining(message),
  })
}

/** Generates JSON with the variations that senders use: white space, escapes, other notations of numbers. */
const arbitrarySource: fc.Arbitrary<string> = fc.letrec<{ value: string; space: string }>((tie) => {
  const space = fc.constantFrom('', '', '', ' ', '\n', '\t\r\n ')
  const text = fc.string({ unit: 'binary' }).map((given) => JSON.stringify(given))
  const escaped = fc.constantFrom(
    '"\\u0061"',
    '"\\/"',
    '"\\ud800"',
    '"\\\\"',
    '"a\\"]"',
    '"} \\\\"',
  )
  const scalar = fc.oneof(
    fc.constantFrom('1.10', '-0', '1e400', '9007199254740993', 'true', 'null', '""'),
    text,
    escaped,
  )
  const list = fc
    .array(fc.tuple(tie('space'), tie('value'), tie('space')), { maxLength: 4 })
    .map((items) => `[${items.map((item) => item.join('')).join(',')}]`)
  const object = fc
    .array(fc.tuple(tie('space'), fc.oneof(text, escaped), tie('space'), tie('value')), {
      maxLength: 4,
    })
    .map((members) => {
      const sources = members.map(([a, name, b, value]) => `${a}${name}${b}:${b}${value}${a}`)
      return `{${sources.join(',')}}`
    })
  return { space, value: fc.oneof({ maxDepth: 4 }, scalar, list, object) }
}).value

/** Removes white space between tokens, in the slow way. */
function compactOf(source: string): string {
  return source.replace(/("(?:[^"\\]|\\.)*")|[ \t\r\n]+/g, '$1')
}

describe('parseExactJson()', () => {
  it.each([
    '{"a":[1,2.5,{"b":null}],"c":"x"}',
    ' [ ] ',
    '{ }',
    '[{},[],"",0,-1e3,true,false,null]',
    '"\\u0061\\\\"',
    ' 7 ',
    '{"a\\"b":{"\\u0061":" \\" , ] } "}}',
  ])('returns the same as JSON.parse() for %s', (source) => {
    expect(parseExactJson(source)).toEqual(JSON.parse(source))
  })

  it.each([
    ['{"a":1,"a":1}', 'a: given twice'],
    ['{"a":1,"\\u0061":2}', 'a: given twice'],
    ['{"b":{"x":[{},{"a":null,"a":{"c":1}}]}}', 'b.x[1].a: given twice'],
    ['{"a":{"b":{"c":[1]}},"a":null}', 'a: given twice'],
    ['{"a":[[1]],"a":{"0":"x"}}', 'a: given twice'],
    ['{"a":9007199254740993}', 'a: 9007199254740993 is not exact as a double'],
    ['[1e400]', '[0]: 1e400 is not exact'],
    ['1e-400', 'body: 1e-400 is not exact'],
    ['{"a":{"__proto__":1}}', 'a.__proto__: unknown field'],
    ['{"__proto__":{"a":{"b":1}}}', '__proto__: unknown field'],
    ['{', 'body: not valid JSON'],
    ['', 'body: not valid JSON'],
    ['{"a":01}', 'body: not valid JSON'],
    ['{"a":NaN}', 'body: not valid JSON'],
  ])('refuses %s', (source, message) => {
    expect(() => parseExactJson(source)).toThrow(refusal(message))
  })

  it('finds a repeated name among many, and refuses too many names', () => {
    const names = Array.from({ length: JSON_NAMES_MAX }, (_, index) => `"n${index}":0`)
    const object = parseExactJson(`{${names.join(',')}}`)
    expect(Object.keys(Object(object))).toHaveLength(JSON_NAMES_MAX)
    const repeated = `{"a":{${names.join(',')},"n77":0}}`
    expect(() => parseExactJson(repeated)).toThrow(refusal('a.n77: given twice'))
    const many = `{"a":{${names.join(',')},"n":0}}`
    expect(() => parseExactJson(many)).toThrow(refusal('a: at most 10000 names are allowed'))
  })

  it('keeps a value with any number of names, and of white space', () => {
    const names = Array.from({ length: JSON_NAMES_MAX + 1 }, () => '"n" : 0')
    const value = `{ ${names.join(' , ')} }`
    expect(parseExactJson(`{"value":${value}}`, '', RECORD)).toEqual({
      value: new JsonText(value.replaceAll(' ', '')),
    })
  })

  it('prefixes the name of the field', () => {
    expect(() => parseExactJson('{"a":1,"a":1}', 'records[3]')).toThrow(
      refusal('records[3].a: given twice'),
    )
    expect(() => parseExactJson('', 'records[3]')).toThrow(refusal('records[3]: not valid JSON'))
  })

  it('refuses deeper nesting than any body needs, except in the value of a record', () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
    expect(parseExactJson(nested(JSON_DEPTH_MAX))).toBeInstanceOf(Array)
    expect(() => parseExactJson(nested(JSON_DEPTH_MAX + 1))).toThrow(refusal('nested too deep'))
    expect(() => parseExactJson(nested(100_000))).toThrow(refusal('nested too deep'))
    const value = nested(100_000)
    expect(parseExactJson(`{"value":${value}}`, '', RECORD)).toEqual({ value: new JsonText(value) })
  })

  it('keeps a value as its original text, without white space between tokens', () => {
    const property = fc.property(arbitrarySource, fc.constantFrom('', ' \n'), (source, space) => {
      const body = `{"records":${space}[{"key":"k",${space}"value"${space}:${space}${source}${space}},{"value":1}]}`
      const plain = JSON.parse(source)
      const isKept = plain !== null && typeof plain !== 'string'
      const value = isKept ? new JsonText(compactOf(source)) : plain
      expect(parseExactJson(body, '', BODY)).toEqual({
        records: [{ key: 'k', value }, { value: new JsonText('1') }],
      })
    })
    fc.assert(property, { ...SEEDED, numRuns: runs(2_000) })
  })

  it('returns an object as pairs only if an object would not keep its names', () => {
    const plain = { headers: { b: '1', a: null, a1: '' } }
    expect(parseExactJson(JSON.stringify(plain), '', RECORD)).toEqual(plain)
    const source = '{"headers":{"b":"1","2":null,"1":"\\u0061","__proto__":"p","toString":"t"}}'
    expect(parseExactJson(source, '', RECORD)).toEqual({
      headers: [
        ['b', '1'],
        ['2', null],
        ['1', 'a'],
        ['__proto__', 'p'],
        ['toString', 't'],
      ],
    })
    const repeated = '{"headers":{"a":"1","a":"2"}}'
    expect(() => parseExactJson(repeated, '', RECORD)).toThrow(refusal('headers.a: given twice'))
  })

  it('does not change Object.prototype', () => {
    const source = '{"headers":{"__proto__":{"x":1}},"__proto__":{"value":{},"headers":{}}}'
    expect(() => parseExactJson(source, '', RECORD)).toThrow(refusal('__proto__: unknown field'))
    expect(Object.keys(Object.prototype)).toEqual([])
  })

  it('takes one pass, for any number of quotes and backslashes', () => {
    const source = `{"value":["${'\\\\'.repeat(500_000)}","${'\\"'.repeat(500_000)}"]}`
    const { value } = parseExactJson(source, '', RECORD) as { value: JsonText }
    expect(value.text).toHaveLength(source.length - '{"value":}'.length)
  })
})
