/** SQL in real pages: over the cached log, offline, and on the server. */
import { expect, test } from 'vitest'
import { follow, query } from './support/page-sql.ts'
import { useStage } from './support/stage.ts'
import { connectTab, load } from './support/tab.ts'

const stage = useStage()

const sourcesOf = (topic: string) => `
  CREATE STREAM orders (id STRING KEY, item STRING, price DECIMAL(9, 2), big BIGINT)
    WITH (KAFKA_TOPIC='${topic}', VALUE_FORMAT='JSON');
  CREATE TABLE latest (id STRING PRIMARY KEY, item STRING)
    WITH (KAFKA_TOPIC='${topic}', VALUE_FORMAT='JSON');`

const RECORDS = [
  { key: '1', value: { item: 'tea', price: 1.5, big: 7 } },
  { key: '2', value: { item: 'coffee', price: 2.5 } },
  { key: '1', value: { item: 'cake', price: 4 } },
]

async function sqlScene() {
  const scene = await stage.scene({ partitions: 2 })
  const append = (partition: number, records: readonly object[]) =>
    stage.server.request('POST', `/v1/topics/${scene.topic}/partitions/${partition}/records`, {
      records,
    })
  await append(0, RECORDS)
  return { ...scene, append, sources: sourcesOf(scene.topic) }
}

test('queries read streams and tables of the cached log, also offline and after a reload', async () => {
  const { tab, proxy, sources } = await sqlScene()
  const page = await tab()
  const cheap = 'SELECT id, UCASE(item) AS item, price * 2 AS two FROM orders WHERE price < :max;'
  const run = () => query(page, sources, cheap, { parameters: { max: 3 } })
  const expected = [
    { ID: '1', ITEM: 'TEA', TWO: 3 },
    { ID: '2', ITEM: 'COFFEE', TWO: 5 },
  ]
  expect(await run()).toEqual(expected)
  await expect.poll(() => page.evaluate(() => window.log.status.lagRecords)).toBe(0)
  proxy.setFault({ kind: 'refuse' })
  proxy.cut()
  await load(page, stage.pages.url)
  await connectTab(page, { url: proxy.url })
  expect(await run()).toEqual(expected)
  expect(await query(page, sources, 'SELECT * FROM latest;')).toEqual([
    { ID: '1', ITEM: 'cake' },
    { ID: '2', ITEM: 'coffee' },
  ])
  expect(await query(page, sources, 'SELECT item FROM orders LIMIT 1;')).toEqual([{ ITEM: 'tea' }])
})

/** Calls functions of all families, and reads the time of the records by a pattern. */
const ALL_FAMILIES = `SELECT UCASE(item) AS a, ABS(0 - n) AS b, LEN(item) AS c, COALESCE(id, '-') AS d,
    ARRAY_LENGTH(ARRAY[1, 2]) AS e, FORMAT_DATE(FROM_DAYS(0), 'yyyy') AS f, REGEXP_EXTRACT('a.e', item) AS g,
    TO_JSON_STRING(n) AS h, URL_ENCODE_PARAM(item) AS i, REDUCE(ARRAY[1, 2], 0, (s, x) => s + x) AS j,
    ROWTIME AS k
  FROM visits;`

test('functions of all families run offline, if their code was loaded', async () => {
  const { topic, tab, proxy, append } = await sqlScene()
  await append(1, [{ key: '5', value: { item: 'ca&e', n: 7, day: '2 Jan 1970' } }])
  const sources = `CREATE STREAM visits (id STRING KEY, item STRING, n INT, day STRING)
    WITH (KAFKA_TOPIC='${topic}', VALUE_FORMAT='JSON', TIMESTAMP='day', TIMESTAMP_FORMAT='d MMM yyyy');`
  const page = await tab()
  const plain = 'SELECT item FROM visits;'
  expect(await query(page, sources, plain)).toHaveLength(4)
  await expect.poll(() => page.evaluate(() => window.log.status.lagRecords)).toBe(0)
  proxy.setFault({ kind: 'refuse' })
  proxy.cut()
  await load(page, stage.pages.url)
  await connectTab(page, { url: proxy.url })
  const rows = await query(page, sources, ALL_FAMILIES)
  expect((rows as object[]).at(-1)).toEqual({
    ...{ A: 'CA&E', B: 7, C: 4, D: '5', E: 2, F: '1970', G: 'a&e', H: '7', I: 'ca%26e', J: 3 },
    K: 86_400_000,
  })
  // The server of the pages is away too: the page has the code that it loaded.
  await page.context().setOffline(true)
  expect(await query(page, sources, ALL_FAMILIES)).toEqual(rows)
  await page.context().setOffline(false)
  await load(page, stage.pages.url)
  await connectTab(page, { url: proxy.url })
  expect(await query(page, sources, plain)).toHaveLength(4)
  await page.context().setOffline(true)
  expect(await query(page, sources, ALL_FAMILIES)).toContain('the code of SQL: ')
  expect(await query(page, sources, plain)).toHaveLength(4)
})

