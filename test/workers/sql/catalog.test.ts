/** Question: is a statement stored as a whole or not at all, and carried out to its end, whatever stops the catalog? */
import { reset, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Catalog } from '../../../durable-objects/catalog/catalog.ts'
import { registerProgram } from '../../../durable-objects/topologies.ts'
import { EdgelogError, type Result } from '../../../src/core/errors.ts'
import type {
  CatalogCommit,
  CatalogEffect,
  CommitResult,
} from '../../../src/core/sql/catalog/catalog-api.ts'
import { SQL_PROGRAM } from '../../../src/core/sql/plan/query-program.ts'
import { sqlCompiler } from '../../../src/core/sql/plan/sql-compiler.ts'
import type { SqlType } from '../../../src/core/sql/types/sql-type.ts'
import { taskObjectName } from '../../../src/core/streams/task-api.ts'
import { logErrorsOnly } from '../quiet-events.ts'
import { catalogStub, evictCatalog, readCatalog, SqlApp } from './sql-for-test.ts'

beforeEach(() => logErrorsOnly())
afterEach(async () => {
  vi.restoreAllMocks()
  await reset()
})

const INTEGER: SqlType = { kind: 'INTEGER' }

function typeCommit(sequence: number, name: string, effects: CatalogEffect[] = []): CatalogCommit {
  const changes = { sources: {}, types: { [name]: INTEGER }, queries: {} }
  return { id: `${sequence} ${name}`, sequence, changes, effects }
}

async function commit(one: CatalogCommit): Promise<CommitResult> {
  const result = (await catalogStub().commit(one)) as Result<CommitResult>
  if ('error' in result) throw new Error(result.error.message)
  return result.ok
}

describe('a commit', () => {
  test('is refused if another one came first, and is seen by all readers', async () => {
    expect(await readCatalog()).toMatchObject({ sequence: 0, state: { types: {} }, pending: [] })
    const first = await commit(typeCommit(0, 'ONE'))
    expect(first).toEqual({ kind: 'committed', sequence: 1, pending: [] })
    expect(await commit(typeCommit(0, 'TWO'))).toEqual({ kind: 'conflict' })
    await evictCatalog()
    expect(await readCatalog()).toMatchObject({ sequence: 1, state: { types: { ONE: INTEGER } } })
    const known = (await catalogStub().read(1)) as unknown as Result<object>
    expect(known).toEqual({ ok: { sequence: 1, pending: [] } })
  })

  test('is stored once if it is repeated, also after a restart', async () => {
    const stored = { kind: 'committed', sequence: 1, pending: [] }
    expect(await commit(typeCommit(0, 'ONE'))).toEqual(stored)
    expect(await commit(typeCommit(0, 'ONE'))).toEqual(stored)
    await evictCatalog()
    expect(await commit(typeCommit(0, 'ONE'))).toEqual(stored)
    expect(await commit(typeCommit(1, 'TWO'))).toMatchObject({ sequence: 2 })
    expect(await commit(typeCommit(0, 'ONE'))).toEqual({ kind: 'conflict' })
  })

  test('whose response is lost is repeated', async () => {
    const app = new SqlApp()
    await app.run(CLICKS)
    loseResponses(2)
    expect(await app.one(COPY)).toMatchObject({ status: 'SUCCESS', queryId: 'CSAS_COPY_1' })
    vi.restoreAllMocks()
    logErrorsOnly()
    loseResponses(3)
    const refused = await app.refused('CREATE TYPE one AS INT;')
    expect(refused).toMatchObject({ code: 'unavailable' })
    const { sequence, state } = await readCatalog()
    expect({ sequence, types: Object.keys(state?.types ?? {}) }).toEqual({
      sequence: 3,
      types: ['ONE'],
    })
  })

  test('of two statements at a time stores both, one after the other', async () => {
    const app = new SqlApp()
    const names = ['A', 'B', 'C', 'D', 'E']
    await Promise.all(names.map((name) => app.run(`CREATE TYPE ${name} AS INT;`)))
    const { sequence, state } = await readCatalog()
    expect(sequence).toBe(5)
    expect(Object.keys(state?.types ?? {}).toSorted()).toEqual(names)
  })

  test('of a source with a name of JavaScript is stored and read', async () => {
    const app = new SqlApp()
    const create = (name: string) =>
      `CREATE STREAM \`${name}\` (a INT) WITH (KAFKA_TOPIC='t', PARTITIONS=1, VALUE_FORMAT='JSON');`
    await app.run(create('__proto__') + create('constructor'))
    await evictCatalog()
    expect(await app.one('SHOW STREAMS;')).toMatchObject({
      sources: [{ name: '__proto__' }, { name: 'constructor' }],
    })
  })
})

/** Loses the responses of the next commits. */
function loseResponses(count: number): void {
  const stored = Catalog.prototype.commit
  let left = count
  vi.spyOn(Catalog.prototype, 'commit').mockImplementation(async function (this: Catalog, one) {
    const result = await stored.call(this, one)
    if (left-- > 0) throw new Error('the response is lost')
    return result
  })
}

const CLICKS = `CREATE STREAM clicks (page STRING)
  WITH (KAFKA_TOPIC='clicks', PARTITIONS=2, VALUE_FORMAT='JSON');`
const COPY = 'CREATE STREAM copy AS SELECT * FROM clicks;'

