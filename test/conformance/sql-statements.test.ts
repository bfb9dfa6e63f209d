/** Question: do statements do over HTTP what docs/PROTOCOL.md says? */
import { describe, expect, test } from 'vitest'
import { uniqueName } from '../server/shared-server.ts'
import { useTarget } from './target.ts'

const target = useTarget()

interface Results {
  readonly results: ReadonlyArray<Record<string, unknown>>
}
interface Refusal {
  readonly error: {
    readonly code: string
    readonly message: string
    readonly details: Record<string, unknown>
  }
}

const EARLIEST = { 'auto.offset.reset': 'earliest' }

async function run(sql: string, options: object = {}): Promise<Results['results']> {
  const json = { sql, properties: EARLIEST, ...options }
  const response = await target.request('POST', '/v1/sql', { json })
  const body = await response.json<Results>()
  expect(response.status, JSON.stringify(body)).toBe(200)
  return body.results
}

async function refused(sql: string, options: object = {}): Promise<Refusal['error']> {
  const response = await target.request('POST', '/v1/sql', { json: { sql, ...options } })
  const { error } = await response.json<Refusal>()
  expect(response.status, error.message).toBe(400)
  return error
}

/** Returns a name of a source that no other run has. */
function sourceName(): string {
  return uniqueName('sql')
    .replaceAll(/[^a-zA-Z0-9]/g, '_')
    .toUpperCase()
}

describe('POST /v1/sql', () => {
  test('makes a table of a stream, whose rows are in its topic', async () => {
    const stream = sourceName()
    const table = `${stream}_COUNTS`
    const [created, made] = await run(`
      CREATE STREAM ${stream} (page STRING)
        WITH (KAFKA_TOPIC='${stream}', PARTITIONS=1, VALUE_FORMAT='JSON');
      CREATE TABLE ${table} AS SELECT page, COUNT(*) AS n FROM ${stream} GROUP BY page;`)
    expect(created).toMatchObject({
      ...{ kind: 'status', status: 'SUCCESS', commandId: `stream/${stream}/create` },
    })
    expect(made).toMatchObject({ kind: 'status', status: 'SUCCESS', queryId: expect.any(String) })
    for (const offset of [0, 1]) {
      const inserted = await run(`INSERT INTO ${stream} VALUES (:page);`, {
        parameters: { page: "it's" },
      })
      expect(inserted).toMatchObject([{ kind: 'inserted', topic: stream, partition: 0, offset }])
    }
    const path = `/v1/topics/${table}/partitions/0/records?offset=earliest`
    await expect
      .poll(async () => {
        const { records } = await (await target.request('GET', path)).json()
        return JSON.parse(records.at(-1)?.value ?? 'null') as unknown
      })
      .toEqual({ N: 2 })
    const topic = await (await target.request('GET', `/v1/topics/${table}`)).json()
    expect(topic).toMatchObject({ partitions: 1, config: { 'cleanup.policy': 'compact' } })
    const dropped = await run(
      `DROP TABLE ${table} DELETE TOPIC; DROP STREAM ${stream} DELETE TOPIC;`,
    )
    expect(dropped).toMatchObject([{ status: 'SUCCESS' }, { status: 'SUCCESS' }])
    expect((await target.request('GET', `/v1/topics/${table}`)).status).toBe(404)
  })

  test('refuses a statement with its place, and leaves nothing of the request behind', async () => {
    const stream = sourceName()
    const create = `CREATE STREAM ${stream} (a INT)
      WITH (KAFKA_TOPIC='${stream}', PARTITIONS=1, VALUE_FORMAT='JSON');`
    const error = await refused(`${create}\nINSERT INTO ${stream} VALUES (1 1);`)
    expect(error).toMatchObject({
      code: 'invalid_statement',
      message: expect.stringMatching(/^line 3:/),
      details: { statement: `INSERT INTO ${stream} VALUES (1 1);`, line: 3, results: [] },
    })
    expect((await target.request('GET', `/v1/topics/${stream}`)).status).toBe(404)
    expect(await run('SHOW STREAMS;')).not.toMatchObject([
      { sources: expect.arrayContaining([expect.objectContaining({ name: stream })]) },
    ])
  })

  test.each([
    [{}, /sql/],
    [{ sql: 1 }, /sql: a text/],
    [{ sql: '', parameters: { x: [] } }, /parameters.x: a text, a number, true, false or null/],
    [{ sql: '', properties: { x: null } }, /properties.x: a text, a number, true or false/],
    [{ sql: '', more: 1 }, /more/],
  ])('refuses the body %j', async (json, message) => {
    const response = await target.request('POST', '/v1/sql', { json })
    expect(response.status).toBe(400)
    const { error } = await response.json<Refusal>()
    expect(error).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(message),
    })
  })

  test('has a bound for the characters of the statements', async () => {
    const error = await refused(`-- ${'x'.repeat(262_144)}\nSHOW STREAMS;`)
    expect(error.message).toMatch(/at most 262144 are allowed/)
  })
})