test('a live query yields rows and removed rows as they come', async () => {
  const { tab, append, sources } = await sqlScene()
  const page = await tab()
  await follow(page, sources, "SELECT id, item FROM latest WHERE item <> 'coffee' EMIT CHANGES;")
  const rows = () => page.evaluate(() => window.liveRows)
  const row = (ID: string, ITEM: string | null) => ({
    row: { ID, ITEM },
    isTombstone: ITEM === null,
  })
  await expect.poll(rows).toEqual([row('1', 'tea'), row('1', 'cake')])
  await append(1, [
    { key: '3', value: { item: 'milk' } },
    { key: '3', value: null },
  ])
  await expect
    .poll(rows)
    .toEqual([row('1', 'tea'), row('1', 'cake'), row('3', 'milk'), row('3', null)])
  await page.evaluate(() => window.log.close())
  await append(1, [{ key: '4', value: { item: 'water' } }])
  expect(await rows()).toHaveLength(4)
})

test('a query ends by its signal, and when its reader leaves', async () => {
  const { tab, sources } = await sqlScene()
  const page = await tab()
  const found = await page.evaluate(async (given) => {
    const { sqlOver } = await window.loadSql()
    const sql = sqlOver(window.log, { sources: given })
    const text = 'SELECT item FROM orders EMIT CHANGES;'
    const properties = { 'auto.offset.reset': 'earliest' }
    for await (const _ of sql(text, { properties })) break
    const abort = new AbortController()
    const rows = await sql(text, { properties, signal: abort.signal })
    const reader = rows[Symbol.asyncIterator]()
    const first = await reader.next()
    abort.abort(new Error('enough'))
    const rest: string[] = []
    try {
      for (let next = await reader.next(); !next.done; next = await reader.next()) rest.push('row')
    } catch (error) {
      rest.push((error as Error).message)
    }
    const late = await sql(text, { signal: abort.signal }).catch((error: Error) => error.message)
    return { first: first.value, last: rest.at(-1), late }
  }, sources)
  expect(found).toEqual({ first: { ITEM: 'tea' }, last: 'enough', late: 'enough' })
})

test('errors name the place, and what is allowed', async () => {
  const { tab, sources } = await sqlScene()
  const page = await tab()
  const failing = (text: string, given = sources) => query(page, given, text)
  expect(await failing('SELECT * FROM ordrs;')).toBe('ORDRS does not exist. Did you mean ORDERS?')
  expect(await failing('SELECT * FORM orders;')).toContain('line 1:10: Syntax Error: found FORM')
  expect(await failing('DROP STREAM orders;')).toContain('one SELECT is allowed in a page')
  expect(await failing('SELECT COUNT(*) FROM orders GROUP BY item EMIT CHANGES;')).toContain(
    'GROUP BY',
  )
  expect(await failing('SELECT 1 FROM s;', 'DROP STREAM s;')).toContain('sources: CREATE STREAM')
  expect(await failing('SELEC 1 FROM orders;')).toContain('Did you mean SELECT?')
  expect(await failing('SELECT UCSE(item) FROM orders;')).toBe(
    "line 1:8: Can't find any functions with the name 'UCSE'. Did you mean UCASE?",
  )
  expect(await failing('SELECT UCASE(item), ABBS(1) FROM orders;')).toContain('Did you mean ABS?')
  expect(await failing('SELECT SUM(price) FROM orders;')).toContain('requires a GROUP BY clause')
})

test('a page reads the catalog of the server, and runs statements there', async () => {
  const { topic, tab } = await sqlScene()
  const page = await tab()
  const name = `S_${topic.replaceAll(/\W/g, '_').toUpperCase()}`
  const found = await page.evaluate(
    async ({ name, topic }) => {
      const { readSources, serverSql, sqlOver } = await window.loadSql()
      const sql = serverSql(window.log)
      await sql(`CREATE STREAM ${name} (id STRING KEY, item STRING)
        WITH (KAFKA_TOPIC='${topic}', VALUE_FORMAT='JSON');
        CREATE STREAM ${name}_UP AS SELECT id, UCASE(item) AS \`Item\` FROM ${name};`)
      const sources = await readSources(window.log)
      const here = sqlOver(window.log, { sources })
      return {
        rows: await here(`SELECT item FROM ${name};`).rows(),
        columns: (await here(`SELECT * FROM ${name}_UP;`)).columns,
        server: await sql(`SELECT item FROM ${name} LIMIT 1;`).rows(),
      }
    },
    { name, topic },
  )
  expect(found).toEqual({
    rows: [{ ITEM: 'tea' }, { ITEM: 'coffee' }, { ITEM: 'cake' }],
    columns: [
      { name: 'ID', type: 'STRING', isKey: true },
      { name: 'Item', type: 'STRING', isKey: false },
    ],
    server: [{ ITEM: 'tea' }],
  })
})
