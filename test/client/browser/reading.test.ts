/** Consumers of a page whose browser cannot store, or whose clock was set back. */
import { afterEach, expect, test } from 'vitest'
import { OutboxDrain } from '../../../client/browser/outbox/outbox-drain.ts'
import { TopicDirectory } from '../../../client/browser/outbox/topic-directory.ts'
import { AuthRetry } from '../../../client/browser/reading/auth-retry.ts'
import { openConsumer } from '../../../client/browser/reading/open-consumer.ts'
import { Reading } from '../../../client/browser/reading/reading.ts'
import type { Session } from '../../../client/browser/session/session.ts'
import type { TokenRenewal } from '../../../client/browser/session/token-renewal.ts'
import type { TopicRow } from '../../../client/browser/store/schema.ts'
import { Channel } from '../../../client/browser/tabs/channel.ts'
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

/** Sets up a server whose topic has one record. */
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
  return { topic: async () => undefined, storeTopic: async () => [], ...fails } as OutboxDrain
}

async function readOne(consumer: Consumer): Promise<unknown> {
  closings.push(() => consumer.close())
  for await (const { records } of consumer) return records[0]?.valueText
}

test.each(['storage_full', 'storage_failed'] as const)(
  'records come from the network when use() and the topics fail with %s',
  async (code) => {
    const { connection, tab } = setUp()
    const refuse = () => Promise.reject(new EdgelogError(code, 'no'))
    const failures: string[] = []
    const drain = drainThat(code === 'storage_full' ? { storeTopic: refuse } : { topic: refuse })
    const renewToken = async () => false
    const context = {
      authRetry: new AuthRetry({ connection, renewToken, changed: () => undefined }),
      topics: new TopicDirectory(connection, drain, new Channel(null)),
      cache: tab.cache,
      channel: new Channel(null),
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

test('topic metadata is refreshed after the clock was set back', async () => {
  const { connection, clock, calls } = setUp()
  const known: TopicRow = { topic: TOPIC, id: 'id', partitions: 1, maxMessageBytes: 1_024 }
  const drain = drainThat({ topic: async () => known })
  const topics = new TopicDirectory(connection, drain, new Channel(null))
  await topics.load(TOPIC)
  await topics.load(TOPIC)
  expect(calls).toHaveLength(1)
  clock.sleepThrough(-HOUR_MS)
  await topics.load(TOPIC)
  expect(calls).toHaveLength(2)
})

test('a reader renews its use of a topic after the clock was set back', async () => {
  const { connection, clock, tab } = setUp()
  const { database } = tab
  const context = { database, newProducerId: () => 1n, random: () => 0.5, now: () => clock.now() }
  const channel = new Channel(null)
  const ignore = () => undefined
  const session = {
    ...context,
    ...{ connection, channel, options: {}, changed: ignore },
    page: { isOnline: true, listen: () => ignore },
  } as unknown as Session
  const topics = new TopicDirectory(connection, new OutboxDrain(context), channel)
  const reading = new Reading(session, topics, { renew: async () => false } as TokenRenewal)
  closings.push(() => reading.close())
  const usedAt = async () => (await tab.cache.follows())[0]?.usedAtMs
  const read = async () => {
    const options = { topics: [TOPIC], autoOffsetReset: 'earliest' } as const
    expect(await readOne((await reading.consumer(options)) as Consumer)).toBe('there')
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
