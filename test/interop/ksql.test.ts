/** Clients of ksqlDB as they are, at the port that `edgelog dev` opens for them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../server/free-port.ts'
import { ServerProcess } from '../server/server-process.ts'
import { provideNpmClients, providePython, run } from './support/ksql-clients.ts'

const TIMEOUT_MS = 120_000
const INSTALL_MS = 600_000
const TOKEN = 'secret'

let server: ServerProcess
let port = 0
let url = ''
beforeAll(async () => {
  port = await freePort()
  url = `http://127.0.0.1:${port}`
  server = await ServerProcess.start({ ksqlPort: port })
}, TIMEOUT_MS)
afterAll(() => server.stop())

interface ClientAnswer {
  readonly status: number
  readonly data?: { readonly rows: readonly unknown[]; readonly metadata: { queryId: string } }
  readonly error?: { readonly error_code: number }
}

/** The calls of npm's `ksqldb-client` that are used here. */
interface KsqldbClient {
  connect(): Promise<void>
  disconnect(): Promise<void>
  executeStatement(text: string): Promise<ClientAnswer>
  insertInto(name: string, row: object): Promise<ClientAnswer>
  query(text: string): Promise<ClientAnswer>
  streamQuery(
    text: string,
    onRows: (answer: { rows?: object[]; metadata: { queryId: string } }) => void,
    options: object,
  ): Promise<ClientAnswer>
  terminatePushQuery(queryId: string): Promise<ClientAnswer>
  listStreams(): Promise<readonly { readonly name: string }[]>
  listTables(): Promise<readonly { readonly name: string }[]>
  listTopics(): Promise<readonly { readonly name: string }[]>
  listQueries(): Promise<readonly { readonly id: string }[]>
  describeSource(name: string): Promise<unknown>
}

interface KsqlDriver {
  testConnection(): Promise<void>
  query(text: string, values: unknown[], options?: object): Promise<Record<string, unknown>>
  tablesSchema(): Promise<Record<string, Record<string, unknown>>>
  dropTable(name: string): Promise<Record<string, unknown>>
}

describe('clients of npm', () => {
  let load: NodeJS.Require
  beforeAll(async () => {
    load = await provideNpmClients()
  }, INSTALL_MS)

  test(
    'ksqldb-client runs statements, inserts, pulls and pushes over HTTP/2',
    async () => {
      const Client = load('ksqldb-client') as new (options: object) => KsqldbClient
      const client = new Client({ host: 'http://127.0.0.1', port })
      await client.connect()
      try {
        const create =
          "CREATE STREAM RIDERS (ID STRING KEY, LAT DOUBLE) WITH (KAFKA_TOPIC='riders', VALUE_FORMAT='JSON', PARTITIONS=1);"
        const made = await client.executeStatement(create)
        expect(made.data?.rows).toMatchObject([{ commandStatus: { status: 'SUCCESS' } }])
        const refused = await client.executeStatement('DROP STREAM NOPE;')
        expect([refused.status, refused.error?.error_code]).toEqual([400, 40001])
        // The client counts characters where HTTP counts bytes, so its rows are ASCII.
        for (const row of [
          { ID: 'a', LAT: 1.5 },
          { ID: 'b', LAT: 2 },
        ]) {
          expect((await client.insertInto('RIDERS', row)).status).toBe(200)
        }
        const pulled = await client.query('SELECT * FROM RIDERS;')
        expect(pulled.data?.rows).toEqual([
          { ID: 'a', LAT: 1.5 },
          { ID: 'b', LAT: 2.0 },
        ])
        const rows: object[] = []
        let queryId = ''
        const pushed = client.streamQuery(
          'SELECT * FROM RIDERS EMIT CHANGES;',
          (answer) => {
            queryId = answer.metadata.queryId
            rows.push(...(answer.rows ?? []))
          },
          { properties: { 'auto.offset.reset': 'earliest' } },
        )
        await expect.poll(() => rows.length, { timeout: TIMEOUT_MS }).toBe(2)
        await client.insertInto('RIDERS', { ID: 'c', LAT: 3 })
        await expect.poll(() => rows.at(-1), { timeout: TIMEOUT_MS }).toEqual({ ID: 'c', LAT: 3 })
        expect((await client.terminatePushQuery(queryId)).status).toBe(200)
        expect((await pushed).status).toBe(200)
        await client.executeStatement('CREATE STREAM COPIES AS SELECT * FROM RIDERS;')
        expect((await client.listStreams()).map(({ name }) => name)).toEqual(['COPIES', 'RIDERS'])
        expect(await client.listTables()).toEqual([])
        expect((await client.listTopics()).map(({ name }) => name)).toContain('riders')
        expect((await client.listQueries()).map(({ id }) => id)).toEqual([
          expect.stringMatching(/^CSAS_COPIES_/),
        ])
        expect(JSON.stringify(await client.describeSource('RIDERS'))).toContain('"LAT"')
      } finally {
        await client.disconnect()
      }
    },
    TIMEOUT_MS,
  )

  test(
    '@cubejs-backend/ksql-driver creates, describes and drops a table',
    async () => {
      const { KsqlDriver: Driver } = load('@cubejs-backend/ksql-driver') as {
        KsqlDriver: new (config: object) => KsqlDriver
      }
      const driver = new Driver({ url, username: 'cube', password: TOKEN, dataSource: 'default' })
      await driver.testConnection()
      await driver.query(
        "CREATE STREAM ORDERS (ID STRING KEY, AMOUNT DECIMAL(8, 2)) WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS=1)",
        [],
      )
      const made = await driver.query(
        'CREATE TABLE `CUBE-TOTALS` AS SELECT ID, SUM(AMOUNT) AS TOTAL FROM ORDERS GROUP BY ID',
        [],
        { streamOffset: 'earliest' },
      )
      expect(made).toMatchObject({ commandStatus: { status: 'SUCCESS' } })
      const { CUBE } = await driver.tablesSchema()
      expect(CUBE?.TOTALS).toEqual([
        { name: 'ID', type: 'STRING' },
        { name: 'TOTAL', type: 'DECIMAL' },
      ])
      await expect(driver.query('DROP STREAM NOPE', [])).rejects.toThrow('NOPE does not exist')
      const dropped = await driver.dropTable('CUBE.TOTALS')
      expect(dropped).toMatchObject({ commandStatus: { status: 'SUCCESS' } })
    },
    TIMEOUT_MS,
  )
})

