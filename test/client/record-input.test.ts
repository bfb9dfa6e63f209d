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
