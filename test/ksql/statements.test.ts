/** `/ksql` and the routes about the server. */
import { describe, expect, test } from 'vitest'
import { sharedServerUrl } from '../server/shared-server.ts'
import { get, KSQL_JSON, ksql, newName, newStream, post } from './ksql-server.ts'

const TIMEOUT_MS = 60_000

describe('POST /ksql', { timeout: TIMEOUT_MS }, () => {
  test('returns an entity for each statement, and none for INSERT VALUES and SET', async () => {
    const name = await newStream('K STRING KEY, N BIGINT')
    const type = newName('t')
    const entities = await ksql(
      `SET 'auto.offset.reset'='earliest'; CREATE TYPE ${type} AS STRUCT<A INT, B ARRAY<STRING>>;
       INSERT INTO ${name} VALUES ('a', 1); SHOW TYPES; DEFINE X='1'; SHOW VARIABLES; ASSERT TOPIC '${name.toLowerCase()}';`,
    )
    expect(entities.map((entity) => entity['@type'])).toEqual([
      'currentStatus',
      'type_list',
      'variables',
      'assert_topic',
    ])
    const [status, types, variables, assertion] = entities
    expect(status).toMatchObject({
      commandId: `type/${type}/create`,
      commandStatus: { status: 'SUCCESS', queryId: null },
      commandSequenceNumber: expect.any(Number),
      statementText: expect.stringMatching(/^CREATE TYPE/),
      warnings: [],
    })
    const string = { type: 'STRING', fields: null, memberSchema: null }
    expect(types).toHaveProperty(['types', type], {
      type: 'STRUCT',
      memberSchema: null,
      fields: [
        { name: 'A', schema: { type: 'INTEGER', fields: null, memberSchema: null } },
        { name: 'B', schema: { type: 'ARRAY', fields: null, memberSchema: string } },
      ],
    })
    expect(variables?.variables).toEqual([{ name: 'X', value: '1' }])
    expect(assertion).toMatchObject({ topicName: name.toLowerCase(), exists: true })
    await ksql(`DROP TYPE ${type};`)
  })

  test('describes sources, queries, topics and functions with the fields of ksqlDB', async () => {
    const name = await newStream('K STRING KEY, D DECIMAL(6, 2)')
    const table = newName('t')
    const [made] = await ksql(
      `CREATE TABLE ${table} AS SELECT K, COUNT(*) AS N FROM ${name} GROUP BY K;`,
    )
    const { commandStatus } = made as { commandStatus: { queryId: string } }
    const { queryId } = commandStatus
    const [streams, tables, described, queries, query, topics, fn, functions, properties] =
      await ksql(
        `SHOW STREAMS; SHOW TABLES; DESCRIBE ${name} EXTENDED; SHOW QUERIES; EXPLAIN ${queryId}; SHOW TOPICS;
       DESCRIBE FUNCTION LPAD; SHOW FUNCTIONS; SHOW PROPERTIES;`,
      )
    const listed = { name, topic: name.toLowerCase(), keyFormat: 'KAFKA', valueFormat: 'JSON' }
    expect(streams?.streams).toContainEqual({ type: 'STREAM', ...listed, isWindowed: false })
    expect(tables?.tables).toContainEqual(expect.objectContaining({ type: 'TABLE', name: table }))
    expect(described?.sourceDescription).toMatchObject({
      ...{ name, type: 'STREAM', windowType: null, partitions: 1, extended: true },
      fields: [
        { name: 'K', schema: { type: 'STRING' }, type: 'KEY' },
        { name: 'D', schema: { type: 'DECIMAL', parameters: { precision: 6, scale: 2 } } },
      ],
      readQueries: [{ id: queryId, queryType: 'PERSISTENT' }],
    })
    expect(queries?.queries).toContainEqual(
      expect.objectContaining({ id: queryId, sinks: [table], queryType: 'PERSISTENT' }),
    )
    expect(query?.queryDescription).toMatchObject({ id: queryId, sources: [name], sinks: [table] })
    expect(topics?.topics).toContainEqual({ name: name.toLowerCase(), replicaInfo: [1] })
    expect(fn).toMatchObject({ '@type': 'describe_function', name: 'LPAD', type: 'SCALAR' })
    const { functions: variants } = fn as {
      functions: { arguments: { type: string }[]; returnType: string }[]
    }
    const [variant] = variants
    expect(variant?.arguments.map((one) => one.type)).toEqual(['STRING', 'INTEGER', 'STRING'])
    expect(variant?.returnType).toBe('STRING')
    expect(functions?.functions).toContainEqual({
      name: 'LPAD',
      type: 'SCALAR',
      category: 'SCALAR',
    })
    expect(properties?.defaultProperties).toContain('auto.offset.reset')
    await ksql(`DROP TABLE ${table} DELETE TOPIC; DROP STREAM ${name} DELETE TOPIC;`)
  })

  test('refuses a statement with its text, and shows the results before it', async () => {
    const name = newName('s')
    const refused = await post('/ksql', { ksql: `SHOW TYPES; DROP STREAM ${name};` })
    expect(refused.status).toBe(400)
    expect(JSON.parse(refused.text)).toEqual({
      '@type': 'statement_error',
      error_code: 40001,
      message: expect.stringContaining(`${name} does not exist`),
      statementText: `DROP STREAM ${name};`,
      entities: [],
    })
    const half = await post('/ksql', { ksql: `SHOW TYPES; ASSERT TOPIC 'nope' TIMEOUT 1 SECONDS;` })
    expect(half.status).toBe(417)
    expect(JSON.parse(half.text)).toMatchObject({
      error_code: 41700,
      entities: [{ '@type': 'type_list' }],
    })
  })

  test.each(['SELECT * FROM X;', "PRINT 'x';", 'SHOW TYPES; SELECT * FROM X EMIT CHANGES;'])(
    'sends the client of %s to /query',
    async (text) => {
      const { status, text: body } = await post('/ksql', { ksql: text })
      expect([status, JSON.parse(body)]).toEqual([
        400,
        expect.objectContaining({
          error_code: 40002,
          message: expect.stringContaining("should be issued to the websocket endpoint '/query'"),
        }),
      ])
    },
  )

  test('puts variables into statements, and takes properties with either name', async () => {
    const name = await newStream('K STRING KEY')
    const body = {
      ksql: `DESCRIBE ${'$'}{name}; SHOW PROPERTIES;`,
      sessionVariables: { name },
      streamsProperties: { 'ksql.streams.auto.offset.reset': 'earliest' },
    }
    const { text } = await post('/ksql', body)
    const [described, properties] = JSON.parse(text)
    expect(described.sourceDescription.name).toBe(name)
    expect(properties.overwrittenProperties).toEqual(['auto.offset.reset'])
  })

  test('waits for the statement that a request names, and not for ever', async () => {
    const [made] = await ksql(`CREATE TYPE ${newName('t')} AS INT;`)
    const sequence = made?.commandSequenceNumber as number
    const known = await post('/ksql', { ksql: 'SHOW TYPES;', commandSequenceNumber: sequence })
    expect(known.status).toBe(200)
    const body = { ksql: 'SHOW TYPES;', commandSequenceNumber: sequence + 1_000_000 }
    const unknown = await post('/ksql', body)
    expect([unknown.status, JSON.parse(unknown.text)]).toEqual([
      503,
      expect.objectContaining({ '@type': 'generic_error', error_code: 50301 }),
    ])
  })

  test.each([
    ['not JSON', 'nonsense'],
    ['no statements', {}],
    ['a number for a text', { ksql: 1 }],
    ['properties that are a list', { ksql: 'SHOW TYPES;', streamsProperties: [1] }],
  ])('refuses a body with %s', async (_, body) => {
    const { status, text } = await post('/ksql', body)
    expect(status).toBe(400)
    expect(JSON.parse(text)).toEqual({
      '@type': 'generic_error',
      error_code: 40000,
      message: expect.stringMatching(/\w+/),
    })
  })

  test('uses the media type of ksqlDB if the client accepts it, and else that of JSON', async () => {
    const body = { ksql: 'SHOW TYPES;' }
    expect((await post('/ksql', body, KSQL_JSON)).type).toBe(KSQL_JSON)
    expect((await post('/ksql', body)).type).toBe('application/json')
  })
})

