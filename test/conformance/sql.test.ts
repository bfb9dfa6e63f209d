/** Queries of SQL whose rows are read, as PROTOCOL.md promises them. */
import { expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { useTarget } from './target.ts'

const target = useTarget()
const { request } = target

interface Result {
  readonly columns: Array<{ name: string; type: string; isKey: boolean }>
  readonly rows: unknown[][]
  readonly end?: string
}

/** Returns a name that no other test has, in upper case as SQL reads it. */
function name(what: string): string {
  return `${what}_${crypto.randomUUID().slice(0, 8)}`.toUpperCase().replaceAll('-', '_')
}

async function post(sql: string, accept = 'application/json', rest: object = {}) {
  const properties = { 'auto.offset.reset': 'earliest' }
  const headers = { Accept: accept }
  return await request('POST', '/v1/sql', { json: { sql, properties, ...rest }, headers })
}

async function run(sql: string): Promise<void> {
  const response = await post(sql)
  expect(response.status, await response.clone().text()).toBe(200)
  const { results } = (await response.json()) as { results: Array<{ status?: string }> }
  for (const { status = 'SUCCESS' } of results) expect(status).toBe('SUCCESS')
}

async function query(sql: string, rest: object = {}): Promise<Result> {
  const response = await post(sql, 'application/json', rest)
  expect(response.status, await response.clone().text()).toBe(200)
  return (await response.json()) as Result
}

/** Creates a stream of clicks with four records. */
async function useClicks(): Promise<string> {
  const clicks = name('CLICKS')
  await run(
    `CREATE STREAM ${clicks} (user STRING KEY, page STRING, ms BIGINT, at TIMESTAMP)
     WITH (KAFKA_TOPIC='${clicks}', PARTITIONS=2, VALUE_FORMAT='JSON', TIMESTAMP='AT');
     INSERT INTO ${clicks} VALUES ('ann', '/home', 10, '2026-11-30T10:00:00');
     INSERT INTO ${clicks} VALUES ('bob', '/home', 9007199254740993, '2026-11-30T10:00:10');
     INSERT INTO ${clicks} VALUES ('ann', '/shop', 30, '2026-11-30T10:00:20');
     INSERT INTO ${clicks} VALUES ('ann', '/home', 5, '2026-11-30T10:02:00');`,
  )
  return clicks
}

function sorted(rows: unknown[][]): unknown[][] {
  return rows.toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1))
}

test('a stream is read to its end, with a condition and all digits', async () => {
  const clicks = await useClicks()
  const response = await post(`SELECT user, UCASE(page) AS p, ms FROM ${clicks} WHERE ms > 9;`)
  const text = await response.text()
  expect(text).toContain('["bob","/HOME",9007199254740993]')
  const { columns, rows, end } = JSON.parse(text) as Result
  expect(columns).toEqual([
    { name: 'USER', type: 'STRING', isKey: true },
    { name: 'P', type: 'STRING', isKey: false },
    { name: 'MS', type: 'BIGINT', isKey: false },
  ])
  expect(rows).toHaveLength(3)
  expect(end).toBe('end')
})

test('a table is read by key, by a list of keys, and as a whole', async () => {
  const clicks = await useClicks()
  const pages = name('PAGES')
  await run(
    `CREATE TABLE ${pages} AS SELECT page, COUNT(*) AS n FROM ${clicks} GROUP BY page EMIT CHANGES;`,
  )
  const all = `SELECT * FROM ${pages};`
  await until('the table has all rows', async () =>
    (await query(all)).rows.some(([page, n]) => page === '/home' && n === 3),
  )
  expect(sorted((await query(all)).rows)).toEqual([
    ['/home', 3],
    ['/shop', 1],
  ])
  expect((await query(`SELECT n FROM ${pages} WHERE page = '/shop';`)).rows).toEqual([[1]])
  const some = `SELECT page FROM ${pages} WHERE page IN ('/shop', '/none') AND n < 5;`
  expect((await query(some)).rows).toEqual([['/shop']])
  const bound = { parameters: { page: "/shop' OR '1'='1" } }
  expect((await query(`SELECT n FROM ${pages} WHERE page = :page;`, bound)).rows).toEqual([])
  expect((await query(`${all.slice(0, -1)} LIMIT 1;`)).rows).toHaveLength(1)
})

