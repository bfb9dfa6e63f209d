import { describe, expect, test } from 'vitest'
import { expectError, NDJSON, useTarget } from './target.ts'

const target = useTarget()
const { request, topic } = target

interface Fetched {
  readonly records: Array<Record<string, unknown>>
  readonly nextOffset: number
  readonly highWatermark: number
  readonly logStartOffset: number
}

async function produce(path: string, records: readonly unknown[]) {
  const response = await request('POST', path, { json: { records } })
  expect(response.status, await response.clone().text()).toBe(200)
  return (await response.json()).offsets
}

async function fetchAll(name: string, query = '?offset=0', partition = 0): Promise<Fetched> {
  const path = `/v1/topics/${name}/partitions/${partition}/records${query}`
  const response = await request('GET', path)
  expect(response.status, await response.clone().text()).toBe(200)
  return await response.json<Fetched>()
}

describe('records', () => {
  test('are read back as they were sent, in order, with dense offsets', async () => {
    const name = await topic()
    const sent = [
      { key: 'k', value: 'text', headers: { a: '1', b: null }, timestamp: 1_700_000_000_000 },
      { key: null, value: null },
      { value: 'ünï😀\u0000\ufeff' },
      { value: '', key: '' },
      { keyBase64: '/w==', valueBase64: '/wD/' },
      {
        value: 'x',
        headers: [
          ['h', '1'],
          ['h', '2'],
        ],
      },
      { value: 'x', headersBase64: [['h', '/w==']] },
    ]
    const offsets = await produce(`/v1/topics/${name}/records`, sent)
    expect(offsets).toEqual(sent.map((_, offset) => ({ partition: 0, offset })))
    const { records, ...position } = await fetchAll(name)
    expect(position).toEqual({
      ...{ offset: 0, nextOffset: 7 },
      ...{ logStartOffset: 0, lastStableOffset: 7, highWatermark: 7 },
    })
    expect(records.map(({ timestamp: _, ...record }) => record)).toEqual([
      { offset: 0, key: 'k', value: 'text', headers: { a: '1', b: null } },
      { offset: 1, key: null, value: null, headers: {} },
      { offset: 2, key: null, value: 'ünï😀\u0000\ufeff', headers: {} },
      { offset: 3, key: '', value: '', headers: {} },
      { offset: 4, keyBase64: '/w==', valueBase64: '/wD/', headers: {} },
      {
        offset: 5,
        key: null,
        value: 'x',
        headers: [
          ['h', '1'],
          ['h', '2'],
        ],
      },
      { offset: 6, key: null, value: 'x', headersBase64: [['h', '/w==']] },
    ])
    expect(records[0]?.timestamp).toBe(1_700_000_000_000)
    expect(Math.abs(Number(records[1]?.timestamp) - Date.now())).toBeLessThan(60_000)
  })

  test('are stored as compact JSON if their value is not text', async () => {
    const name = await topic()
    const values = [{ a: [1, 2] }, [true], 3.5, false]
    await produce(
      `/v1/topics/${name}/records`,
      values.map((value) => ({ value })),
    )
    const { records } = await fetchAll(name)
    expect(records.map(({ value }) => value)).toEqual(values.map((value) => JSON.stringify(value)))
  })

  test("go to the partition of Kafka's partitioner, or without keys all to one", async () => {
    const name = await topic({ partitions: 8 })
    // murmur2 of Kafka's own test: "21" = -973932308, "foobar" = -790332482, and 'abc' = 479470107
    const keyed = await produce(
      `/v1/topics/${name}/records`,
      ['21', 'foobar', 'abc'].map((key) => ({ key, value: 'x' })),
    )
    const positive = [-973932308, -790332482, 479470107].map((hash) => (hash & 0x7fffffff) % 8)
    expect(keyed.map(({ partition }) => partition)).toEqual(positive)
    const keyless = await produce(`/v1/topics/${name}/records`, Array(20).fill({ value: 'x' }))
    expect(new Set(keyless.map(({ partition }) => partition)).size).toBe(1)
    const chosen = await produce(`/v1/topics/${name}/records`, [
      { value: 'x', partition: 5 },
      { value: 'x', partition: 6 },
    ])
    expect(chosen.map(({ partition }) => partition)).toEqual([5, 6])
  })

  test('may be sent and read as NDJSON', async () => {
    const name = await topic()
    const lines = '{"value":"a"}\n\n{"value":"b","key":"k"}\r\n'
    const response = await request('POST', `/v1/topics/${name}/records`, {
      body: lines,
      headers: { 'Content-Type': `${NDJSON}; charset=utf-8` },
    })
    expect((await response.json()).offsets).toHaveLength(2)
    const answer = await request('GET', `/v1/topics/${name}/partitions/0/records`, {
      headers: { Accept: NDJSON },
    })
    expect(answer.headers.get('content-type')).toBe(NDJSON)
    expect(answer.headers.get('edgelog-next-offset')).toBe('2')
    const read = (await answer.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(read.map(({ value }) => value)).toEqual(['a', 'b'])
  })

  const refused: Array<[string, unknown, number, string, string]> = [
    ['no records', { records: [] }, 400, 'invalid_request', 'records'],
    ['not a list', { records: {} }, 400, 'invalid_request', 'records'],
    ['no value', { records: [{ key: 'k' }] }, 400, 'invalid_record', 'records[0].value'],
    ['an unknown field', { records: [{ value: '', x: 1 }] }, 400, 'invalid_request', 'records[0]'],
    [
      'a key that is not text',
      { records: [{ value: '' }, { value: '', key: 7 }] },
      400,
      'invalid_request',
      'records[1].key',
    ],
    [
      'key and keyBase64',
      { records: [{ value: '', key: '', keyBase64: '' }] },
      400,
      'invalid_record',
      'keyBase64',
    ],
    ['invalid base64', { records: [{ valueBase64: '*' }] }, 400, 'invalid_record', 'valueBase64'],
    [
      'a lone surrogate',
      { records: [{ value: '\ud800' }] },
      400,
      'invalid_record',
      'records[0].value',
    ],
    [
      'headers that are not text',
      { records: [{ value: '', headers: { a: 1 } }] },
      400,
      'invalid_request',
      'headers',
    ],
    [
      'a negative timestamp',
      { records: [{ value: '', timestamp: -1 }] },
      400,
      'invalid_request',
      'timestamp',
    ],
    [
      'a fractional timestamp',
      { records: [{ value: '', timestamp: 1.5 }] },
      400,
      'invalid_request',
      'timestamp',
    ],
    [
      'a timestamp far ahead',
      { records: [{ value: '', timestamp: 8e15 }] },
      400,
      'invalid_timestamp',
      'message.timestamp.after.max.ms',
    ],
    [
      'an unknown partition',
      { records: [{ value: 'a' }, { value: '', partition: 9 }] },
      404,
      'unknown_topic_or_partition',
      '9',
    ],
    [
      'a negative partition',
      { records: [{ value: '', partition: -1 }] },
      400,
      'invalid_request',
      'partition',
    ],
    [
      'a record that is too large',
      { records: [{ value: 'a' }, { value: 'x'.repeat(1_048_588) }] },
      413,
      'message_too_large',
      'records[1]',
    ],
  ]
  test('are rejected as a whole if one is invalid, and nothing is stored', async () => {
    const name = await topic()
    for (const [what, json, status, code, mentions] of refused) {
      const response = await request('POST', `/v1/topics/${name}/records`, { json })
      const error = await expectError(response, status, code)
      expect(error.message, what).toContain(mentions)
    }
    const response = await request('POST', `/v1/topics/${name}/records`, {
      body: '{"value":"a"}\n{"value":}',
      headers: { 'Content-Type': NDJSON },
    })
    expect((await expectError(response, 400, 'invalid_request')).message).toContain('records[1]')
    expect((await fetchAll(name)).highWatermark).toBe(0)
  })

  test('leave nothing behind for the next request if they are refused', async () => {
    const name = await topic()
    const path = `/v1/topics/${name}/records`
    const tooLarge = { records: [{ value: 'refused' }, { value: 'x'.repeat(1_048_588) }] }
    await expectError(await request('POST', path, { json: tooLarge }), 413, 'message_too_large')
    const stored = await request('POST', path, { json: { records: [{ value: 'kept' }] } })
    expect(await stored.json()).toEqual({ offsets: [{ partition: 0, offset: 0 }] })
    const { records } = await fetchAll(name)
    expect(records.map(({ value }) => value)).toEqual(['kept'])
  })

  test('are stored in no partition if one partition would reject its share', async () => {
    const name = await topic({ partitions: 2 })
    const records = [
      { value: 'fine', partition: 0 },
      { value: 'far ahead', partition: 1, timestamp: 8e15 },
    ]
    const error = await expectError(
      await request('POST', `/v1/topics/${name}/records`, { json: { records } }),
      400,
      'invalid_timestamp',
    )
    expect(error.message).toContain('records[1].timestamp')
    expect(error.details).toMatchObject({ recordErrors: [{ index: 1 }], recordErrorsCount: 1 })
    expect((await fetchAll(name)).highWatermark).toBe(0)
  })

  test('are rejected for an unknown media type, an unknown topic, or above the limit', async () => {
    const name = await topic()
    const path = `/v1/topics/${name}/records`
    const text = { body: 'x', headers: { 'Content-Type': 'text/plain' } }
    await expectError(await request('POST', path, text), 415, 'unsupported_media_type')
    const json = { json: { records: [{ value: 'x' }] } }
    await expectError(
      await request('POST', '/v1/topics/nowhere/records', json),
      404,
      'unknown_topic_or_partition',
    )
    const large = new Uint8Array(17 * 1024 * 1024).fill(32)
    const headers = { 'Content-Type': 'application/json' }
    await expectError(
      await request('POST', path, { body: large, headers }),
      413,
      'request_too_large',
    )
    const withoutLength = new Blob([large]).stream()
    await expectError(
      await request('POST', path, { body: withoutLength, headers }),
      413,
      'request_too_large',
    )
    expect((await fetchAll(name)).highWatermark).toBe(0)
  })

  test('are rejected by a compacted topic if they have no key', async () => {
    const name = await topic({ config: { 'cleanup.policy': 'compact' } })
    const post = (record: unknown) =>
      request('POST', `/v1/topics/${name}/records`, { json: { records: [record] } })
    await expectError(await post({ value: 'x' }), 400, 'invalid_record')
    expect((await post({ key: 'k', value: null })).status).toBe(200)
  })

  test('are named by their index if a topic rejects them, and the others are not stored', async () => {
    const name = await topic({
      partitions: 2,
      config: { 'cleanup.policy': 'compact', 'message.timestamp.before.max.ms': '60000' },
    })
    const paths = [`/v1/topics/${name}/records`, `/v1/topics/${name}/partitions/0/records`]
    for (const path of paths) {
      const post = async (records: readonly unknown[], code: string) =>
        await expectError(await request('POST', path, { json: { records } }), 400, code)
      const fine = { key: 'k', value: 'fine' }
      const keyless = await post(
        [fine, { value: 'x' }, fine, { value: 'y' }, { ...fine, key: 'other' }],
        'invalid_record',
      )
      expect(keyless.message).toContain('records[1].key')
      expect(keyless.details).toEqual({
        recordErrors: [1, 3].map((index) => ({ index, message: expect.stringContaining('key') })),
        recordErrorsCount: 2,
      })
      const late = await post(
        [fine, { ...fine, timestamp: 1 }, { value: 'x' }],
        'invalid_timestamp',
      )
      expect(late.message).toContain('records[1].timestamp: 1 is not within')
      expect(late.details).toMatchObject({
        recordErrors: [
          { index: 1, message: expect.stringContaining('timestamp: 1 is not within') },
          { index: 2, message: expect.stringContaining('key') },
        ],
      })
    }
    for (const partition of [0, 1]) {
      expect((await fetchAll(name, '?offset=0', partition)).highWatermark).toBe(0)
    }
  })

  test('get the log append time if the topic is configured so', async () => {
    const name = await topic({ config: { 'message.timestamp.type': 'LogAppendTime' } })
    await produce(`/v1/topics/${name}/records`, [{ value: 'x', timestamp: 1 }])
    const { records } = await fetchAll(name)
    expect(Math.abs(Number(records[0]?.timestamp) - Date.now())).toBeLessThan(60_000)
  })
})

describe('If-Match', () => {
  test('appends at that offset and at no other', async () => {
    const name = await topic()
    const path = `/v1/topics/${name}/partitions/0/records`
    const append = (offset: string, value = 'x') =>
      request('POST', path, { json: { records: [{ value }] }, headers: { 'If-Match': offset } })
    expect((await append('"0"')).status).toBe(200)
    const error = await expectError(await append('"0"'), 412, 'expected_offset_mismatch')
    expect(error.details).toEqual({ nextOffset: 1 })
    const racing = await Promise.all(Array.from({ length: 10 }, () => append('"1"')))
    expect(racing.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(racing.filter(({ status }) => status === 412)).toHaveLength(9)
    for (const bad of ['1', '"x"', '"-1"', '*', '"1", "2"']) {
      await expectError(await append(bad), 400, 'invalid_request')
    }
    const elsewhere = { json: { records: [{ value: 'x' }] }, headers: { 'If-Match': '"2"' } }
    await expectError(
      await request('POST', `/v1/topics/${name}/records`, elsewhere),
      400,
      'invalid_request',
    )
    expect((await fetchAll(name)).highWatermark).toBe(2)
  })
})

describe('fetch', () => {
  test('starts at any position: offset, earliest, latest, time', async () => {
    const name = await topic()
    const records = [10, 20, 30, 40].map((timestamp) => ({ value: `v${timestamp}`, timestamp }))
    await produce(`/v1/topics/${name}/records`, records.slice(0, 3))
    await produce(`/v1/topics/${name}/records`, records.slice(3))
    const values = async (query: string) =>
      (await fetchAll(name, query)).records.map(({ value }) => value)
    expect(await values('')).toEqual(['v10', 'v20', 'v30', 'v40'])
    expect(await values('?offset=earliest')).toEqual(['v10', 'v20', 'v30', 'v40'])
    expect(await values('?offset=2')).toEqual(['v30', 'v40'])
    expect(await values('?offset=latest')).toEqual([])
    expect(await values('?timestamp=11')).toEqual(['v20', 'v30', 'v40'])
    expect(await values('?timestamp=20')).toEqual(['v20', 'v30', 'v40'])
    expect(await values('?timestamp=35')).toEqual(['v40'])
    expect(await values('?timestamp=41')).toEqual([])
  })

  test('returns whole batches within maxBytes, and always at least one', async () => {
    const name = await topic()
    for (let i = 0; i < 5; i++) {
      await produce(`/v1/topics/${name}/records`, [{ value: `${i}`.repeat(1_000) }])
    }
    const first = await fetchAll(name, '?offset=0&maxBytes=1')
    expect(first).toMatchObject({ nextOffset: 1, highWatermark: 5 })
    expect((await fetchAll(name, '?offset=1&maxBytes=2500')).nextOffset).toBe(3)
  })

  test('returns both ends in the error for an offset outside the log', async () => {
    const name = await topic()
    await produce(`/v1/topics/${name}/records`, [{ value: 'x' }])
    const path = `/v1/topics/${name}/partitions/0/records`
    const error = await expectError(
      await request('GET', `${path}?offset=2`),
      416,
      'offset_out_of_range',
    )
    expect(error.details).toEqual({ logStartOffset: 0, highWatermark: 1 })
    expect((await fetchAll(name, '?offset=1')).records).toEqual([])
  })

  test('waits for records, and no longer than requested', async () => {
    const name = await topic()
    const waiting = fetchAll(name, '?offset=latest&waitMs=20000')
    await new Promise((resolve) => setTimeout(resolve, 200))
    await produce(`/v1/topics/${name}/records`, [{ value: 'news' }])
    expect((await waiting).records.map(({ value }) => value)).toEqual(['news'])
    expect((await fetchAll(name, '?offset=latest&waitMs=50')).records).toEqual([])
    const enough = fetchAll(name, '?offset=1&waitMs=20000&minBytes=250')
    await produce(`/v1/topics/${name}/records`, [{ value: 'x'.repeat(100) }])
    await produce(`/v1/topics/${name}/records`, [{ value: 'y'.repeat(100) }])
    expect((await enough).records).toHaveLength(2)
  })

  test('ends when the topic is deleted during the wait', async () => {
    const name = `gone-${Date.now()}`
    await request('POST', '/v1/topics', { json: { name } })
    const path = `/v1/topics/${name}/partitions/0/records?offset=latest&waitMs=20000`
    const waiting = request('GET', path)
    await new Promise((resolve) => setTimeout(resolve, 200))
    await request('DELETE', `/v1/topics/${name}`)
    await expectError(await waiting, 404, 'unknown_topic_or_partition')
  })

  test('rejects invalid queries, and names the field', async () => {
    const name = await topic()
    const path = `/v1/topics/${name}/partitions`
    for (const [query, field] of [
      ['0/records?offset=-1', 'offset'],
      ['0/records?offset=1.5', 'offset'],
      ['0/records?offset=x', 'offset'],
      ['0/records?offset=9007199254740993', 'offset'],
      ['0/records?offset=0&timestamp=0', 'timestamp'],
      ['0/records?maxBytes=0', 'maxBytes'],
      ['0/records?waitMs=30001', 'waitMs'],
      ['0/records?isolation=serial', 'isolation: committed or uncommitted is allowed'],
      ['0/records?ofset=0', 'query'],
      ['x/records', 'partition'],
      ['-1/records', 'partition'],
    ] as const) {
      const error = await expectError(
        await request('GET', `${path}/${query}`),
        400,
        'invalid_request',
      )
      expect(error.message, query).toContain(field)
    }
    await expectError(await request('GET', `${path}/7/records`), 404, 'unknown_topic_or_partition')
    const headers = { Accept: 'text/html' }
    await expectError(await request('GET', `${path}/0/records`, { headers }), 406, 'not_acceptable')
  })
})
