/** A record is stored as its JSON was sent, or rejected: section 3 of the protocol, case by case. */
import { describe, expect, test } from 'vitest'
import { expectError, NDJSON, useTarget } from './target.ts'

const target = useTarget()
const { request, topic } = target

const JSON_TYPE = 'application/json'

async function post(path: string, body: BodyInit, type = JSON_TYPE) {
  return await request('POST', path, { body, headers: { 'Content-Type': type } })
}

/** Returns the records of partition 0 without their offsets. */
async function readBack(name: string): Promise<Array<Record<string, unknown>>> {
  const response = await request('GET', `/v1/topics/${name}/partitions/0/records`)
  const { records } = await response.json<{ records: Array<Record<string, unknown>> }>()
  return records.map(({ offset: _, ...record }) => record)
}

/** The source of a record, and what is read back. */
const KEPT: ReadonlyArray<readonly [source: string, stored: Record<string, unknown>]> = [
  ['{"value":9007199254740993}', { value: '9007199254740993' }],
  ['{"value":1e400}', { value: '1e400' }],
  ['{"value":1.10}', { value: '1.10' }],
  ['{"value":-0}', { value: '-0' }],
  ['{"value":1E+3}', { value: '1E+3' }],
  ['{"value":false}', { value: 'false' }],
  ['{"value": { "b" : 1, "2" : [ ] , "1" : { } } }', { value: '{"b":1,"2":[],"1":{}}' }],
  ['{"value":{"a":1,"a":2}}', { value: '{"a":1,"a":2}' }],
  ['{"value":{"__proto__":1.0}}', { value: '{"__proto__":1.0}' }],
  [
    '{"value":["\\u0061\\/\\ud83d\\ude00"," \\" ] "]}',
    { value: '["\\u0061\\/\\ud83d\\ude00"," \\" ] "]' },
  ],
  ['{"value":["\\ud800"]}', { value: '["\\ud800"]' }],
  ['{"value":"\\u0061\\/\\n\\ud83d\\ude00"}', { value: 'a/\n😀' }],
  ['{"value":" {\\"a\\": 1.0} "}', { value: ' {"a": 1.0} ' }],
  ['{"value":"\u2028\ufeff"}', { value: '\u2028\ufeff' }],
  ['{"value":null}', { value: null }],
  ['{"\\u0076alue":[1.0]}', { value: '[1.0]' }],
  [
    '{"value":"","headers":{"b":"1","2":"2","1":null}}',
    {
      value: '',
      headers: [
        ['b', '1'],
        ['2', '2'],
        ['1', null],
      ],
    },
  ],
  ['{"value":"","headers":{"1":"1","b":"\\u0062"}}', { value: '', headers: { 1: '1', b: 'b' } }],
  [
    '{"value":"","headers":[["a","1"],["a","2"]]}',
    {
      value: '',
      headers: [
        ['a', '1'],
        ['a', '2'],
      ],
    },
  ],
  ['{"value":"","timestamp":1.7e12}', { value: '', timestamp: 1_700_000_000_000 }],
  ['{"value":"","timestamp":1000.0}', { value: '', timestamp: 1000 }],
  ['{"value":"","timestamp":-0}', { value: '', timestamp: 0 }],
]

