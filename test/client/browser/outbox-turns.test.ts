/** A partition whose answer takes long does not keep the others waiting for it. */
import 'fake-indexeddb/auto'
import { expect, test } from 'vitest'
import { OutboxDrain } from '../../../client/browser/outbox/outbox-drain.ts'
import { OutboxSender } from '../../../client/browser/outbox/outbox-sender.ts'
import { OutboxStore } from '../../../client/browser/outbox/outbox-store.ts'
import { DEAF } from '../../../client/browser/outbox/principals.ts'
import { TopicDirectory } from '../../../client/browser/outbox/topic-directory.ts'
import { Database } from '../../../client/browser/store/database.ts'
import { Channel } from '../../../client/browser/tabs/channel.ts'
import { systemClock as clock } from '../../../client/clock.ts'
import { FakeLog } from './fake-log.ts'

const TOPIC = 'topic'
const SLOW = 1
const BUSY = 0
const TURNS = 4

function setUp() {
  const log = new FakeLog()
  const slow = Promise.withResolvers<void>()
  let sends = 0
  const fetch = async (input: string, init?: RequestInit) => {
    if (input.includes(`/partitions/${SLOW}/`)) await slow.promise
    const answer = await log.fetch(input, init)
    // The page queues another record before it has the answer about this one.
    if (input.includes(`/partitions/${BUSY}/`) && sends++ < TURNS) await queue(BUSY, `${sends}`)
    return answer
  }
  const ignore = () => undefined
  const connection = { url: 'http://log', token: undefined, fetch, clock, random: () => 0.5 }
  const database = new Database(crypto.randomUUID(), clock, DEAF)
  let producerId = 0n
  const newProducerId = () => producerId++
  const context = { database, newProducerId, random: () => 0.5, now: () => clock.now() }
  const store = new OutboxStore(context)
  const drain = new OutboxDrain(context)
  const channel = new Channel(null)
  const topics = new TopicDirectory(connection, drain, channel)
  const sender = new OutboxSender({
    ...{ connection, store, drain, channel },
    refresh: ignore,
    loadTopic: (topic) => topics.ask(topic),
    isOnline: () => true,
    renewToken: async () => false,
    stateChanged: ignore,
  })
  const queue = async (partition: number, text: string) => {
    const value = new TextEncoder().encode(text)
    const record = { timestamp: 1, key: null, value, headers: [] }
    await store.enqueue([{ topic: TOPIC, record, partition }])
    sender.wake()
  }
  const close = async () => {
    slow.resolve()
    sender.stop()
    await database.close()
  }
  return { log, topics, sender, queue, close }
}

test('what is queued while a request is under way goes in the same turn', async () => {
  const { log, topics, sender, queue, close } = setUp()
  await topics.ask(TOPIC)
  await queue(SLOW, 'slow')
  await queue(BUSY, '0')
  sender.start()
  await expect.poll(() => log.values(BUSY), { timeout: 120_000 }).toEqual(['0', '1', '2', '3', '4'])
  expect(log.values(SLOW)).toEqual([])
  await close()
})