test('a windowed table is read by key and the start of its windows', async () => {
  const clicks = await useClicks()
  const minutes = name('MINUTES')
  await run(
    `CREATE TABLE ${minutes} AS SELECT user, COUNT(*) AS n FROM ${clicks}
     WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY user;`,
  )
  const ofAnn = `SELECT user, WINDOWSTART, n FROM ${minutes} WHERE user = 'ann'`
  await until('both windows are there', async () => (await query(`${ofAnn};`)).rows.length === 2)
  const start = Date.parse('2026-11-30T10:00:00Z')
  expect((await query(`${ofAnn};`)).rows).toEqual([
    ['ann', start, 2],
    ['ann', start + 120_000, 1],
  ])
  const later = `${ofAnn} AND WINDOWSTART > '2026-11-30T10:01:00';`
  expect((await query(later)).rows).toEqual([['ann', start + 120_000, 1]])
})

test('windows are kept for their RETENTION, and their topic too', async () => {
  const clicks = await useClicks()
  const minutes = name('KEPT')
  const create = (retention: string) =>
    `CREATE TABLE ${minutes} AS SELECT user, COUNT(*) AS n FROM ${clicks}
     WINDOW TUMBLING (SIZE 1 MINUTE, RETENTION ${retention}, GRACE PERIOD 1 MINUTE) GROUP BY user;`
  const refused = await post(create('119 SECONDS'))
  expect(refused.status).toBe(400)
  expect(await refused.text()).toContain('RETENTION must not be less than SIZE and GRACE PERIOD')
  await run(create('30 DAYS'))
  // Later by more than a window and its grace, and more than a day.
  await run(`INSERT INTO ${clicks} VALUES ('ann', '/home', 1, '2026-12-05T10:00:00');`)
  const ofAnn = `SELECT WINDOWSTART, n FROM ${minutes} WHERE user = 'ann';`
  await until('three windows are there', async () => (await query(ofAnn)).rows.length === 3)
  const topic = await request('GET', `/v1/topics/${minutes}`)
  expect(await topic.json()).toMatchObject({ config: { 'retention.ms': 30 * 86_400_000 } })
})

test('a table without windows has no retention', async () => {
  const response = await post(
    `CREATE TABLE ${name('T')} (id INT PRIMARY KEY)
     WITH (KAFKA_TOPIC='${name('T')}', PARTITIONS=1, VALUE_FORMAT='JSON', RETENTION_MS=1000);`,
  )
  expect(response.status).toBe(400)
  expect(await response.text()).toContain('Non-windowed tables do not support retention')
})

test('a table that no query writes is read from its compacted topic', async () => {
  const users = name('USERS')
  await run(
    `CREATE TABLE ${users} (id INT PRIMARY KEY, name STRING)
     WITH (KAFKA_TOPIC='${users}', PARTITIONS=1, VALUE_FORMAT='JSON');
     INSERT INTO ${users} VALUES (1, 'Ann'); INSERT INTO ${users} VALUES (1, 'Anne');
     INSERT INTO ${users} VALUES (2, 'Bob');`,
  )
  await until(
    'both users are there',
    async () => (await query(`SELECT * FROM ${users};`)).rows.length === 2,
  )
  expect((await query(`SELECT name FROM ${users} WHERE id = 1;`)).rows).toEqual([['Anne']])
})

test('a query with EMIT CHANGES has rows as they come, until its limit', async () => {
  const clicks = await useClicks()
  const push = query(`SELECT user, ms FROM ${clicks} WHERE ms < 10 EMIT CHANGES LIMIT 2;`)
  await run(`INSERT INTO ${clicks} VALUES ('eve', '/new', 1, '2026-11-30T10:03:00');`)
  expect(await push).toMatchObject({
    rows: [
      ['ann', 5],
      ['eve', 1],
    ],
    end: 'limit',
  })
})

