/** `log.sql`: the requests that it sends, and the responses that it reads. */
import { describe, expect, test } from 'vitest'
import { connect } from '../../client/index.ts'
import { until } from '../support/until.ts'
import { FakeSql } from './fake-sql.ts'
import { ManualClock } from './manual-clock.ts'

const COLUMNS = [
  { name: 'PAGE', type: 'STRING', isKey: true },
  { name: 'N', type: 'BIGINT', isKey: false },
]
/** A variable as statements have it. */
const VARIABLE = '$' + '{what}'
const HEADER = { queryId: 'query_1', columns: COLUMNS }

function setUp() {
  const server = new FakeSql()
  const log = connect({ url: 'http://log', fetch: server.fetch })
  return { server, log }
}

describe('log.sql', () => {
  test('sends the values of a template as parameters', async () => {
    const { server, log } = setUp()
    await log.sql`SELECT * FROM t WHERE a = ${"x' OR 'x' = 'x"} AND b=${2}c AND d = ${-9007199254740993n};`
    expect(server.bodies).toEqual([
      {
        sql: 'SELECT * FROM t WHERE a =  :p1  AND b= :p2 c AND d =  (-9007199254740993) ;',
        parameters: { p1: "x' OR 'x' = 'x", p2: 2 },
      },
    ])
  })

  test('sends a text with parameters, properties and variables', async () => {
    const { server, log } = setUp()
    const { statements } = await log.sql(`SHOW ${VARIABLE};`, {
      parameters: { limit: 5n, limits: true },
      properties: { 'auto.offset.reset': 'earliest' },
      variables: { what: 'STREAMS' },
    })
    expect(statements).toEqual([])
    expect(server.bodies).toEqual([
      {
        sql: `SHOW ${VARIABLE};`,
        parameters: { limits: true },
        properties: { 'auto.offset.reset': 'earliest' },
        variables: { what: 'STREAMS' },
      },
    ])
    await log.sql('SELECT :limit, :limits;', { parameters: { limit: 5n, limits: true } })
    expect(server.bodies[1]?.sql).toBe('SELECT (5), :limits;')
  })

  test.each([Number.NaN, Number.POSITIVE_INFINITY, undefined, {}, new Date(0)])(
    'rejects the parameter %s, and sends nothing',
    async (value) => {
      const { server, log } = setUp()
      await expect(log.sql`SELECT ${value as never};`).rejects.toMatchObject({
        code: 'invalid_request',
        message: expect.stringMatching(/^parameter p1: .* is allowed$/),
      })
      expect(server.bodies).toEqual([])
    },
  )

  test('keeps the backslashes of a template, but for those of the template itself', async () => {
    const { server, log } = setUp()
    await log.sql`SELECT \`Item\`, '\d+', '\${x}' FROM t;`
    expect(server.bodies[0]?.sql).toBe("SELECT `Item`, '\\d+', '$" + "{x}' FROM t;")
  })

  test.each(['a b', '1', 'a.*', ''])('rejects the parameter name %j', async (name) => {
    const { server, log } = setUp()
    await expect(log.sql('SELECT 1;', { parameters: { [name]: 1n } })).rejects.toMatchObject({
      code: 'invalid_request',
    })
    expect(server.bodies).toEqual([])
  })

  test('returns the results of statements', async () => {
    const { server, log } = setUp()
    const results = [{ kind: 'status', statement: 'DROP STREAM s;', message: 'dropped' }]
    server.respond = () => Response.json({ results })
    const result = await log.sql`DROP STREAM s;`
    expect(result.statements).toEqual(results)
    expect(await result.rows()).toEqual([])
  })

  test.each([1, 7, 100_000])('reads rows that arrive in pieces of %i bytes', async (chunkBytes) => {
    const { server, log } = setUp()
    const lines = [HEADER, ['/', 1], '', ['/ü', null], { tombstone: ['/', null] }, { end: 'end' }]
    server.respond = () => server.lines(lines, { chunkBytes })
    const rows = []
    for await (const row of log.sql`SELECT * FROM visits;`) rows.push(row)
    expect(rows).toEqual([
      { PAGE: '/', N: 1 },
      { PAGE: '/ü', N: null },
    ])
    const result = await log.sql`SELECT * FROM visits EMIT CHANGES;`
    expect(result.columns).toEqual(COLUMNS)
    expect(result.queryId).toBe('query_1')
    const changes = []
    for await (const change of result.changes()) changes.push(change)
    expect(changes.map(({ isTombstone }) => isTombstone)).toEqual([false, false, true])
    expect(changes[2]?.row).toEqual({ PAGE: '/', N: null })
  })

  test('keeps the digits of long numbers if they are wanted', async () => {
    const { server, log } = setUp()
    const row =
      '["9007199254740993",9007199254740993,123456789012345678.90,1.2345678901234567E20,0.1]'
    const columns = [...'ABCDE'].map((name) => ({ name, type: 'STRING', isKey: false }))
    server.respond = () => server.lines([{ ...HEADER, columns }, row, { end: 'end' }])
    expect(await log.sql('SELECT 1;', { exactNumbers: true }).rows()).toEqual([
      {
        A: '9007199254740993',
        B: '9007199254740993',
        C: '123456789012345678.90',
        D: 1.2345678901234567e20,
        E: 0.1,
      },
    ])
    const [plain] = await log.sql('SELECT 1;').rows()
    expect(plain?.B).toBe(9007199254740992)
  })

  test('throws the error of a refused statement with its place', async () => {
    const { server, log } = setUp()
    const details = { statement: 'SELEC 1;', line: 1, column: 1, results: [] }
    const error = { code: 'invalid_request', message: 'found SELEC', retryable: false, details }
    server.respond = () => Response.json({ error }, { status: 400 })
    await expect(log.sql`SELEC 1;`.rows()).rejects.toMatchObject({
      message: 'found SELEC',
      details,
    })
  })

  test('throws the error that ends a query, after the rows before it', async () => {
    const { server, log } = setUp()
    const error = { code: 'unknown_topic_or_partition', message: 'the topic is gone' }
    server.respond = () => server.lines([HEADER, ['/', 1], { error }], { chunkBytes: 1_000 })
    const rows: unknown[] = []
    const read = async () => {
      for await (const row of log.sql`SELECT * FROM t;`) rows.push(row)
    }
    await expect(read()).rejects.toMatchObject(error)
    expect(rows).toHaveLength(1)
    server.respond = () => server.lines([{ error }])
    await expect(log.sql`SELECT * FROM t;`).rejects.toMatchObject(error)
  })

  test('throws if a response is cut short', async () => {
    const { server, log } = setUp()
    const cut = { code: 'unavailable', message: 'the response of the query was cut short' }
    server.respond = () => server.lines([HEADER, ['/', 1]])
    await expect(log.sql`SELECT * FROM t;`.rows()).rejects.toMatchObject(cut)
    server.respond = () => server.lines([])
    await expect(log.sql`SELECT * FROM t;`).rejects.toMatchObject(cut)
    server.respond = () => new Response('{}', { headers: { 'content-type': 'text/html' } })
    await expect(log.sql`SELECT * FROM t;`).rejects.toMatchObject({ code: 'unavailable' })
  })

  test('throws if a query is silent for longer than the server is', async () => {
    const server = new FakeSql()
    const clock = new ManualClock()
    const log = connect({ url: 'http://log', fetch: server.fetch, clock })
    server.respond = () => server.lines([HEADER, ['/', 1]], { isOpen: true, chunkBytes: 1_000 })
    const { reader } = await firstRow(log.sql`SELECT * FROM t EMIT CHANGES;`)
    const next = expect(reader.next()).rejects.toMatchObject({ code: 'unavailable' })
    await until('the reader waits', () => clock.pending === 1)
    clock.advance(40_000)
    await next
    expect(server.cancelled).toBe(1)
  })

  test('ends a query when its reader leaves, by a signal, by close(), and with the client', async () => {
    const { server, log } = setUp()
    const open = [HEADER, ['/', 1]]
    server.respond = () => server.lines(open, { isOpen: true })
    for await (const row of log.sql`SELECT * FROM t EMIT CHANGES;`) {
      expect(row).toEqual({ PAGE: '/', N: 1 })
      break
    }
    expect(server.cancelled).toBe(1)

    const abort = new AbortController()
    const reading = log.sql('SELECT * FROM t EMIT CHANGES;', { signal: abort.signal })
    const { rows, reader } = await firstRow(reading)
    expect(rows).toHaveLength(1)
    abort.abort(new Error('enough'))
    await expect(reader.next()).rejects.toThrow('enough')
    expect(server.cancelled).toBe(2)

    const result = await log.sql`SELECT * FROM t EMIT CHANGES;`
    const all = result.rows()
    await result.close()
    expect((await all).length).toBeLessThanOrEqual(1)
    expect(server.cancelled).toBe(3)

    await log.sql`SELECT * FROM t EMIT CHANGES;`
    await log.close()
    expect(server.cancelled).toBe(4)
    await expect(log.sql`SELECT * FROM t EMIT CHANGES;`).rejects.toThrow('the client is closed')
  })
})

async function firstRow(call: AsyncIterable<unknown>) {
  const reader = call[Symbol.asyncIterator]()
  return { rows: [(await reader.next()).value], reader }
}
