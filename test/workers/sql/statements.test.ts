/** Question: do statements make streams, tables and queries that run, and leave nothing behind when refused? */
import { reset } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { logErrorsOnly } from '../quiet-events.ts'
import { readCatalog, SqlApp } from './sql-for-test.ts'

beforeEach(() => logErrorsOnly())
afterEach(async () => {
  vi.restoreAllMocks()
  await reset()
})

const CLICKS = `CREATE STREAM clicks (user STRING KEY, page STRING, ms INT)
  WITH (KAFKA_TOPIC='clicks', PARTITIONS=2, VALUE_FORMAT='JSON');`
const PAGES = 'CREATE TABLE pages AS SELECT page, COUNT(*) AS n FROM clicks GROUP BY page;'

describe('statements', () => {
  test('make a table of a stream, whose rows are in its topic and in its store', async () => {
    const app = new SqlApp()
    expect(await app.run(`${CLICKS} ${PAGES}`)).toMatchObject([
      { kind: 'status', commandId: 'stream/CLICKS/create', status: 'SUCCESS', sequence: 1 },
      { kind: 'status', status: 'SUCCESS', queryId: 'CTAS_PAGES_1', sequence: 2 },
    ])
    const insert = (user: string, page: string) =>
      `INSERT INTO clicks (user, page, ms) VALUES ('${user}', '${page}', 1);`
    const inserted = await app.run(insert('a', '/') + insert('b', '/a') + insert('a', '/'))
    expect(inserted).toMatchObject([
      { kind: 'inserted' },
      { kind: 'inserted' },
      { topic: 'clicks' },
    ])
    const { tasks, topology } = await app.settled('sql-CTAS_PAGES_1', 6)
    expect(tasks.every(({ status }) => status === 'running')).toBe(true)
    const rows = [...(await app.records('PAGES')), ...(await app.records('PAGES', 1))]
    expect(rows.filter(({ key }) => key === '/').at(-1)).toEqual({ key: '/', value: '{"N":2}' })
    expect(rows.filter(({ key }) => key === '/a')).toEqual([{ key: '/a', value: '{"N":1}' }])
    const stores = topology.nodes.flatMap((node) => node.stores)
    const path = `/v1/streams/sql-CTAS_PAGES_1/stores/${stores.at(-1)?.name}`
    const found = await app.json<{ rows: unknown[] }>('GET', path)
    expect(found.rows).toHaveLength(2)
  })

  test('are listed, described and explained with the state of their application', async () => {
    const app = new SqlApp()
    await app.run(CLICKS + PAGES)
    await app.run(`INSERT INTO clicks VALUES ('a', '/', 1);`)
    await app.settled('sql-CTAS_PAGES_1', 2)
    expect(await app.one('SHOW STREAMS;')).toMatchObject({
      kind: 'sources',
      sources: [{ name: 'CLICKS', topic: 'clicks', readers: ['CTAS_PAGES_1'] }],
    })
    expect(await app.one('DESCRIBE pages EXTENDED;')).toMatchObject({
      source: {
        name: 'PAGES',
        kind: 'TABLE',
        columns: [
          { name: 'PAGE', type: 'STRING', part: 'key' },
          { name: 'N', type: 'BIGINT', part: 'value' },
        ],
        writers: ['CTAS_PAGES_1'],
        partitions: 2,
      },
    })
    expect(await app.one('SHOW QUERIES;')).toMatchObject({
      queries: [{ id: 'CTAS_PAGES_1', status: 'running', sinkTopic: 'PAGES' }],
    })
    expect(await app.one('EXPLAIN CTAS_PAGES_1;')).toMatchObject({
      query: {
        status: 'running',
        topology: expect.stringMatching(/^.*\(source\): 1 record$[\s\S]*\(sink\).*: 1 record$/m),
        application: { lag: 0, status: 'running' },
      },
    })
    expect(await app.one('SHOW TOPICS;')).toMatchObject({
      topics: [
        { name: 'PAGES', partitions: 2 },
        { name: 'clicks', partitions: 2 },
      ],
    })
    expect(await app.one('DESCRIBE FUNCTION count;')).toMatchObject({
      function: { name: 'COUNT', type: 'AGGREGATE' },
    })
  })

  test('begin at the end of a topic unless the session says earliest', async () => {
    const app = new SqlApp()
    await app.run(CLICKS)
    await app.run(`INSERT INTO clicks VALUES ('a', '/old', 1);`)
    await app.run('CREATE STREAM late AS SELECT * FROM clicks;', { properties: {} })
    await app.run(`INSERT INTO clicks VALUES ('a', '/new', 1);`)
    await app.settled('sql-CSAS_LATE_1', 1)
    expect(await app.values('LATE')).toMatchObject([{ PAGE: '/new' }])
  })

  test('lose no record that comes after the statement, while the query is paused', async () => {
    const app = new SqlApp()
    await app.run(`${CLICKS} INSERT INTO clicks VALUES ('a', '/old', 1);`)
    await app.run('CREATE STREAM late AS SELECT * FROM clicks; PAUSE CSAS_LATE_1;', {
      properties: { 'auto.offset.reset': 'latest' },
    })
    await app.run(`INSERT INTO clicks VALUES ('a', '/new', 1);`)
    await app.run('RESUME CSAS_LATE_1;')
    await app.settled('sql-CSAS_LATE_1', 1)
    expect(await app.values('LATE')).toMatchObject([{ PAGE: '/new' }])
  })

  test('replace the filter of a query, which goes on where it was', async () => {
    const app = new SqlApp()
    await app.run(`${CLICKS} CREATE STREAM slow AS SELECT * FROM clicks WHERE ms > 10;`)
    await app.run(`INSERT INTO clicks VALUES ('a', '/', 11);`)
    await app.settled('sql-CSAS_SLOW_1', 1)
    const replaced = await app.one(
      'CREATE OR REPLACE STREAM slow AS SELECT * FROM clicks WHERE ms > 20;',
    )
    expect(replaced).toMatchObject({ status: 'SUCCESS', queryId: 'CSAS_SLOW_1' })
    await app.run(
      `INSERT INTO clicks VALUES ('a', '/', 12); INSERT INTO clicks VALUES ('a', '/', 21);`,
    )
    await app.settled('sql-CSAS_SLOW_1', 3)
    expect(await app.values('SLOW')).toMatchObject([{ MS: 11 }, { MS: 21 }])
  })

  test('pause, resume and terminate a query, and drop its source with the topic', async () => {
    const app = new SqlApp()
    await app.run(CLICKS + PAGES)
    await app.run('PAUSE CTAS_PAGES_1;')
    expect(await app.one('SHOW QUERIES;')).toMatchObject({ queries: [{ status: 'paused' }] })
    await app.run('RESUME CTAS_PAGES_1;')
    expect(await app.one('SHOW QUERIES;')).toMatchObject({ queries: [{ status: 'running' }] })
    const dropped = await app.run('DROP TABLE pages DELETE TOPIC; DROP STREAM clicks;')
    expect(dropped).toMatchObject([{ status: 'SUCCESS' }, { status: 'SUCCESS' }])
    expect(await app.topicNames()).toEqual(['clicks'])
    expect(await app.json('GET', '/v1/streams')).toEqual({ applications: [] })
  })

  test('count expressions that fail for a row, which is null there', async () => {
    const app = new SqlApp()
    await app.run(`${CLICKS} CREATE STREAM parts AS SELECT user, 10 / ms AS part FROM clicks;`)
    await app.run(`INSERT INTO clicks VALUES ('a', '/', 0);`)
    const { tasks } = await app.settled('sql-CSAS_PARTS_1', 1)
    const failures = tasks.flatMap((task) => task.failures ?? [])
    expect(failures).toMatchObject([{ count: 1, lastMessage: expect.stringMatching(/./) }])
    expect(await app.values('PARTS')).toEqual([{ PART: null }])
  })

  test('take values by name, which are never read as text of a statement', async () => {
    const app = new SqlApp()
    await app.run(CLICKS)
    const page = "'); DROP STREAM clicks; --"
    await app.run('INSERT INTO clicks VALUES (:user, :page, :ms);', {
      parameters: { user: 'a', page, ms: -3 },
    })
    expect(await app.values('clicks')).toEqual([{ PAGE: page, MS: -3 }])
    expect(
      await app.refused('INSERT INTO clicks VALUES (:usr, :page, 1);', {
        parameters: { user: 'a', page },
      }),
    ).toMatchObject({
      message: 'parameter :usr: is not given. Did you mean :user?',
      details: { column: 28 },
    })
  })

  test('make tables whose stores show every type as JSON', async () => {
    const app = new SqlApp()
    await app.run(`CREATE STREAM sums (k STRING KEY, d DECIMAL(4, 2), b BIGINT)
        WITH (KAFKA_TOPIC='sums', PARTITIONS=1, VALUE_FORMAT='JSON');
      CREATE TABLE latest AS SELECT k, LATEST_BY_OFFSET(d) AS d, MAX(b) AS b FROM sums GROUP BY k;`)
    await app.run(`INSERT INTO sums VALUES ('a', 10.10, 9223372036854775807);`)
    const { topology } = await app.settled('sql-CTAS_LATEST_1', 1)
    const [store] = topology.nodes.flatMap((node) => node.stores)
    const path = `/v1/streams/sql-CTAS_LATEST_1/stores/${store?.name}`
    const { rows } = await app.json<{ rows: unknown[] }>('GET', path)
    expect(JSON.stringify(rows)).toMatch(/"9223372036854775807"/)
    expect(JSON.stringify(rows)).toMatch(/"10\.10"/)
  })

  test('put variables into later statements', async () => {
    const app = new SqlApp()
    const variable = (name: string) => `$\{${name}}`
    await app.run(`DEFINE t = 'clicks'; ${CLICKS.replace("'clicks'", `'${variable('t')}'`)}`)
    expect(await app.topicNames()).toEqual(['clicks'])
    const several = await app.refused(
      `DEFINE x = 'A; DROP STREAM clicks'; DROP STREAM ${variable('x')};`,
    )
    expect(several.message).toMatch(/several/)
    expect(Object.keys((await readCatalog()).state?.sources ?? {})).toEqual(['CLICKS'])
  })
})