test('a query with EMIT CHANGES may join, group and have windows', async () => {
  const clicks = await useClicks()
  const counted = `SELECT page, COUNT(*) AS n FROM ${clicks} GROUP BY page EMIT CHANGES LIMIT 4;`
  expect(sorted((await query(counted)).rows)).toEqual([
    ['/home', 1],
    ['/home', 2],
    ['/home', 3],
    ['/shop', 1],
  ])
  const all = await query(`SELECT SUM(ms) AS s FROM ${clicks} WHERE ms < 50 EMIT CHANGES LIMIT 3;`)
  expect(all.rows.at(-1)).toEqual([45])
})

test.each(['application/x-ndjson', 'text/event-stream'])('rows are lines of %s', async (accept) => {
  const clicks = await useClicks()
  const response = await post(`SELECT page FROM ${clicks} WHERE ms = 30;`, accept)
  expect(response.headers.get('Content-Type')).toContain(accept)
  const lines = (await response.text())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line.replace(/^data: /, '')))
  expect(lines).toEqual([
    expect.objectContaining({ columns: [{ name: 'PAGE', type: 'STRING', isKey: false }] }),
    ['/shop'],
    { end: 'end' },
  ])
})

test('PRINT shows the records of a topic', async () => {
  const clicks = await useClicks()
  const { rows } = await query(`PRINT ${clicks} FROM BEGINNING LIMIT 4;`)
  expect(rows.map((row) => row[1]).sort()).toEqual(['ann', 'ann', 'ann', 'bob'])
  expect(rows[0]).toHaveLength(5)
})

test.each([
  ['SELECT * FROM missing_1;', 'MISSING_1 does not exist'],
  ['SELECT nme FROM $CLICKS;', "column 'NME' cannot be resolved"],
  ['SELECT COUNT(*) FROM $CLICKS;', 'requires a GROUP BY'],
  ['SELECT page FROM $CLICKS GROUP BY page;', 'GROUP BY'],
  ['SELECT page + 1 FROM $CLICKS;', 'Arithmetic on types STRING and INTEGER'],
  ['SELECT LEN(ms) FROM $CLICKS;', "Function 'LEN' does not accept parameters (BIGINT)"],
  ['SELECT LENN(page) FROM $CLICKS;', 'Did you mean LEN?'],
  ['SELECT page FROM $CLICKS; SELECT page FROM $CLICKS;', 'one query alone'],
  ['SELECT page FROM $CLICKS WHERE ms;', 'Should evaluate to boolean'],
])('%s is refused with the reason', async (sql, message) => {
  const clicks = await useClicks()
  const response = await post(sql.replaceAll('$CLICKS', clicks))
  expect(response.status).toBe(400)
  const { error } = (await response.json()) as { error: { code: string; message: string } }
  expect(error.code).toBe('invalid_statement')
  expect(error.message).toContain(message)
})

test('a JSON document is refused for a query without an end', async () => {
  const clicks = await useClicks()
  const response = await post(`SELECT * FROM ${clicks} EMIT CHANGES;`)
  expect(response.status).toBe(406)
})

test.each([
  ['SELECT * FROM $CLICKS;', 'reads topic $CLICKS to its end'],
  ['SELECT * FROM $CLICKS EMIT CHANGES;', 'and goes on'],
  ['SELECT page, COUNT(*) FROM $CLICKS GROUP BY page EMIT CHANGES;', '(aggregate)'],
])('EXPLAIN %s shows how it is read', async (sql, expected) => {
  const clicks = await useClicks()
  const response = await post(`EXPLAIN ${sql.replaceAll('$CLICKS', clicks)}`)
  const { results } = (await response.json()) as { results: [{ query: { topology: string } }] }
  expect(results[0].query.topology).toContain(expected.replaceAll('$CLICKS', clicks))
})
