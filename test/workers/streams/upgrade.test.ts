/** Question: does a new generation catch up beside the old one, and take over with no result lost or doubled? */
import { reset, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  int64,
  json,
  type Serde,
  type Topology,
  text,
  topology,
} from '../../../client/streams/index.ts'
import { ApplicationTasks } from '../../../durable-objects/application/application-tasks.ts'
import type { ApplicationDescription } from '../../../src/core/streams/application-api.ts'
import { taskObjectName } from '../../../src/core/streams/task-api.ts'
import { logErrorsOnly } from '../quiet-events.ts'
import { StreamsApp } from './streams-for-test.ts'

beforeEach(() => logErrorsOnly())
afterEach(async () => {
  vi.restoreAllMocks()
  await reset()
})

type Previous = { readonly previous?: Topology }

/** Counts by an internal topic, in a store of whole numbers, with every update. */
const inNumbers = (name: string, previous: Previous = {}): Topology => ({
  ...topology(
    name,
    (builder) => {
      builder
        .stream<string, Grouped>(`${name}-in`)
        .groupBy((_, { group }) => group)
        .count({ name: 'counts' })
        .toStream()
        .mapValues(String)
        .to(`${name}-out`, { value: text })
    },
    previous,
  ),
  coalesces: false,
})

/**
 * Makes the same results from a store of another format, and a sink that only this topology has.
 *
 * @param check Called for each record.
 */
const inText = (
  name: string,
  previous: Previous = {},
  check: (record: Grouped) => void = () => {},
  store = 'texts',
): Topology => ({
  ...topology(
    name,
    (builder) => {
      const counts = builder
        .stream<string, Grouped>(`${name}-in`)
        .groupBy((_, { group }) => group)
        .aggregate<string>(
          () => '0',
          (_key, record, count) => {
            check(record)
            return String(Number(count) + 1)
          },
          { name: store, value: text },
        )
        .toStream()
      counts.to(`${name}-out`, { value: text })
      counts.to(`${name}-own`, { value: text })
    },
    previous,
  ),
  coalesces: false,
})

interface Grouped {
  readonly group: string
}

const GROUPS = ['a', 'b', 'c']

async function started(name: string): Promise<StreamsApp> {
  const app = new StreamsApp(inNumbers(name))
  await app.createTopic(`${name}-in`, 2)
  await app.json('PUT', `/v1/streams/${name}`)
  return app
}

let produced = 0

/** Produces a record of each group. */
async function produce(app: StreamsApp, name: string, rounds = 1): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const records = GROUPS.map((group) => ({ key: `k${produced++ % 7}`, value: { group } }))
    await app.produce(`${name}-in`, ...records)
  }
}

async function untilSwapped(app: StreamsApp, name: string): Promise<ApplicationDescription> {
  await expect
    .poll(async () => {
      const { generation, status, upgrade } = await app.describe(name)
      return [generation, status, upgrade]
    })
    .toEqual([2, 'running', undefined])
  return await app.describe(name)
}

/** Returns the counts of each group in a sink, in their order. */
async function counted(app: StreamsApp, topic: string): Promise<Record<string, number[]>> {
  const counts: Record<string, number[]> = {}
  for (const partition of [0, 1]) {
    for (const { key, value } of await app.records(topic, partition)) {
      counts[key as string] = [...(counts[key as string] ?? []), Number(value)]
    }
  }
  return counts
}

function numbersTo(count: number): Record<string, number[]> {
  const numbers = Array.from({ length: count }, (_, index) => index + 1)
  return Object.fromEntries(GROUPS.map((group) => [group, numbers]))
}

async function internalTopics(app: StreamsApp): Promise<string[]> {
  const { topics } = await app.json<{ topics: { name: string }[] }>('GET', '/v1/topics')
  return topics.map(({ name }) => name).filter((name) => name.includes('-repartition'))
}

function taskOf(name: string, generation: number, sub = 0) {
  return env.TASK.getByName(taskObjectName(name, generation, sub, 0))
}

/** Stops objects as an eviction does, and lets their alarms continue at once. */
async function evict(...stubs: readonly DurableObjectStub[]): Promise<void> {
  for (const stub of stubs) {
    await runInDurableObject(stub, (_, state) => state.abort('evicted')).catch(() => undefined)
    // The first call may still reach the instance that is stopped.
    const runAlarm = () => runDurableObjectAlarm(stub).catch(() => undefined)
    if ((await runAlarm()) === undefined) await runAlarm()
  }
}