const REFUSED: ReadonlyArray<readonly [source: string, code: string, mentions: string]> = [
  ['{"value":"","key":"a","key":"b"}', 'invalid_request', 'records[1].key: given twice'],
  ['{"value":"a","value":"a"}', 'invalid_request', 'records[1].value: given twice'],
  ['{"value":{"a":1},"value":null}', 'invalid_request', 'records[1].value: given twice'],
  ['{"value":"","k\\u0065y":"a","key":"b"}', 'invalid_request', 'records[1].key: given twice'],
  [
    '{"value":"","headers":{"a":"1","a":"1"}}',
    'invalid_request',
    'records[1].headers.a: given twice',
  ],
  [
    '{"value":"","headers":{"a":"1"},"headers":{}}',
    'invalid_request',
    'records[1].headers: given twice',
  ],
  ['{"value":"","__proto__":{}}', 'invalid_request', 'records[1].__proto__: unknown field'],
  [
    '{"value":"","timestamp":9007199254740993}',
    'invalid_request',
    'records[1].timestamp: 9007199254740993',
  ],
  [
    '{"value":"","timestamp":1000.00000000000000001}',
    'invalid_request',
    'records[1].timestamp: 1000.0000',
  ],
  ['{"value":"","timestamp":9007199254740992}', 'invalid_request', 'records[1].timestamp'],
  ['{"value":"","timestamp":1e400}', 'invalid_request', 'records[1].timestamp: 1e400'],
  ['{"value":"","timestamp":1e-400}', 'invalid_request', 'records[1].timestamp: 1e-400'],
  ['{"value":"","timestamp":null}', 'invalid_request', 'records[1].timestamp'],
  ['{"value":"","key":1}', 'invalid_request', 'records[1].key'],
  ['{"value":"\\ud800"}', 'invalid_record', 'records[1].value'],
  ['{"value":"","key":"\\udc00"}', 'invalid_record', 'records[1].key'],
  ['{"value":"","headers":{"\\ud800":""}}', 'invalid_record', 'records[1].headers[0]'],
  ['{"value":"","headers":{"a":"\\ud800"}}', 'invalid_record', 'records[1].headers.a'],
  ['{"value":"","headers":{"a":["1"]}}', 'invalid_request', 'records[1].headers'],
  ['{"value":"","headers":[["a","1","2"]]}', 'invalid_request', 'records[1].headers'],
  ['{"valueBase64":"YQ"}', 'invalid_record', 'records[1].valueBase64'],
  ['{"valueBase64":"YR=="}', 'invalid_record', 'records[1].valueBase64'],
  ['{"valueBase64":"YQ==\\n"}', 'invalid_record', 'records[1].valueBase64'],
  ['{"valueBase64":"_w=="}', 'invalid_record', 'records[1].valueBase64'],
  ['{"value":01}', 'invalid_request', 'not valid JSON'],
  ['{"value":NaN}', 'invalid_request', 'not valid JSON'],
  ["{'value':1}", 'invalid_request', 'not valid JSON'],
  ['{"value":1,}', 'invalid_request', 'not valid JSON'],
  ['{"value":"\u0001"}', 'invalid_request', 'not valid JSON'],
  ['["value"]', 'invalid_request', 'records[1]'],
]

describe('a record', () => {
  test('is stored as it was sent, in a list and in a line', async () => {
    const byList = await topic()
    const byLine = await topic()
    const sources = KEPT.map(([source]) => source)
    const list = await post(
      `/v1/topics/${byList}/records`,
      `{ "records" : [\n${sources.join(' ,\n')} ] }`,
    )
    expect(list.status, await list.text()).toBe(200)
    const lines = await post(`/v1/topics/${byLine}/records`, sources.join('\n'), NDJSON)
    expect(lines.status, await lines.text()).toBe(200)
    const listed = await readBack(byList)
    const lined = await readBack(byLine)
    for (const [index, [source, stored]] of KEPT.entries()) {
      const expected = { key: null, headers: {}, ...stored }
      expect(listed[index], source).toMatchObject(expected)
      expect(lined[index], source).toMatchObject(expected)
    }
  })

  test('is rejected with its field if it cannot be stored, in a list and in a line', async () => {
    const name = await topic()
    const path = `/v1/topics/${name}/records`
    for (const [source, code, mentions] of REFUSED) {
      const list = await post(path, `{"records":[{"value":"fine"},${source}]}`)
      expect((await expectError(list, 400, code)).message, source).toContain(mentions)
      const lines = await post(path, `{"value":"fine"}\n${source}\n`, NDJSON)
      expect((await expectError(lines, 400, code)).message, source).toContain(mentions)
    }
    expect(await readBack(name)).toEqual([])
  })

  test('accepts any spelling of the partition number', async () => {
    const name = await topic({ partitions: 3 })
    const path = `/v1/topics/${name}/records`
    const body =
      '{"records":[{"value":"","partition":1.0},{"value":"","partition":2e0},{"value":"","partition":-0}]}'
    const { offsets } = await (await post(path, body)).json()
    expect(offsets.map(({ partition }) => partition)).toEqual([1, 2, 0])
    const wrong = await post(path, '{"records":[{"value":"","partition":1.00000000000000000001}]}')
    await expectError(wrong, 400, 'invalid_request')
  })

  test('may contain a value of any depth', async () => {
    const name = await topic()
    const value = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
    const response = await post(`/v1/topics/${name}/records`, `{"records":[{"value":${value}}]}`)
    expect(response.status, await response.text()).toBe(200)
    expect((await readBack(name))[0]?.value).toBe(value)
  })

  test('is read back unchanged if a response is sent again', async () => {
    const from = await topic()
    const to = await topic()
    const sources = KEPT.map(([source]) => source)
    await post(`/v1/topics/${from}/records`, sources.join('\n'), NDJSON)
    const records = await readBack(from)
    const response = await request('POST', `/v1/topics/${to}/records`, { json: { records } })
    expect(response.status, await response.text()).toBe(200)
    expect(await readBack(to)).toEqual(records)
  })
})

