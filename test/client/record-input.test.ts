import { describe, expect, test } from 'vitest'
import { encodeRecordInput, type ProducerRecord } from '../../client/producer/record-input.ts'

const LONE = 'a\ud800'

describe('encodeRecordInput()', () => {
  test.each<[string, ProducerRecord, string]>([
    ['a value', { value: LONE }, 'value: valid Unicode text, a Uint8Array or null'],
    ['a low surrogate', { value: '\udc00' }, 'value: valid Unicode text'],
    ['surrogates in the wrong order', { value: '\udc00\ud800' }, 'value: valid Unicode text'],
    ['a key', { key: LONE, value: '' }, 'key: valid Unicode text'],
    [
      'the name of a header',
      { value: '', headers: { [LONE]: '' } },
      'headers: valid Unicode text is allowed',
    ],
    [
      'a name in a list',
      { value: '', headers: [[LONE, null]] },
      'headers: valid Unicode text is allowed',
    ],
    ['the value of a header', { value: '', headers: { h: LONE } }, 'headers.h: valid Unicode text'],
    ['a value in a list', { value: '', headers: [['h', LONE]] }, 'headers.h: valid Unicode text'],
  ])('rejects a lone surrogate in %s', (_, record, message) => {
    expect(() => encodeRecordInput(record, 1)).toThrow(
      expect.objectContaining({
        code: 'invalid_record',
        message: expect.stringContaining(message),
      }),
    )
  })

  test('rejects a header name that is not text', () => {
    const headers = [[7, 'x']] as unknown as ReadonlyArray<readonly [string, string]>
    expect(() => encodeRecordInput({ value: '', headers }, 1)).toThrow(
      expect.objectContaining({ code: 'invalid_record' }),
    )
  })

  test('accepts surrogate pairs, and any bytes', () => {
    const record = encodeRecordInput(
      { key: '😀', value: new Uint8Array([0xed, 0xa0, 0x80]), headers: { '😀': '😀' } },
      1,
    )
    const emoji = new Uint8Array([0xf0, 0x9f, 0x98, 0x80])
    expect(record).toEqual({
      timestamp: 1,
      key: emoji,
      value: new Uint8Array([0xed, 0xa0, 0x80]),
      headers: [{ key: '😀', value: emoji }],
    })
  })
})

describe('a value that is JSON', () => {
  class Order {
    readonly item = 'tea'
  }
  const textOf = (value: unknown) =>
    new TextDecoder().decode(encodeRecordInput({ value: value as object }, 0).value ?? undefined)

  test.each([
    [{ item: 7, note: null }, '{"item":7,"note":null}'],
    [[1, 'a'], '[1,"a"]'],
    [{}, '{}'],
    [7, '7'],
    [false, 'false'],
    [new Order(), '{"item":"tea"}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ['{"as":"it is"}', '{"as":"it is"}'],
  ])('is stored as its text: %j', (value, text) => {
    expect(textOf(value)).toBe(text)
  })

  const circular: { self?: unknown } = {}
  circular.self = circular
  test.each([
    ['a Map', new Map([[1, 2]])],
    ['an ArrayBuffer', new ArrayBuffer(3)],
    ['another typed array', new Uint16Array(3)],
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a bigint', 7n],
    ['a circle', circular],
    ['NaN', Number.NaN],
    ['a promise', Promise.resolve(1)],
  ])('is rejected if JSON would lose it: %s', (_, value) => {
    expect(() => textOf(value)).toThrow('value: text, a Uint8Array, null or JSON is allowed')
  })
})
