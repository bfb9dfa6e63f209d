/** Question: does an application run in objects: deployed, woken, queried, paused, reset, deleted, and restarted? */
import { reset, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type ErrorPolicy, json, text, topology } from '../../../client/streams/index.ts'
import { taskObjectName } from '../../../src/core/streams/task-api.ts'
import { logErrorsOnly } from '../quiet-events.ts'
import { StreamsApp } from './streams-for-test.ts'

/** Each test has an application and topics of its own: `NAME`, `NAME-clicks`, `NAME-out`. */
const counts = (name: string) =>
  topology(name, (builder) => {
    builder
      .stream(`${name}-clicks`, { key: text, value: json<{ page: string }>() })
      .groupBy((_, click) => click.page)
      .count({ name: 'counts' })
      .toStream()
      .mapValues((count) => count)
      .to(`${name}-out`, { value: json() })
  })

beforeEach(() => logErrorsOnly())
afterEach(async () => {
  vi.restoreAllMocks()
  await reset()
})

async function started(name: string): Promise<StreamsApp> {
  const app = new StreamsApp(counts(name))
  await app.createTopic(`${name}-clicks`, 2)
  const summary = await app.json('PUT', `/v1/streams/${name}`)
  expect(summary).toEqual({ name, status: 'running', generation: 1 })
  return app
}

describe('an application', () => {
  test('counts over an internal topic, and answers queries by key and by range', async () => {
    const app = await started('counted')
    await app.produce(
      'counted-clicks',
      ...['/', '/a', '/', '/b', '/'].map((page, index) => ({
        key: `user-${index}`,
        value: { page },
      })),
    )
    await app.settled('counted', 10)
    const row = await app.json('GET', '/v1/streams/counted/stores/counts/%2F')
    expect(row).toMatchObject({ key: '/', value: 3 })
    const { rows } = await app.json<{ rows: { key: string; value: number }[] }>(
      'GET',
      '/v1/streams/counted/stores/counts',
    )
    expect(Object.fromEntries(rows.map(({ key, value }) => [key, value]))).toEqual({
      '/': 3,
      '/a': 1,
      '/b': 1,
    })
    const out = [...(await app.records('counted-out')), ...(await app.records('counted-out', 1))]
    expect(out).toContainEqual({ key: '/', value: '3' })
  })

  test('goes on after its objects were evicted, and sends nothing twice', async () => {
    const app = await started('evicted')
    for (let round = 1; round <= 5; round++) {
      await app.produce('evicted-clicks', { key: 'a', value: { page: '/' } })
      await app.settled('evicted', 2 * round)
      await evictTasks('evicted')
    }
    const out = [...(await app.records('evicted-out')), ...(await app.records('evicted-out', 1))]
    expect(out).toEqual([1, 2, 3, 4, 5].map((value) => ({ key: '/', value: String(value) })))
    const { tasks } = await app.describe('evicted')
    const counts = tasks.flatMap(({ nodes }) => Object.values(nodes)).filter((count) => count > 0)
    expect(counts).toEqual(counts.map(() => 5))
  })

  test('is listed, paused, resumed, reset and deleted', async () => {
    const app = await started('managed')
    expect(await app.json('GET', '/v1/streams')).toEqual({
      applications: [{ name: 'managed', status: 'running', generation: 1 }],
    })
    expect(await app.json('POST', '/v1/streams/managed/pause')).toMatchObject({
      status: 'paused',
    })
    await app.produce('managed-clicks', { key: 'a', value: { page: '/' } })
    expect(await app.describe('managed')).toMatchObject({ recordsCount: 0, lag: 1 })
    await app.json('POST', '/v1/streams/managed/resume')
    await app.settled('managed', 2)
    expect(await app.json('POST', '/v1/streams/managed/reset')).toMatchObject({
      generation: 2,
      status: 'running',
    })
    await app.settled('managed', 2)
    const row = await app.json('GET', '/v1/streams/managed/stores/counts/%2F')
    expect(row).toMatchObject({ value: 1 })
    await app.json('DELETE', '/v1/streams/managed')
    expect(await app.json('GET', '/v1/streams')).toEqual({ applications: [] })
    const gone = await app.request('GET', '/v1/streams/managed')
    expect(gone.status).toBe(404)
  })

  test('reads its own write', async () => {
    const app = await started('own-write')
    await app.produce('own-write-clicks', { key: 'a', value: { page: '/own' } })
    // The state is behind the internal topic: its first record has offset 0.
    const { tasks } = await app.settled('own-write', 2)
    const input = tasks
      .flatMap(({ inputs }) => inputs)
      .find(({ topic, offset }) => topic !== 'own-write-clicks' && offset > 0)
    const at = `${input?.topic}/${input?.partition}/1`
    const row = await app.json('GET', `/v1/streams/own-write/stores/counts/%2Fown?atLeast=${at}`)
    expect(row).toMatchObject({ value: 1, positions: [{ offset: 1 }] })
  })
})

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}

async function evictTasks(name: string): Promise<void> {
  for (const sub of [0, 1]) {
    for (const partition of [0, 1]) {
      const stub = env.TASK.getByName(taskObjectName(name, 1, sub, partition))
      await runInDurableObject(stub, (_, state) => state.abort('evicted')).catch(() => undefined)
    }
  }
}