describe('a body of records', () => {
  const refused: ReadonlyArray<
    readonly [what: string, body: BodyInit, type: string, mentions: string]
  > = [
    [
      'records given twice',
      '{"records":[{"value":""}],"records":[{"value":""}]}',
      JSON_TYPE,
      'records: given twice',
    ],
    ['a byte order mark', '\ufeff{"records":[{"value":""}]}', JSON_TYPE, 'byte order mark'],
    ['a byte order mark before lines', '\ufeff{"value":""}\n', NDJSON, 'byte order mark'],
    ['a line of other white space', '{"value":""}\n\u00a0\n', NDJSON, 'records[1]'],
    ['a byte order mark for a line', '{"value":""}\n\ufeff\n', NDJSON, 'records[1]'],
    ['two records in one line', '{"value":""}{"value":""}', NDJSON, 'records[0]'],
    ['two records with a return between', '{"value":""}\r{"value":""}', NDJSON, 'records[0]'],
    ['a record over two lines', '{"value":\n""}', NDJSON, 'records[0]'],
    ['a list in a line', '[{"value":""}]', NDJSON, 'records[0]'],
    ['bytes that are not UTF-8', new Uint8Array([0x22, 0xff, 0x22]), JSON_TYPE, 'UTF-8'],
    ['a surrogate in UTF-8', new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]), JSON_TYPE, 'UTF-8'],
    ['overlong UTF-8', new Uint8Array([0x22, 0xc0, 0x80, 0x22]), NDJSON, 'UTF-8'],
    ['levels without end', '['.repeat(100_000) + ']'.repeat(100_000), JSON_TYPE, 'nested too deep'],
    ['no text', '', JSON_TYPE, 'not valid JSON'],
    ['no line', '\n \r\n', NDJSON, 'at least one record'],
  ]

  test.each(refused)('is rejected for %s', async (_, body, type, mentions) => {
    const name = await topic()
    const response = await post(`/v1/topics/${name}/records`, body, type)
    expect((await expectError(response, 400, 'invalid_request')).message).toContain(mentions)
    expect(await readBack(name)).toEqual([])
  })

  test('is rejected with 415 for a charset other than UTF-8', async () => {
    const path = `/v1/topics/${await topic()}/records`
    const body = '{"records":[{"value":"Ã¼"}]}'
    for (const charset of ['iso-8859-1', '"windows-1252"', 'utf-16', '']) {
      const response = await post(path, body, `application/json; charset=${charset}`)
      await expectError(response, 415, 'unsupported_media_type')
    }
    for (const charset of ['utf-8', 'UTF-8', '"utf-8"']) {
      const response = await post(path, body, `application/json; v=1;charset=${charset}`)
      expect(response.status, await response.text()).toBe(200)
    }
  })
})
