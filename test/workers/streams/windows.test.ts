/** Question: are windows and sessions queried by key and time, and do punctuations of the clock run by alarms? */
import { reset, runDurableObjectAlarm } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  int64,
  keyValueStore,
  sessionWindows,
  text,
  timeWindows,
  topology,
} from '../../../client/streams/index.ts'
import { taskObjectName } from '../../../src/core/streams/task-api.ts'
import { logErrorsOnly } from '../quiet-events.ts'
import { StreamsApp } from './streams-for-test.ts'

beforeEach(() => logErrorsOnly())
afterEach(async () => {
  vi.restoreAllMocks()
  await reset()
})

interface Rows {
  readonly rows: ReadonlyArray<{ key: string; value: unknown; window: object }>
  readonly hasMore: boolean
}

test('windows and sessions are queried by key and time', async () => {
  const app = new StreamsApp(
    topology('windows', (builder) => {
      const grouped = builder.stream('windows-in', { value: text }).groupByKey()
      grouped.windowedBy(timeWindows({ sizeMs: 100 })).count({ name: 'per-100' })
      grouped.windowedBy(sessionWindows({ gapMs: 50 })).count({ name: 'sessions' })
    }),
  )
  await app.createTopic('windows-in')
  await app.json('PUT', '/v1/streams/windows')
  const at = (key: string, timestamp: number) => ({ key, value: 'x', timestamp })
  await app.produce('windows-in', at('a', 10), at('a', 40), at('b', 90), at('a', 150), at('a', 230))
  await app.settled('windows', 5)
  const stores = '/v1/streams/windows/stores'
  const ofKey = await app.json<Rows>('GET', `${stores}/per-100?key=a&fromMs=0&toMs=150`)
  expect(ofKey.rows.map(({ value, window }) => [value, window])).toEqual([
    [2, { startMs: 0, endMs: 100 }],
    [1, { startMs: 100, endMs: 200 }],
  ])
  const all = await app.json<Rows>('GET', `${stores}/per-100?limit=2`)
  expect(all).toMatchObject({ hasMore: true, rows: [{}, {}] })
  const sessions = await app.json<Rows>('GET', `${stores}/sessions?key=a`)
  expect(sessions.rows.map(({ value, window }) => [value, window])).toEqual([
    [2, { startMs: 10, endMs: 40 }],
    [1, { startMs: 150, endMs: 150 }],
    [1, { startMs: 230, endMs: 230 }],
  ])
  const wrong = await app.request('GET', `${stores}/per-100/a`)
  expect(await wrong.json()).toMatchObject({
    error: {
      message: 'store per-100: it is a window store and has windows; give a range of times',
    },
  })
})

test('a punctuation by the clock is run by the alarm of a task that sleeps', async () => {
  const ticks = keyValueStore('ticks', { key: text, value: int64 })
  const app = new StreamsApp(
    topology('clocks', (builder) => {
      builder
        .stream<string, string>('clocks-in', { value: text })
        .process<string, string>(
          (context) => {
            const store = context.store(ticks)
            context.schedule(60_000, 'wall-clock', () => {
              store.put('all', (store.get('all')?.value ?? 0) + 1, 0)
            })
            return { process: ({ key }) => store.put(key, 0, 0) }
          },
          { name: 'ticker', stores: [ticks] },
        )
        .to('clocks-out', { value: text })
    }),
  )
  await app.createTopic('clocks-in')
  await app.json('PUT', '/v1/streams/clocks')
  await app.produce('clocks-in', { key: 'a', value: 'x' })
  await app.settled('clocks', 1)
  const task = env.TASK.getByName(taskObjectName('clocks', 1, 0, 0))
  const startedAtMs = Date.now()
  for (const minute of [1, 2]) {
    vi.spyOn(Date, 'now').mockReturnValue(startedAtMs + minute * 61_000)
    expect(await runDurableObjectAlarm(task)).toBe(true)
    await expect
      .poll(async () => (await app.request('GET', '/v1/streams/clocks/stores/ticks/all')).status)
      .toBe(200)
    const row = () => app.json<{ value: number }>('GET', '/v1/streams/clocks/stores/ticks/all')
    await expect.poll(async () => (await row()).value).toBe(minute)
  }
})
