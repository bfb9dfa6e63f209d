/** What the outbox does with records of a topic that the caller may not write: it does not send them forever. */
import { expect, test } from 'vitest'
import { judge } from '../../../client/browser/outbox/outbox-plan.ts'
import type { MessageOf } from '../../../client/browser/tabs/channel.ts'
import { Refusal } from '../../../client/http/refusal.ts'
import { setUpSender } from './sender-for-test.ts'

const TOPIC = 'secret'
const CODE = 'topic_authorization_failed'

/** A sender and a log whose authorizer refuses every operation on the topic. */
function setUp() {
  const parked: MessageOf<'parked'>[] = []
  const body = { error: { code: CODE, message: 'not allowed', retryable: false } }
  const { channel, ...outbox } = setUpSender(async () => Response.json(body, { status: 403 }))
  channel.listen('parked', (message) => parked.push(message))
  return { ...outbox, parked }
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