describe('a statement that is refused', () => {
  test.each([
    ['SELEC * FROM x;', /line 1:1/],
    ['DROP STREAM nowhere;', /does not exist/],
    [
      "CREATE STREAM s (a INT) WITH (KAFKA_TOPIC='none', VALUE_FORMAT='JSON');",
      /topic does not exist: none/,
    ],
    [
      "CREATE STREAM s (a INT) WITH (KAFKA_TOPIC='bad name', PARTITIONS=1, VALUE_FORMAT='JSON');",
      /are allowed/,
    ],
    [
      "CREATE STREAM s (a INT) WITH (KAFKA_TOPIC='t', PARTITIONS=1000000, VALUE_FORMAT='JSON');",
      /partitions/,
    ],
    [
      "CREATE STREAM s (a INT) WITH (KAFKA_TOPIC='clicks', PARTITIONS=3, VALUE_FORMAT='JSON');",
      /already exists, with different partition/,
    ],
    [
      "CREATE STREAM s WITH (PARTITIONS=3, KAFKA_TOPIC='clicks') AS SELECT * FROM clicks;",
      /already exists, with different partition/,
    ],
    ['CREATE STREAM s AS SELECT nothing FROM clicks;', /NOTHING/],
    [
      'CREATE STREAM s AS SELECT * FROM clicks c JOIN other o WITHIN 1 HOUR ON c.user = o.user;',
      /same number of partitions/,
    ],
    ["INSERT INTO clicks VALUES ('a', '/', 'x');", /MS/],
    ["SET 'auto.offset.reset' = 'middle';", /earliest and latest are allowed/],
    ["SET 'auto.ofset.reset' = 'latest';", /Did you mean auto.offset.reset/],
    ['CREATE TYPE t AS INT; SELECT * FROM clicks;', /SELECT: is sent alone/],
    ['DESCRIBE FUNCTION coutn;', /Did you mean COUNT/],
    ['EXPLAIN CTAS_NO_1;', /does not exist/],
    ['TERMINATE CTAS_NO_1;', /Unknown queryId/],
  ])('leaves no trace: %s', async (sql, message) => {
    const app = new SqlApp()
    const other = CLICKS.replaceAll('clicks', 'other').replace('PARTITIONS=2', 'PARTITIONS=4')
    await app.run(CLICKS + other)
    const before = [await readCatalog(), await app.topicNames()]
    const error = await app.refused(sql)
    expect(error.message).toMatch(message)
    expect(error.details).toMatchObject({ results: [] })
    expect([await readCatalog(), await app.topicNames()]).toEqual(before)
    expect(await app.json('GET', '/v1/streams')).toEqual({ applications: [] })
  })

  test('stops a request before its first statement, if the catalog decides so', async () => {
    const app = new SqlApp()
    const error = await app.refused(`${CLICKS}\nCREATE STREAM s AS SELECT nothing FROM clicks;`)
    expect(error.details).toMatchObject({
      statement: 'CREATE STREAM s AS SELECT nothing FROM clicks;',
      ...{ line: 3, results: [] },
    })
    expect(await app.topicNames()).toEqual([])
    expect(await readCatalog()).toMatchObject({ sequence: 0 })
  })
})