/** Makes the calls of the catalog fail from the one after `count` on, until it is restarted. */
async function failAfter(count: number): Promise<void> {
  await runInDurableObject(catalogStub(), (object) => {
    const { env: own } = object as unknown as { env: Record<string, { getByName: unknown }> }
    let left = count
    const failing = (binding: object) =>
      new Proxy(binding, {
        get(target, property) {
          if (property !== 'getByName') return Reflect.get(target, property)
          return (name: string) => {
            if (left-- > 0) return (target as DurableObjectNamespace).getByName(name)
            throw new EdgelogError('unavailable', 'the test stopped the catalog here')
          }
        },
      })
    Object.defineProperty(object, 'env', {
      value: {
        COORDINATOR: failing(own.COORDINATOR as object),
        APPLICATION: failing(own.APPLICATION as object),
      },
    })
  })
}

describe('the effects of a statement', () => {
  test.each([0, 1, 2, 3])('go on after a restart behind %i calls', async (count) => {
    const app = new SqlApp()
    await app.run(CLICKS)
    await failAfter(count)
    const made = await app.one(COPY)
    expect(made).toMatchObject({ status: count < 2 ? 'EXECUTING' : 'SUCCESS' })
    await evictCatalog()
    const before = await readCatalog()
    expect(before).toMatchObject({ state: { queries: { CSAS_COPY_1: { id: 'CSAS_COPY_1' } } } })
    await runDurableObjectAlarm(catalogStub())
    expect((await readCatalog()).pending).toEqual([])
    expect(await app.one('SHOW QUERIES;')).toMatchObject({ queries: [{ status: 'running' }] })
    await app.run(`INSERT INTO clicks VALUES ('/');`)
    await app.settled('sql-CSAS_COPY_1', 1)
    expect(await app.values('COPY')).toEqual([{ PAGE: '/' }])
  })

  test('that failed are shown, and hold up only what needs them', async () => {
    const app = new SqlApp()
    await app.run(CLICKS)
    const never: CatalogEffect = { kind: 'create-topic', name: 'no', partitions: -1, overrides: {} }
    const later: CatalogEffect = { kind: 'create-topic', name: 'no', partitions: 1, overrides: {} }
    expect(await commit(typeCommit(1, 'ONE', [never]))).toMatchObject({
      pending: [{ effect: never, error: expect.stringMatching(/partitions/) }],
    })
    expect(await commit(typeCommit(2, 'TWO', [later]))).toMatchObject({
      pending: [{ effect: later }],
    })
    expect(await app.one(COPY)).toMatchObject({ status: 'SUCCESS' })
    const undo: CatalogEffect = { kind: 'delete-topic', name: 'no' }
    expect(await commit(typeCommit(4, 'THREE', [undo]))).toMatchObject({ pending: [] })
    expect((await readCatalog()).pending).toEqual([])
  })
})

describe('an application of a program', () => {
  test('waits in a Worker that cannot compile it, and can be deleted there', async () => {
    const app = new SqlApp()
    await app.run(CLICKS + COPY)
    const name = 'sql-CSAS_COPY_1'
    // The stored assignment gets a kind of program that this Worker does not have.
    for (const partition of [0, 1]) {
      const stub = env.TASK.getByName(taskObjectName(name, 1, 0, partition))
      await runInDurableObject(stub, (_, { storage }) => {
        storage.sql.exec(
          `UPDATE setting SET value = replace(value, '"kind":"sql"', '"kind":"later"')`,
        )
      })
      await runInDurableObject(stub, (_, state) => state.abort('evicted')).catch(() => undefined)
    }
    const { tasks } = await app.describe(name)
    expect(tasks).toMatchObject([
      { status: 'waiting', lastError: { message: expect.stringMatching(/no compiler/) } },
      { status: 'waiting' },
    ])
    await app.run('TERMINATE ALL;')
    expect(await app.json('GET', '/v1/streams')).toEqual({ applications: [] })
  })

  test('goes on with the topology that a later release makes of it', async () => {
    const app = new SqlApp()
    await app.run(CLICKS + COPY)
    const name = 'sql-CSAS_COPY_1'
    await app.run(`INSERT INTO clicks VALUES ('/');`)
    await app.settled(name, 1)
    const compile = sqlCompiler({ nowMs: Date.now, random: Math.random })
    registerProgram(SQL_PROGRAM, (...given) => {
      const topology = compile(...given)
      const [sink, ...before] = topology.nodes.toReversed()
      const added = { name: 'added', kind: 'peek', inputs: sink?.inputs, action: () => {} }
      const nodes = [...before.toReversed(), added, { ...sink, inputs: ['added'] }]
      return { ...topology, nodes: nodes as never }
    })
    try {
      for (const partition of [0, 1]) {
        const stub = env.TASK.getByName(taskObjectName(name, 1, 0, partition))
        await runInDurableObject(stub, (_, state) => state.abort('evicted')).catch(() => undefined)
      }
      for (const page of ['/a', '/b', '/c']) {
        await app.run(`INSERT INTO clicks VALUES ('${page}');`)
      }
      const { topology, generation } = await app.settled(name, 4)
      expect(generation).toBe(1)
      expect(topology.nodes.map((node) => node.name)).toContain('added')
      expect(await app.values('COPY')).toHaveLength(4)
    } finally {
      registerProgram(SQL_PROGRAM, compile)
    }
  })
})
