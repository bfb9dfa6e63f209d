/** Consumers of a page, where the browser does not store, or its clock was set back. */
import { afterEach, expect, test } from 'vitest'
import { CacheNews } from '../../../client/browser/cache/cache-news.ts'
import { Engine, type EngineContext } from '../../../client/browser/engine.ts'
import type { OutboxDrain } from '../../../client/browser/outbox/outbox-drain.ts'
import { Patience } from '../../../client/browser/patience.ts'
import { openConsumer } from '../../../client/browser/reading.ts'
import type { TopicRow } from '../../../client/browser/store/schema.ts'
import { Channel } from '../../../client/browser/tabs/channel.ts'
import { TopicDirectory } from '../../../client/browser/topic-directory.ts'
import type { Consumer } from '../../../client/consumer/consumer.ts'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { ManualClock } from '../manual-clock.ts'
import { openCache, TOPIC } from './cache-for-test.ts'

const HOUR_MS = 3_600_000
const closings: Array<() => Promise<void>> = []

afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close()
})

/** A server whose topic has one record. */
function setUp() {
  const clock = new ManualClock()
  const calls: string[] = []
  const value = new TextEncoder().encode('there')
  const batch = encodeBatch([{ timestamp: 1, key: null, value, headers: [] }])
  const fetch = async (input: string): Promise<Response> => {
    const { pathname, searchParams } = new URL(input)
    calls.push(pathname)
    if (!pathname.endsWith('/records')) {
      return Response.json({ id: 'id', partitions: 1, config: { 'max.message.bytes': 1_024 } })
    }
    const isBegin = searchParams.get('offset') !== '1'
    const headers = {
      'edgelog-offset': isBegin ? '0' : '1',
      'edgelog-next-offset': '1',
      'edgelog-high-watermark': '1',
      'edgelog-last-stable-offset': '1',
    }
    return new Response(isBegin ? (batch as BodyInit) : null, { headers })
  }
  const connection = { url: 'https://fake', token: undefined, fetch, clock, random: () => 0.5 }
  const tab = openCache()
  closings.push(() => tab.database.close())
  return { clock, calls, connection, tab }
}

function drainThat(fails: Partial<OutboxDrain>): OutboxDrain {
  return { topic: async () => undefined, learn: async () => [], ...fails } as OutboxDrain
}

async function readOne(consumer: Consumer): Promise<unknown> {
  closings.push(() => consumer.close())
  for await (const { records } of consumer) return records[0]?.valueText
}

test.each(['storage_full', 'storage_failed'] as const)(
  'where use() and the topics end in %s, records come from the network',
  async (code) => {
    const { connection, tab } = setUp()
    const refuse = () => Promise.reject(new EdgelogError(code, 'no'))
    const failures: string[] = []
    const drain = drainThat(code === 'storage_full' ? { learn: refuse } : { topic: refuse })
    const renewToken = async () => false
    const context = {
      patience: new Patience({ connection, renewToken, changed: () => undefined }),
      topics: new TopicDirectory(connection, drain, () => undefined),
      cache: tab.cache,
      news: new CacheNews(new Channel(tab.name, undefined)),
      codecs: undefined,
      use: refuse,
      failed: (error: EdgelogError) => failures.push(error.code),
      onClosed: () => undefined,
    }
    const consumer = openConsumer(context, { topics: [TOPIC], autoOffsetReset: 'earliest' })
    expect(await readOne(consumer)).toBe('there')
    expect(failures).toContain(code)
  },
)

test('what is known of a topic is refreshed after the clock was set back', async () => {
  const { connection, clock, calls } = setUp()
  const known: TopicRow = { topic: TOPIC, id: 'id', partitions: 1, maxMessageBytes: 1_024 }
  const drain = drainThat({ topic: async () => known })
  const topics = new TopicDirectory(connection, drain, () => undefined)
  await topics.load(TOPIC)
  await topics.load(TOPIC)
  expect(calls).toHaveLength(1)
  clock.sleepThrough(-HOUR_MS)
  await topics.load(TOPIC)
  expect(calls).toHaveLength(2)
})

test('a reader says that it still reads after the clock was set back', async () => {
  const { connection, clock, tab } = setUp()
  const { database } = tab
  const outbox = { database, newProducerId: () => 1n, random: () => 0.5, now: () => clock.now() }
  const ignore = () => undefined
  const engine = new Engine({
    ...{ connection, outbox, channel: new Channel(tab.name, undefined) },
    page: { isOnline: true, listen: () => ignore },
    ...{ cacheLimits: {}, WebSocket: undefined, changed: ignore, topicReset: ignore },
    renewToken: async () => false,
  } as unknown as EngineContext)
  closings.push(() => engine.close())
  const usedAt = async () => (await tab.cache.follows())[0]?.usedAtMs
  const read = async () => {
    const options = { topics: [TOPIC], autoOffsetReset: 'earliest' } as const
    expect(await readOne((await engine.consumer(options)) as Consumer)).toBe('there')
  }
  await read()
  const firstMs = clock.now()
  clock.sleepThrough(HOUR_MS)
  await read()
  expect(await usedAt()).toBe(firstMs)
  clock.sleepThrough(-48 * HOUR_MS)
  await read()
  expect(await usedAt()).toBe(clock.now())
})
