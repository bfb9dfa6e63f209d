import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type JsonRecordInput,
  recordFromJson,
  recordToJson,
} from '../../../src/core/batch/json-record.ts'
import type { LogRecord } from '../../../src/core/batch/record.ts'
import { JsonText } from '../../../src/core/json/exact-json.ts'
import { runs, SEEDED } from '../../support/seed.ts'
import { fromHex, utf8 } from '../bytes/hex.ts'
import { arbitraryRecord } from './arbitrary-records.ts'

function record(fields: Partial<LogRecord> = {}): LogRecord {
  return { offset: 7, timestamp: 1000, key: null, value: utf8('v'), headers: [], ...fields }
}

describe('recordToJson()', () => {
  it('returns text, null and empty headers unchanged', () => {
    expect(recordToJson(record({ key: utf8('ключ'), value: null }))).toEqual({
      offset: 7,
      timestamp: 1000,
      key: 'ключ',
      value: null,
      headers: {},
    })
  })

  it('returns bytes that are not UTF-8 as base64, instead of the text', () => {
    expect(recordToJson(record({ key: fromHex('ff'), value: fromHex('c328') }))).toEqual({
      offset: 7,
      timestamp: 1000,
      keyBase64: '/w==',
      valueBase64: 'wyg=',
      headers: {},
    })
  })

  it('keeps a byte order mark', () => {
    expect(recordToJson(record({ value: fromHex('efbbbf61') })).value).toBe('\ufeffa')
  })

  it('returns headers as an object', () => {
    const headers = [
      { key: 'a', value: utf8('1') },
      { key: '__proto__', value: null },
    ]
    const json = JSON.stringify(recordToJson(record({ headers })).headers)
    expect(json).toBe('{"a":"1","__proto__":null}')
  })

  it('returns headers as pairs if an object would merge or reorder them', () => {
    const repeated = [
      { key: 'a', value: utf8('1') },
      { key: 'a', value: null },
    ]
    const numbered = [
      { key: '2', value: utf8('x') },
      { key: '1', value: utf8('y') },
    ]
    expect(recordToJson(record({ headers: repeated })).headers).toEqual([
      ['a', '1'],
      ['a', null],
    ])
    expect(recordToJson(record({ headers: numbered })).headers).toEqual([
      ['2', 'x'],
      ['1', 'y'],
    ])
  })

  it('returns all headers as base64 if one is not UTF-8', () => {
    const headers = [
      { key: 'a', value: utf8('1') },
      { key: 'b', value: fromHex('ff') },
      { key: 'c', value: null },
    ]
    const json = recordToJson(record({ headers }))
    expect(json).not.toHaveProperty('headers')
    expect(json.headersBase64).toEqual([
      ['a', 'MQ=='],
      ['b', '/w=='],
      ['c', null],
    ])
  })
})

describe('recordFromJson()', () => {
  const accepted: [string, JsonRecordInput, Partial<LogRecord>][] = [
    ['text', { value: 'grüße' }, { value: utf8('grüße') }],
    ['empty text', { value: '' }, { value: new Uint8Array() }],
    ['null, a tombstone', { key: 'k', value: null }, { key: utf8('k'), value: null }],
    ['a key of null', { key: null, value: '' }, { key: null, value: utf8('') }],
    ['JSON', { value: new JsonText('{"a":1.10}') }, { value: utf8('{"a":1.10}') }],
    [
      'base64',
      { keyBase64: '/w==', valueBase64: '' },
      { key: fromHex('ff'), value: new Uint8Array() },
    ],
    [
      'headers in an object',
      { value: null, headers: { a: '1', b: null } },
      {
        value: null,
        headers: [
          { key: 'a', value: utf8('1') },
          { key: 'b', value: null },
        ],
      },
    ],
    [
      'headers in pairs',
      {
        value: null,
        headers: [
          ['a', '1'],
          ['a', null],
        ],
      },
      {
        value: null,
        headers: [
          { key: 'a', value: utf8('1') },
          { key: 'a', value: null },
        ],
      },
    ],
    [
      'headers in base64',
      { value: null, headersBase64: [['a', '/w==']] },
      { value: null, headers: [{ key: 'a', value: fromHex('ff') }] },
    ],
    ['a timestamp', { value: null, timestamp: 0 }, { value: null, timestamp: 0 }],
  ]
  it.each(accepted)('accepts %s', (_, input, fields) => {
    const expected = { timestamp: 5, key: null, headers: [], ...fields }
    expect(recordFromJson(input, 5)).toEqual(expected)
  })

  const refused: [JsonRecordInput, string, string][] = [
    [{}, 'invalid_record', 'records[3].value: value or valueBase64 is needed'],
    [{ key: 'a', keyBase64: '', value: '' }, 'invalid_record', 'records[3]: key and keyBase64'],
    [{ key: null, keyBase64: '', value: '' }, 'invalid_record', 'records[3]: key and keyBase64'],
    [{ value: null, valueBase64: '' }, 'invalid_record', 'records[3]: value and valueBase64'],
    [{ value: '', headers: {}, headersBase64: [] }, 'invalid_record', 'records[3]: headers and'],
    [{ valueBase64: 'YQ' }, 'invalid_record', 'records[3].valueBase64: not valid base64'],
    [{ keyBase64: '*', value: '' }, 'invalid_record', 'records[3].keyBase64: not valid base64'],
    [{ value: '\ud800' }, 'invalid_record', 'records[3].value: not valid Unicode'],
    [{ key: '\udc00', value: '' }, 'invalid_record', 'records[3].key: not valid Unicode'],
    [{ value: '', headers: { a: '\ud800' } }, 'invalid_record', 'records[3].headers.a: not valid'],
    [
      { value: '', headers: { '\ud800': '' } },
      'invalid_record',
      'records[3].headers[0]: not valid',
    ],
    [
      { value: '', headersBase64: [['a', '!']] },
      'invalid_record',
      'records[3].headersBase64.a: not valid base64',
    ],
    [{ value: {} }, 'invalid_record', 'records[3].value: text, null or JsonText is allowed'],
    [{ value: '', timestamp: -1 }, 'invalid_timestamp', 'records[3].timestamp: milliseconds'],
    [{ value: '', timestamp: 0.5 }, 'invalid_timestamp', 'records[3].timestamp: milliseconds'],
    [{ value: '', timestamp: 2 ** 53 }, 'invalid_timestamp', 'records[3].timestamp: milliseconds'],
  ]
  it.each(refused)('refuses %j', (input, code, message) => {
    expect(() => recordFromJson(input, 5, 'records[3]')).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    )
  })

  it('reads back the output of recordToJson(), serialized as JSON', () => {
    const property = fc.property(arbitraryRecord, (fields) => {
      const stored = { ...fields, timestamp: Math.abs(fields.timestamp), offset: 7 }
      const { offset, ...json } = JSON.parse(JSON.stringify(recordToJson(stored)))
      expect({ offset, ...recordFromJson(json, 0) }).toEqual(stored)
    })
    fc.assert(property, { ...SEEDED, numRuns: runs(500) })
  })
})