describe('an idle task', () => {
  test('stores what was acknowledged, and looks again later and later, up to once an hour', async () => {
    const app = await started('idle')
    await app.produce('idle-clicks', { key: 'a', value: { page: '/' } })
    await app.settled('idle', 2)
    const task = env.TASK.getByName(taskObjectName('idle', 1, 1, 0))
    const dueAtMs = () => runInDurableObject(task, (_, { storage }) => storage.getAlarm())
    /** Runs the alarm at its time, and returns the seconds until the next one. */
    const nextPause = async () => {
      const nowMs = (await dueAtMs()) as number
      vi.spyOn(Date, 'now').mockReturnValue(nowMs)
      await runDurableObjectAlarm(task)
      return (((await dueAtMs()) as number) - nowMs) / 1_000
    }
    for (const pause of [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]) {
      // While the task still looks, the alarm only comes again.
      await expect.poll(nextPause).toBe(pause)
    }
  })
})

describe('what an application refuses', () => {
  test('waits for its source topic, and starts when it exists', async () => {
    const app = new StreamsApp(counts('early'))
    expect(await app.json('PUT', '/v1/streams/early')).toEqual({
      ...{ name: 'early', status: 'starting', generation: 1 },
      error: 'node early-clicks-source: its topic early-clicks does not exist; create it first',
    })
    expect(await app.json('GET', '/v1/topics')).toEqual({ topics: [] })
    await app.createTopic('early-clicks')
    expect(await app.json('PUT', '/v1/streams/early')).toMatchObject({ status: 'running' })
  })

  test('keeps the old topology if a new one does not fit its state', async () => {
    await started('changed')
    const other = topology('changed', (builder) => {
      builder.stream('changed-clicks').groupByKey().count({ name: 'others' })
    })
    const response = await new StreamsApp(other).request('PUT', '/v1/streams/changed')
    expect(response.status).toBe(409)
    expect(await response.json()).toMatchObject({
      error: {
        code: 'invalid_topology',
        message: expect.stringContaining('node counts: is gone, and has state'),
      },
    })
  })

  test('does not run in more partitions than it began with', async () => {
    const app = await started('grown')
    await app.json('PATCH', '/v1/topics/grown-clicks', { partitions: 4 })
    expect(await app.describe('grown')).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('have 4 partitions, and had 2'),
    })
    await app.produce('grown-clicks', ...range(8).map((n) => ({ key: `k${n}`, value: '{}' })))
    await expect
      .poll(async () => await app.json('GET', '/v1/streams'))
      .toMatchObject({ applications: [{ name: 'grown', status: 'failed' }] })
    await app.json('POST', '/v1/streams/grown/pause')
    expect(await app.json('POST', '/v1/streams/grown/resume')).toMatchObject({
      status: 'starting',
      error: expect.stringContaining('have 4 partitions, and had 2'),
    })
    expect(await app.json('POST', '/v1/streams/grown/reset')).toMatchObject({ status: 'running' })
  })
})

describe('a record that cannot be processed', () => {
  const failing = (name: string, onError?: ErrorPolicy) =>
    topology(
      name,
      (builder) => {
        builder
          .stream(`${name}-in`, { value: json<{ n: number }>() })
          .mapValues(({ n }) => {
            if (n === 2) throw new Error('two is not allowed')
            return { n }
          })
          .to(`${name}-out`)
      },
      onError === undefined ? {} : { onError },
    )

  async function run(name: string, onError?: ErrorPolicy): Promise<StreamsApp> {
    const app = new StreamsApp(failing(name, onError))
    await app.createTopic(`${name}-in`)
    await app.json('PUT', `/v1/streams/${name}`)
    await app.produce(`${name}-in`, ...[1, 2, 3].map((n) => ({ key: `k${n}`, value: { n } })))
    return app
  }

  test('stops the task with the node and the record, until the application is resumed', async () => {
    const app = await run('stopping')
    await expect.poll(async () => (await app.describe('stopping')).status).toBe('failed')
    const { tasks } = await app.describe('stopping')
    expect(tasks[0]?.lastError).toMatchObject({
      node: 'stopping-in-mapValues',
      message: 'two is not allowed',
      record: 'stopping-in/0/1',
    })
    expect(await app.records('stopping-out')).toEqual([{ key: 'k1', value: '{"n":1}' }])
    new StreamsApp(
      topology('stopping', (builder) => {
        builder
          .stream('stopping-in', { value: json<{ n: number }>() })
          .mapValues(({ n }) => ({ n }))
          .to('stopping-out')
      }),
    )
    await app.json('POST', '/v1/streams/stopping/resume')
    await app.settled('stopping', 3)
    expect(await app.records('stopping-out')).toHaveLength(3)
  })

  test('is dropped and counted by the policy "skip"', async () => {
    const app = await run('skipping', 'skip')
    const { tasks } = await app.settled('skipping', 3)
    expect(tasks[0]?.dropped).toEqual({ 'skipping-in-mapValues: error': 1 })
    expect(tasks[0]?.lastError?.message).toBe('two is not allowed')
    expect(await app.records('skipping-out')).toHaveLength(2)
  })

  test('is written to the dead-letter topic by that policy', async () => {
    const app = await run('dead', { deadLetterTopic: 'dead-letters' })
    await app.settled('dead', 3)
    expect(await app.records('dead-letters')).toEqual([{ key: 'k2', value: '{"n":2}' }])
    expect(await app.records('dead-out')).toHaveLength(2)
  })
})