/** Begins an upgrade of a paused application, which therefore does not go on. */
async function begun(name: string, check?: (record: Grouped) => void): Promise<StreamsApp> {
  const before = await started(name)
  await produce(before, name, 2)
  await before.settled(name, 12)
  await before.json('POST', `/v1/streams/${name}/pause`)
  const app = new StreamsApp(inText(name, { previous: inNumbers(name) }, check))
  await app.json('PUT', `/v1/streams/${name}`)
  expect((await app.describe(name)).upgrade).toMatchObject({
    ...{ generation: 2, step: 'catching-up', recordsCount: 0, lag: 6 },
  })
  return app
}

describe('an upgrade', () => {
  test('goes on where the old generation stopped, and writes each result once', async () => {
    const name = 'counted'
    const before = await started(name)
    await produce(before, name, 5)
    await before.settled(name, 30)
    const app = new StreamsApp(inText(name, { previous: inNumbers(name) }))
    await app.json('PUT', `/v1/streams/${name}`)
    await produce(app, name, 5)
    await untilSwapped(app, name)
    await produce(app, name, 5)
    await app.settled(name, 90)
    const row = await app.json('GET', `/v1/streams/${name}/stores/texts/a`)
    expect(row).toMatchObject({ key: 'a', value: '15' })
    expect(await counted(app, `${name}-out`)).toEqual(numbersTo(15))
    expect(await counted(app, `${name}-own`)).toEqual(numbersTo(15))
    // Nothing of the old generation is left.
    expect(await internalTopics(app)).toEqual([`${name}-texts-repartition-2`])
    expect(await taskOf(name, 1).describe()).toMatchObject({ error: { code: 'not_found' } })
  })

  test('survives that its objects are evicted at any time', { timeout: 240_000 }, async () => {
    const name = 'evicted'
    const before = await started(name)
    await produce(before, name, 3)
    await before.settled(name, 18)
    const app = new StreamsApp(inText(name, { previous: inNumbers(name) }))
    await app.json('PUT', `/v1/streams/${name}`)
    const rounds = 15
    for (let round = 3; round < rounds; round++) {
      await produce(app, name)
      const victims = [env.APPLICATION.getByName(name), taskOf(name, 2), taskOf(name, 1, 1)]
      await evict(victims[round % 3] as DurableObjectStub)
      await app.request('GET', `/v1/streams/${name}`)
    }
    await untilSwapped(app, name)
    await app.settled(name, 6 * rounds)
    expect(await counted(app, `${name}-out`)).toEqual(numbersTo(rounds))
  })

  test('answers queries from the old generation until the swap, then from the new one', async () => {
    const name = 'queried'
    const app = await begun(name)
    const row = await app.json('GET', `/v1/streams/${name}/stores/counts/a`)
    expect(row).toMatchObject({ key: 'a', value: 2 })
    expect((await app.request('GET', `/v1/streams/${name}/stores/texts/a`)).status).toBe(404)
    await app.json('POST', `/v1/streams/${name}/resume`)
    await untilSwapped(app, name)
    const next = await app.json('GET', `/v1/streams/${name}/stores/texts/a`)
    expect(next).toMatchObject({ key: 'a', value: '2' })
  })

  test('makes queries for keys of the old format be tried again', async () => {
    const name = 'keys'
    const make = (key: Serde<unknown>, previous: Previous) =>
      topology(
        name,
        (builder) => {
          builder
            .stream<string, Grouped>(`${name}-in`)
            .groupBy<unknown>((_, { group }) => (key === text ? group : group.length), { key })
            .count({ name: 'counts' })
        },
        previous,
      )
    const [texts, numbers] = [text as Serde<unknown>, int64 as Serde<unknown>]
    const before = new StreamsApp(make(texts, {}))
    await before.createTopic(`${name}-in`, 2)
    await before.json('PUT', `/v1/streams/${name}`)
    await produce(before, name)
    await before.settled(name, 6)
    const app = new StreamsApp(make(numbers, { previous: make(texts, {}) }))
    expect(await app.json('GET', `/v1/streams/${name}/stores/counts/a`)).toMatchObject({ value: 1 })
    await app.json('PUT', `/v1/streams/${name}`)
    await untilSwapped(app, name)
    // This instance remembers where the store was, with keys of text.
    const response = await app.request('GET', `/v1/streams/${name}/stores/counts/1`)
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({
      error: { message: 'store counts: it has another format now; try again' },
    })
    expect(await app.json('GET', `/v1/streams/${name}/stores/counts/1`)).toMatchObject({ value: 3 })
  })

  test('is taken back by a deployment of the old topology', async () => {
    const name = 'taken-back'
    await begun(name)
    const app = new StreamsApp(inNumbers(name))
    await app.json('PUT', `/v1/streams/${name}`)
    expect(await internalTopics(app)).toEqual([`${name}-counts-repartition`])
    expect(await taskOf(name, 2).describe()).toMatchObject({ error: { code: 'not_found' } })
    await app.json('POST', `/v1/streams/${name}/resume`)
    await produce(app, name)
    const { upgrade, generation } = await app.settled(name, 18)
    expect([generation, upgrade]).toEqual([1, undefined])
    expect(await counted(app, `${name}-out`)).toEqual(numbersTo(3))
  })

  test('is replaced by one to a third topology, which gets another generation', async () => {
    const name = 'replaced'
    await begun(name)
    const app = new StreamsApp(inText(name, { previous: inNumbers(name) }, () => {}, 'third'))
    await app.json('PUT', `/v1/streams/${name}`)
    expect((await app.describe(name)).upgrade).toMatchObject({ generation: 3 })
    expect(await internalTopics(app)).toEqual([
      `${name}-counts-repartition`,
      `${name}-third-repartition-3`,
    ])
  })

  test.each(['reset', 'delete'])('is dropped by %s', async (change) => {
    const name = `dropped-by-${change}`
    const app = await begun(name)
    if (change === 'reset') {
      await app.json('POST', `/v1/streams/${name}/reset`)
      const { generation, upgrade } = await app.describe(name)
      expect([generation, upgrade]).toEqual([3, undefined])
      expect(await internalTopics(app)).toEqual([`${name}-texts-repartition-3`])
    } else {
      await app.json('DELETE', `/v1/streams/${name}`)
      expect(await internalTopics(app)).toEqual([])
    }
    for (const generation of [1, 2]) {
      const gone = await taskOf(name, generation).describe()
      expect(gone).toMatchObject({ error: { code: 'not_found' } })
    }
  })

  test('shows why a candidate fails, while the old generation runs; resume goes on', async () => {
    const name = 'failing'
    let isBroken = true
    const app = await begun(name, ({ group }) => {
      if (isBroken && group === 'b') throw new Error('b is not allowed')
    })
    await app.json('POST', `/v1/streams/${name}/resume`)
    await expect
      .poll(async () => (await app.describe(name)).upgrade?.error)
      .toMatch(/^task 1_\d of the new generation: texts: b is not allowed$/)
    await produce(app, name)
    const { status, generation } = await app.settled(name, 18)
    expect([status, generation]).toEqual(['running', 1])
    expect(await counted(app, `${name}-out`)).toEqual(numbersTo(3))
    isBroken = false
    await app.json('POST', `/v1/streams/${name}/resume`)
    await untilSwapped(app, name)
    await produce(app, name)
    await app.settled(name, 24)
    expect(await counted(app, `${name}-out`)).toEqual(numbersTo(4))
  })

  test('waits while the old generation has failed, and says so', async () => {
    const name = 'old-failed'
    let isBroken = true
    const old = (): Topology =>
      topology(name, (builder) => {
        builder
          .stream<string, Grouped>(`${name}-in`)
          .groupBy((_, record) => {
            if (isBroken && record.group === 'b') throw new Error('b is not allowed')
            return record.group
          })
          .count({ name: 'counts' })
          .toStream()
          .mapValues(String)
          .to(`${name}-out`, { value: text })
      })
    const before = new StreamsApp(old())
    await before.createTopic(`${name}-in`, 2)
    await before.json('PUT', `/v1/streams/${name}`)
    await produce(before, name)
    await expect.poll(async () => (await before.describe(name)).status).toBe('failed')
    const app = new StreamsApp(inText(name, { previous: old() }))
    await app.json('PUT', `/v1/streams/${name}`)
    await expect
      .poll(async () => (await app.describe(name)).upgrade?.error)
      .toMatch(/^task 0_\d of the running generation: .*: b is not allowed$/)
    isBroken = false
    await app.json('POST', `/v1/streams/${name}/resume`)
    await untilSwapped(app, name)
    await produce(app, name)
    await app.settled(name, 12)
    expect(await counted(app, `${name}-out`)).toEqual(numbersTo(2))
  })

  test('waits while the source topics do not fit the old generation', async () => {
    const name = 'grown'
    const app = await begun(name)
    await app.json('PATCH', `/v1/topics/${name}-in`, { partitions: 4 })
    await app.json('POST', `/v1/streams/${name}/resume`)
    const { status, error, upgrade } = await app.describe(name)
    expect([status, upgrade?.step]).toEqual(['starting', 'catching-up'])
    expect(error).toMatch('have 4 partitions, and had 2')
    await app.json('POST', `/v1/streams/${name}/reset`)
    await app.settled(name, 12)
  })

  test('is refused without the old topology, with a way to do it', async () => {
    const name = 'refused'
    await started(name)
    for (const previous of [undefined, inText(name, {}, () => {}, 'other')]) {
      const app = new StreamsApp(inText(name, previous === undefined ? {} : { previous }))
      const response = await app.request('PUT', `/v1/streams/${name}`)
      expect(response.status).toBe(409)
      expect(await response.json()).toMatchObject({
        error: {
          message: expect.stringContaining('give the topology that runs as its `previous`'),
        },
      })
    }
  })

  test('waits for the source topics of the new topology, while the old generation runs', async () => {
    const name = 'more-sources'
    const before = await started(name)
    await produce(before, name)
    const app = new StreamsApp(
      topology(
        name,
        (builder) => {
          builder
            .stream<string, Grouped>([`${name}-in`, `${name}-more`])
            .groupBy((_, { group }) => group)
            .count({ name: 'all' })
            .toStream()
            .mapValues(String)
            .to(`${name}-out`, { value: text })
        },
        { previous: inNumbers(name) },
      ),
    )
    await app.json('PUT', `/v1/streams/${name}`)
    const { upgrade, status } = await app.settled(name, 6)
    expect(status).toBe('running')
    expect(upgrade?.error).toMatch(`its topic ${name}-more does not exist`)
    await app.createTopic(`${name}-more`, 2)
    await app.produce(`${name}-more`, { key: 'k', value: { group: 'a' } })
    await app.json('PUT', `/v1/streams/${name}`)
    await untilSwapped(app, name)
    await app.produce(`${name}-in`, { key: 'k', value: { group: 'b' } })
    await app.settled(name, 10)
    expect(await counted(app, `${name}-out`)).toEqual({ a: [1], b: [1, 2], c: [1] })
  })

  test('mutes dead letters, which the old generation writes', async () => {
    const name = 'dead'
    const make = (value: Serde<unknown>, previous: Previous) =>
      topology(
        name,
        (builder) => {
          builder
            .stream<string, Grouped>(`${name}-in`)
            .groupByKey()
            .aggregate<unknown>(
              () => null,
              (_key, { group }) => {
                if (group === 'b') throw new Error('b is not allowed')
                return group
              },
              { name: 'last', value },
            )
        },
        { onError: { deadLetterTopic: `${name}-letters` }, ...previous },
      )
    const before = new StreamsApp(make(json(), {}))
    await before.createTopic(`${name}-in`)
    await before.json('PUT', `/v1/streams/${name}`)
    await produce(before, name)
    await before.settled(name, 3)
    const app = new StreamsApp(make(text as Serde<unknown>, { previous: make(json(), {}) }))
    await app.json('PUT', `/v1/streams/${name}`)
    await untilSwapped(app, name)
    await produce(app, name)
    await app.settled(name, 6)
    expect(await app.records(`${name}-letters`)).toHaveLength(2)
  })
})