/** Prints the results of each call as a line of JSON. */
const PYTHON_NG = `
import json, os
from ksql import KSQLAPI
url = os.environ['KSQL_URL']
client = KSQLAPI(url)
show = lambda value: print(json.dumps(value))
show(client.get_ksql_version())
show(client.ksql("CREATE STREAM PY (NAME VARCHAR, N BIGINT) WITH (KAFKA_TOPIC='py', VALUE_FORMAT='JSON', PARTITIONS=1)")[0]['commandStatus']['status'])
show(client.inserts_stream('PY', [{'name': 'ä', 'n': 1}, {'name': 'b', 'n': 2}]))
earliest = {'ksql.streams.auto.offset.reset': 'earliest'}
text = 'SELECT * FROM PY EMIT CHANGES LIMIT 2'
show(''.join(client.query(text, stream_properties=earliest)))
show(list(client.query(text, stream_properties=earliest, use_http2=True, parse=True)))
show(client.close_query('nope'))
try:
    client.ksql('DROP STREAM NOPE')
except Exception as error:
    show(str(error))
show([one['name'] for one in client.get_properties()])
`

const PYTHON_KSQLDB = `
import asyncio, json, os
from ksqldb import KSQLdbClient
client = KSQLdbClient(os.environ['KSQL_URL'])
show = lambda value: print(json.dumps(value))
show(client.ksql("CREATE STREAM PY2 (NAME VARCHAR, N INT) WITH (KAFKA_TOPIC='py2', VALUE_FORMAT='JSON', PARTITIONS=1);")[0]['@type'])
show(client.inserts_stream('PY2', [{'NAME': 'ä', 'N': 1}]))
show(client.query_sync('SELECT * FROM PY2;')[1:])
async def push():
    rows = []
    async for row in client.query_async('SELECT N FROM PY2 EMIT CHANGES;', {'auto.offset.reset': 'earliest'}, timeout=60):
        if isinstance(row, dict):
            query_id = row['queryId']
        else:
            rows.append(row)
            client.close_query(query_id)
    return rows
show(asyncio.run(push()))
`

describe('clients of PyPI', () => {
  let python = ''
  beforeAll(async () => {
    python = await providePython()
  }, INSTALL_MS)

  async function linesOf(script: string): Promise<unknown[]> {
    const { code, output } = await run(python, ['-c', script], { KSQL_URL: url })
    if (code !== 0) throw new Error(output)
    return output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  }

  test(
    'ksql-python-ng runs statements and queries over HTTP/1.1 and HTTP/2',
    async () => {
      const [version, created, acks, raw, parsed, closed, refused, properties] =
        await linesOf(PYTHON_NG)
      expect([version, created]).toEqual(['0.29.0', 'SUCCESS'])
      expect(acks).toEqual([
        { status: 'ok', seq: 0 },
        { status: 'ok', seq: 1 },
      ])
      expect(JSON.parse(String(raw)).slice(1)).toEqual([
        { row: { columns: ['ä', 1] } },
        { row: { columns: ['b', 2] } },
        { finalMessage: 'Limit Reached' },
      ])
      expect(parsed).toEqual([
        { NAME: 'ä', N: 1 },
        { NAME: 'b', N: 2 },
      ])
      expect(closed).toBe(false)
      expect(refused).toContain('NOPE does not exist')
      expect(properties).toContain('auto.offset.reset')
    },
    TIMEOUT_MS,
  )

  test(
    'ksqldb inserts, pulls, and pushes until it closes the query',
    async () => {
      expect(await linesOf(PYTHON_KSQLDB)).toEqual([
        'currentStatus',
        [{ status: 'ok', seq: 0 }],
        [['ä', 1]],
        [[1]],
      ])
    },
    TIMEOUT_MS,
  )
})
