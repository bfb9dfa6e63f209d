/** `/query`, `/query-stream` and `/close-query`. */
import { describe, expect, test } from 'vitest'
import {
  DELIMITED,
  EARLIEST,
  insert,
  KSQL_JSON,
  ksql,
  linesOf,
  newName,
  newStream,
  open,
  post,
} from './ksql-server.ts'

const TIMEOUT_MS = 60_000
const COLUMNS = 'K STRING KEY, N BIGINT, D DECIMAL(4, 2), A ARRAY<STRING>'
const ROWS = [
  { K: 'ä', N: 1, D: 1.1, A: ['x', null] },
  { K: 'b', N: 2, D: 2, A: [] },
]

async function filledStream(): Promise<string> {
  const name = await newStream(COLUMNS)
  await insert(name, ROWS)
  return name
}

describe('POST /query', { timeout: TIMEOUT_MS }, () => {
  test('returns a JSON array with an element a line, and the end of a push query', async () => {
    const name = await filledStream()
    const body = {
      ksql: `SELECT * FROM ${name} EMIT CHANGES LIMIT 2;`,
      streamsProperties: { 'ksql.streams.auto.offset.reset': 'earliest' },
    }
    const { status, type, text } = await post('/query', body)
    expect([status, type]).toEqual([200, KSQL_JSON])
    const schema = '`K` STRING, `N` BIGINT, `D` DECIMAL(4, 2), `A` ARRAY<STRING>'
    const [header, ...lines] = text.split('\n')
    expect(JSON.parse(header?.slice(1, -1) ?? '')).toEqual({
      header: { queryId: expect.stringContaining(name), schema },
    })
    expect(lines).toEqual([
      '{"row":{"columns":["ä",1,1.10,["x",null]]}},',
      '{"row":{"columns":["b",2,2.00,[]]}},',
      '{"finalMessage":"Limit Reached"}]',
      '',
    ])
  })

  test('shows the keys in the schema of a pull query of a table, which has no final message', async () => {
    const name = await filledStream()
    const table = newName('t')
    const sql = `CREATE TABLE ${table} AS SELECT K, SUM(N) AS S FROM ${name} GROUP BY K;`
    await post('/ksql', { ksql: sql, streamsProperties: EARLIEST })
    const read = async () => (await post('/query', { ksql: `SELECT * FROM ${table};` })).text
    await expect.poll(read).toContain('"b"')
    const [header, ...rows] = JSON.parse(await read())
    expect(header.header.schema).toBe('`K` STRING KEY, `S` BIGINT')
    expect(rows.map(({ row }: { row: { columns: unknown[] } }) => row.columns).sort()).toEqual([
      ['b', 2],
      ['ä', 1],
    ])
    const none = await post('/query', { ksql: `SELECT * FROM ${table} WHERE K = 'none';` })
    expect(JSON.parse(none.text)).toEqual([header].map(() => expect.anything()))
    const push = await post('/query', {
      ksql: `SELECT K FROM ${table} EMIT CHANGES LIMIT 1;`,
      streamsProperties: EARLIEST,
    })
    expect(JSON.parse(push.text)[0].header.schema).toBe('`K` STRING')
    await ksql(`DROP TABLE ${table} DELETE TOPIC;`)
  })

  test('returns all digits of numbers', async () => {
    const name = await newStream('N BIGINT, D DECIMAL(30, 10)')
    const row = `{"N":9223372036854775807,"D":12345678901234567890.0123456789}`
    await post('/inserts-stream', `{"target":"${name}"}\n${row}`)
    const { text } = await post('/query', { ksql: `SELECT * FROM ${name};` })
    expect(text).toContain(
      '{"row":{"columns":[9223372036854775807,12345678901234567890.0123456789]}}',
    )
  })

  test.each([
    ['SHOW TYPES;', 40_000, 'is not a query'],
    ['SELECT * FROM NOPE_NOPE;', 40_001, 'NOPE_NOPE does not exist'],
    ['SELECT FROM;', 40_001, 'line 1:8: Syntax Error'],
    ['', 40_000, 'is not a query'],
  ])('refuses %j', async (text, code, message) => {
    for (const path of ['/query', '/query-stream']) {
      const refused = await post(path, { ksql: text })
      expect(refused.status).toBe(400)
      const body = JSON.parse(refused.text)
      expect([body.error_code, body.message]).toEqual([code, expect.stringContaining(message)])
    }
  })

  test('refuses scans and limits of pull queries in a session without them', async () => {
    const name = await filledStream()
    const table = newName('t')
    await ksql(`CREATE TABLE ${table} AS SELECT K, COUNT(*) AS S FROM ${name} GROUP BY K;`)
    const codeOf = async (where: string, property: string) => {
      const streamsProperties = { [property]: false }
      const body = { ksql: `SELECT * FROM ${table}${where};`, streamsProperties }
      const { status, text } = await post('/query', body)
      return status === 200 ? 200 : JSON.parse(text).message
    }
    const scans = 'ksql.query.pull.table.scan.enabled'
    expect(await codeOf('', scans)).toContain('table scan')
    expect(await codeOf(' WHERE S > 1', scans)).toContain('table scan')
    expect(await codeOf(" WHERE K > 'a'", scans)).toBe(200)
    expect(await codeOf(" WHERE K = 'a'", scans)).toBe(200)
    expect(await codeOf(' LIMIT 1', 'ksql.query.pull.limit.clause.enabled')).toContain('LIMIT')
    expect(await codeOf(' WHERE K IN (NULL)', 'ksql.x')).toContain('can not be NULL')
    await ksql(`DROP TABLE ${table} DELETE TOPIC;`)
  })
})