test('an application and its tasks that an earlier release stored go on', async () => {
  const name = 'stored'
  const app = await started(name)
  await produce(app, name)
  await app.settled(name, 6)
  for (const stub of [env.APPLICATION.getByName(name), taskOf(name, 1), taskOf(name, 1, 1)]) {
    const changed = await runInDurableObject(stub as DurableObjectStub, (_, { storage }) => {
      const asBefore = `replace(value, '"formVersion":2', '"formVersion":1')`
      const cursor = storage.sql.exec(`UPDATE setting SET value = ${asBefore} RETURNING value`)
      return cursor.toArray().filter(({ value }) => String(value).includes('"formVersion":1'))
    })
    expect(changed.length).toBeGreaterThan(0)
    await evict(stub as DurableObjectStub)
  }
  expect((await app.describe(name)).tasks).toHaveLength(4)
  await produce(app, name)
  await app.settled(name, 12)
  expect(await counted(app, `${name}-out`)).toEqual(numbersTo(2))
})

test('a task that does not respond is an error that can be tried again', async () => {
  const stub = { progress: () => Promise.reject(new Error('the object was reset')) }
  const tasks = new ApplicationTasks({ TASK: { getByName: () => stub } } as never, 'app')
  const placement = { generation: 1, tasks: [1], internalTopics: [], sourceIds: {} }
  await expect(tasks.progress(placement)).rejects.toMatchObject({
    ...{ code: 'unavailable', retryable: true, message: 'a task did not respond' },
  })
})
