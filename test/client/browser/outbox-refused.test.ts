/** Records of a topic that the caller may not write: the outbox parks them instead of retrying forever. */
import { expect, test } from 'vitest'
import { judge } from '../../../client/browser/outbox/outbox-plan.ts'
import type { MessageOf } from '../../../client/browser/tabs/channel.ts'
import { RequestError } from '../../../client/http/request-error.ts'
import { setUpSender } from './sender-for-test.ts'

const TOPIC = 'secret'
const CODE = 'topic_authorization_failed'

/** Sets up a sender, and a log whose authorizer denies every operation on the topic. */
function setUp() {
  const parked: MessageOf<'parked'>[] = []
  const body = { error: { code: CODE, message: 'not allowed', retryable: false } }
  const { channel, ...outbox } = setUpSender(async () => Response.json(body, { status: 403 }))
  channel.listen('parked', (message) => parked.push(message))
  return { ...outbox, parked }
}

test.each([
  ['a known partition', 0],
  ['an unknown partition', undefined],
])('parks records for %s if the topic is denied', async (_, partition) => {
  const { store, sender, parked, close } = setUp()
  const value = new TextEncoder().encode('x')
  const record = { timestamp: 1, key: null, value, headers: [] }
  await store.enqueue([{ topic: TOPIC, record, partition }])
  sender.start()
  sender.queued()
  await expect
    .poll(() => parked, { timeout: 120_000 })
    .toMatchObject([{ kind: 'parked', topic: TOPIC, error: { code: CODE } }])
  await close()
})

test('parks a single rejected record, and halves a batch of many', () => {
  const refusal = new RequestError(CODE, 'not allowed', { status: 403, isForeign: false })
  const sent = { outcome: { kind: 'refused' }, refusal } as unknown as Parameters<typeof judge>[1]
  const records = { sequence: 0, outOfOrderCount: 0 }
  expect(judge({ ...records, recordsCount: 1 }, sent)).toMatchObject({ kind: 'park' })
  expect(judge({ ...records, recordsCount: 8 }, sent)).toEqual({ kind: 'narrow', recordsMax: 4 })
})
