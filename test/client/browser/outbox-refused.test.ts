/** What the outbox does with records of a topic that the caller may not write: it does not send them forever. */
import 'fake-indexeddb/auto'
import { expect, test } from 'vitest'
import { OutboxDrain } from '../../../client/browser/outbox/outbox-drain.ts'
import type { OutboxNews } from '../../../client/browser/outbox/outbox-news.ts'
import { judge } from '../../../client/browser/outbox/outbox-plan.ts'
import { OutboxSender } from '../../../client/browser/outbox/outbox-sender.ts'
import { OutboxStore } from '../../../client/browser/outbox/outbox-store.ts'
import { DEAF } from '../../../client/browser/principals.ts'
import { Database } from '../../../client/browser/store/database.ts'
import { TopicDirectory } from '../../../client/browser/topic-directory.ts'
import { systemClock as clock } from '../../../client/clock.ts'
import { Refusal } from '../../../client/http/refusal.ts'

const TOPIC = 'secret'
const CODE = 'topic_authorization_failed'

/** A sender before a log whose authorizer refuses all that is asked of the topic. */
function setUp() {
  const parked: OutboxNews[] = []
  const body = { error: { code: CODE, message: 'not allowed', retryable: false } }
  const fetch = async () => Response.json(body, { status: 403 })
  const ignore = () => undefined
  const connection = { url: 'http://log', token: undefined, fetch, clock, random: () => 0.5 }
  const database = new Database(crypto.randomUUID(), clock, DEAF)
  let producerId = 0n
  const newProducerId = () => producerId++
  const context = { database, newProducerId, random: () => 0.5, now: () => clock.now() }
  const store = new OutboxStore(context)
  const drain = new OutboxDrain(context)
  const topics = new TopicDirectory(connection, drain, ignore)
  const sender = new OutboxSender({
    ...{ connection, store, drain },
    refresh: ignore,
    loadTopic: (topic) => topics.ask(topic),
    isOnline: () => true,
    tell: (news) => {
      if (news.kind === 'parked') parked.push(news)
    },
    renewToken: async () => false,
    stateChanged: ignore,
  })
  const close = async () => {
    sender.stop()
    await database.close()
  }
  return { store, sender, parked, close }
}

test.each([
  ['a partition that is known', 0],
  ['a partition that is to be found', undefined],
])('sets records for %s aside where the topic is refused', async (_, partition) => {
  const { store, sender, parked, close } = setUp()
  const value = new TextEncoder().encode('x')
  const record = { timestamp: 1, key: null, value, headers: [] }
  await store.enqueue([{ topic: TOPIC, record, partition }])
  sender.start()
  sender.wake()
  await expect
    .poll(() => parked, { timeout: 120_000 })
    .toMatchObject([{ kind: 'parked', topic: TOPIC, error: { code: CODE } }])
  await close()
})

test('parks one record that is refused, and tries fewer of many', () => {
  const refusal = new Refusal(CODE, 'not allowed', { status: 403, isForeign: false })
  const sent = { outcome: { kind: 'refused' }, refusal } as unknown as Parameters<typeof judge>[1]
  const records = { sequence: 0, outOfOrderCount: 0 }
  expect(judge({ ...records, recordsCount: 1 }, sent)).toMatchObject({ kind: 'park' })
  expect(judge({ ...records, recordsCount: 8 }, sent)).toEqual({ kind: 'narrow', recordsMax: 4 })
})