describe('routes about the server', { timeout: TIMEOUT_MS }, () => {
  test('describes the server, its health and its hosts', async () => {
    const json = async (path: string) => JSON.parse((await get(path)).text)
    const info = await json('/info')
    expect(info.KsqlServerInfo).toMatchObject({
      ksqlServiceId: 'default_',
      serverStatus: 'RUNNING',
    })
    expect(await json('/')).toEqual(info)
    expect(await json('')).toEqual(info)
    expect(await json('/healthcheck')).toMatchObject({
      isHealthy: true,
      details: { metastore: { isHealthy: true }, kafka: { isHealthy: true } },
    })
    const [host] = Object.values((await json('/clusterStatus')).clusterStatus)
    expect(host).toMatchObject({ hostAlive: true })
    const id = await json('/v1/metadata/id')
    expect(id.scope.clusters['ksql-cluster']).toBe('default_')
    expect((await json('/v1/metadata')).clusterId).toEqual(id)
  })

  test('returns the status of what statements made', async () => {
    const name = await newStream('K STRING KEY')
    const status = async (path: string) => await get(`/status/${path}`)
    expect(JSON.parse((await get('/status')).text).commandStatuses).toMatchObject({
      [`stream/${name}/create`]: 'SUCCESS',
    })
    expect((await status(`stream/${name}/create`)).status).toBe(200)
    expect((await status(`stream/${encodeURIComponent(`\`${name}\``)}/create`)).status).toBe(200)
    expect((await status(`stream/${name}/drop`)).status).toBe(404)
    await ksql(`DROP STREAM ${name};`)
    expect(JSON.parse((await status(`stream/${name}/drop`)).text).status).toBe('SUCCESS')
    expect((await status(`stream/${name}/create`)).status).toBe(404)
  })

  test('says whether a property may be set', async () => {
    const valid = await get('/is_valid_property/ksql.streams.auto.offset.reset')
    expect([valid.status, valid.text]).toEqual([200, 'true'])
    expect((await get('/is_valid_property/nonsense')).status).toBe(400)
  })

  test('refuses other paths and methods in the form of ksqlDB', async () => {
    const unknown = await get('/nope')
    expect([unknown.status, JSON.parse(unknown.text)]).toEqual([
      404,
      { '@type': 'generic_error', error_code: 40400, message: 'Path not found: /ksqldb/nope' },
    ])
    const wrong = await post('/info', {})
    expect([wrong.status, JSON.parse(wrong.text).error_code]).toEqual([405, 40500])
  })

  test('refuses a page of another origin', async () => {
    const headers = { Origin: 'https://evil.example' }
    const response = await fetch(`${sharedServerUrl()}/ksqldb/info`, { headers })
    expect(response.status).toBe(403)
  })
})