describe('POST /query-stream', { timeout: TIMEOUT_MS }, () => {
  test('returns the columns and then a row a line', async () => {
    const name = await filledStream()
    const body = { sql: `SELECT * FROM ${name} EMIT CHANGES LIMIT 2;`, properties: EARLIEST }
    const { status, type, text } = await post('/query-stream', body)
    expect([status, type]).toEqual([200, DELIMITED])
    const [head, ...rows] = text.trimEnd().split('\n')
    expect(JSON.parse(head ?? '')).toEqual({
      queryId: expect.stringContaining(name),
      columnNames: ['K', 'N', 'D', 'A'],
      columnTypes: ['STRING', 'BIGINT', 'DECIMAL(4, 2)', 'ARRAY<STRING>'],
    })
    expect(rows).toEqual(['["ä",1,1.10,["x",null]]', '["b",2,2.00,[]]'])
  })

  test('returns one JSON array, or the form of /query, if the client accepts it', async () => {
    const name = await filledStream()
    const body = { sql: `SELECT K FROM ${name};` }
    const array = await post('/query-stream', body, 'application/json')
    expect(array.type).toBe('application/json')
    expect(JSON.parse(array.text).slice(1)).toEqual([['ä'], ['b']])
    const rows = await post('/query-stream', body, KSQL_JSON)
    expect(JSON.parse(rows.text).slice(1)).toEqual([
      { row: { columns: ['ä'] } },
      { row: { columns: ['b'] } },
      { finalMessage: 'Query Completed' },
    ])
    const lines = await post('/query', { ksql: body.sql }, DELIMITED)
    expect([lines.type, lines.text.split('\n')[1]]).toEqual([DELIMITED, '["ä"]'])
  })

  test('prints a topic', async () => {
    const name = await filledStream()
    const sql = `PRINT '${name.toLowerCase()}' FROM BEGINNING LIMIT 1;`
    const { text } = await post('/query-stream', { sql })
    const [head, row] = text.trimEnd().split('\n')
    expect(JSON.parse(head ?? '').columnNames).toContain('VALUE')
    expect(row).toContain('ä')
  })

  test('leaves tombstones out, which /query shows', async () => {
    const name = newName('t')
    await ksql(
      `CREATE TABLE ${name} (K STRING PRIMARY KEY, N INT) WITH (KAFKA_TOPIC='${name.toLowerCase()}', VALUE_FORMAT='KAFKA', PARTITIONS=1);`,
    )
    await ksql(`INSERT INTO ${name} VALUES ('a', 1); INSERT INTO ${name} VALUES ('a', NULL);`)
    await ksql(`INSERT INTO ${name} VALUES ('b', 2);`)
    const sql = `SELECT * FROM ${name} EMIT CHANGES LIMIT 3;`
    const all = await post('/query', { ksql: sql, streamsProperties: EARLIEST })
    expect(all.text).toContain('{"row":{"columns":["a",null],"tombstone":true}}')
    const lines = await post('/query-stream', { sql, properties: EARLIEST })
    expect(lines.text.trimEnd().split('\n').slice(1)).toEqual(['["a",1]', '["b",2]'])
  })

  test('returns many rows', async () => {
    const name = await newStream('N INT, T STRING', 3)
    const rows = Array.from({ length: 5_000 }, (_, index) => ({ N: index, T: 'x'.repeat(200) }))
    const acks = await insert(name, rows)
    expect(acks.text.match(/"status":"ok"/g)).toHaveLength(rows.length)
    const { text } = await post('/query-stream', { sql: `SELECT N FROM ${name};` })
    const numbers = text
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => JSON.parse(line)[0])
    expect(numbers.toSorted((one, other) => one - other)).toEqual(rows.map(({ N }) => N))
  })

  test('sends rows as they are written, until /close-query ends the query', async () => {
    const name = await newStream('N INT')
    const response = await open('/query-stream', { sql: `SELECT * FROM ${name} EMIT CHANGES;` })
    const lines = linesOf(response)
    const { queryId } = JSON.parse((await lines.next()).value ?? '')
    await insert(name, [{ N: 1 }])
    expect((await lines.next()).value).toBe('[1]')
    expect((await post('/close-query', { queryId })).status).toBe(200)
    expect((await lines.next()).done).toBe(true)
    const again = await post('/close-query', { queryId })
    expect([again.status, JSON.parse(again.text)]).toEqual([
      400,
      { '@type': 'generic_error', error_code: 40000, message: `No query with id ${queryId}` },
    ])
  })

  test('ends the query of a reader that leaves', async () => {
    const name = await newStream('N INT')
    const leaving = new AbortController()
    const body = { sql: `SELECT * FROM ${name} EMIT CHANGES;` }
    const lines = linesOf(await open('/query-stream', body, undefined, leaving.signal))
    const { queryId } = JSON.parse((await lines.next()).value ?? '')
    leaving.abort()
    await expect(lines.next()).rejects.toThrow()
    const close = async () => (await post('/close-query', { queryId })).status
    await expect.poll(close).toBe(400)
  })
})
