/** `/inserts-stream` and `/ksql/terminate`. */
import { describe, expect, test } from 'vitest'
import { ServerProcess } from '../server/server-process.ts'
import { insert, ksql, newName, newStream, post } from './ksql-server.ts'

const TIMEOUT_MS = 60_000

describe('POST /inserts-stream', { timeout: TIMEOUT_MS }, () => {
  test('acknowledges each row, and goes on behind one that is refused', async () => {
    const name = await newStream('K STRING KEY, N INT, T TIMESTAMP, B BYTES')
    const { status, text } = await insert(name.toLowerCase(), [
      { k: 'a', n: 1, t: '2020-01-01T00:00:00', b: 'AQI=' },
      { k: 'b', n: 'x' },
      { k: 'c', nope: 1 },
      { k: 'd', b: '?' },
      { '`K`': 'e' },
    ])
    expect(status).toBe(200)
    const acks = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const refused = (seq: number, message: string) => ({
      ...{ status: 'error', seq, error_code: 40001 },
      message: expect.stringContaining(message),
    })
    expect(acks).toEqual([
      { status: 'ok', seq: 0 },
      refused(1, '`N`'),
      refused(2, '`NOPE`'),
      refused(3, '`B`'),
      { status: 'ok', seq: 4 },
    ])
    const { text: rows } = await post('/query-stream', { sql: `SELECT K, N, T, B FROM ${name};` })
    expect(rows.trimEnd().split('\n').slice(1)).toEqual([
      '["a",1,"2020-01-01T00:00:00.000","AQI="]',
      '["e",null,null,null]',
    ])
  })

  test('returns a JSON array if the client accepts it', async () => {
    const name = await newStream('N INT')
    const body = `{"target":"${name}"}\n{"N":1}\n{"N":2}`
    const { type, text } = await post('/inserts-stream', body, 'application/json')
    expect([type, JSON.parse(text)]).toEqual([
      'application/json',
      [
        { status: 'ok', seq: 0 },
        { status: 'ok', seq: 1 },
      ],
    ])
    const none = await post('/inserts-stream', `{"target":"${name}"}\n`, 'application/json')
    expect(JSON.parse(none.text)).toEqual([])
  })

  test.each([
    ['an unknown stream', '{"target":"NOPE_NOPE"}', 40_001, 'NOPE_NOPE does not exist'],
    ['a first line without a target', '{"N":1}', 40_000, 'target'],
    ['no line', '', 40_000, 'not valid JSON'],
  ])('refuses %s', async (_, body, code, message) => {
    const { status, text } = await post('/inserts-stream', body)
    expect([status, JSON.parse(text)]).toEqual([
      400,
      expect.objectContaining({ error_code: code, message: expect.stringContaining(message) }),
    ])
  })

  test('refuses rows for a source that is only read', async () => {
    const name = newName('s')
    const stream = await newStream('N INT')
    await ksql(
      `CREATE SOURCE STREAM ${name} (N INT) WITH (KAFKA_TOPIC='${stream.toLowerCase()}', VALUE_FORMAT='JSON');`,
    )
    const { text } = await insert(name, [{ N: 1 }])
    expect(JSON.parse(text).message).toContain('read-only')
  })
})

describe('a server of its own', { timeout: TIMEOUT_MS }, () => {
  test('drops everything by /ksql/terminate, and the topics that its patterns match', async () => {
    const server = await ServerProcess.start()
    try {
      const call = async (path: string, body: object) => {
        const method = { method: 'POST', body: JSON.stringify(body) }
        const response = await fetch(`${server.url}/ksqldb${path}`, method)
        return [response.status, await response.json()]
      }
      const create = (name: string) =>
        `CREATE STREAM ${name} (K STRING KEY, N INT) WITH (KAFKA_TOPIC='${name}', VALUE_FORMAT='JSON', PARTITIONS=1);`
      const ksqlText = `${create('kept')} ${create('gone1')} CREATE TYPE T AS INT;
        CREATE STREAM C AS SELECT * FROM KEPT; CREATE TABLE D AS SELECT K, COUNT(*) AS N FROM C GROUP BY K;`
      expect((await call('/ksql', { ksql: ksqlText }))[0]).toBe(200)
      const refused = await call('/ksql/terminate', { deleteTopicList: ['('] })
      expect(refused).toMatchObject([400, { error_code: 40000 }])
      const [status, [entity]] = (await call('/ksql/terminate', {
        deleteTopicList: ['gone.*', 'C'],
      })) as [number, object[]]
      expect([status, entity]).toMatchObject([
        200,
        { '@type': 'currentStatus', commandStatus: { status: 'SUCCESS' } },
      ])
      const shown = 'SHOW STREAMS; SHOW TABLES; SHOW QUERIES; SHOW TYPES; SHOW TOPICS;'
      expect(await call('/ksql', { ksql: shown })).toMatchObject([
        200,
        [
          { streams: [] },
          { tables: [] },
          { queries: [] },
          { types: {} },
          { topics: [{ name: 'D' }, { name: 'kept' }] },
        ],
      ])
    } finally {
      await server.stop()
    }
  })

  test('takes the token as a bearer token and as the password of Basic authentication', async () => {
    const server = await ServerProcess.start({ token: 'geheim:1' })
    try {
      const status = async (authorization?: string) => {
        const headers = authorization === undefined ? {} : { Authorization: authorization }
        const response = await fetch(`${server.url}/ksqldb/info`, { headers })
        return [response.status, ((await response.json()) as { error_code?: number }).error_code]
      }
      const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
      expect(await status('Bearer geheim:1')).toEqual([200, undefined])
      expect(await status(basic('anyone:geheim:1'))).toEqual([200, undefined])
      for (const wrong of [
        undefined,
        basic('anyone:no'),
        basic('geheim:1'),
        'Basic %',
        'Bearer x',
      ]) {
        expect(await status(wrong)).toEqual([401, 40100])
      }
      const other = await fetch(`${server.url}/v1/topics`, {
        headers: { Authorization: basic('anyone:geheim:1') },
      })
      expect(other.status).toBe(401)
    } finally {
      await server.stop()
    }
  })
})
