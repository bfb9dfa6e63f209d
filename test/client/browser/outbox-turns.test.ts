/** A partition with slow responses does not delay the others. */
import { expect, test } from 'vitest'
import { FakeLog } from './fake-log.ts'
import { setUpSender } from './sender-for-test.ts'

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
    const response = await log.fetch(input, init)
    // The page queues another record before the response about this one arrives.
    if (input.includes(`/partitions/${BUSY}/`) && sends++ < TURNS) await queue(BUSY, `${sends}`)
    return response
  }
  const { store, topics, sender, close: closeSender } = setUpSender(fetch)
  const queue = async (partition: number, text: string) => {
    const value = new TextEncoder().encode(text)
    const record = { timestamp: 1, key: null, value, headers: [] }
    await store.enqueue([{ topic: TOPIC, record, partition }])
    sender.queued()
  }
  const close = async () => {
    slow.resolve()
    await closeSender()
  }
  return { log, topics, sender, queue, close }
}

test('records queued during a request are sent in the same turn', async () => {
  const { log, topics, sender, queue, close } = setUp()
  await topics.request(TOPIC)
  await queue(SLOW, 'slow')
  await queue(BUSY, '0')
  sender.start()
  await expect.poll(() => log.values(BUSY), { timeout: 120_000 }).toEqual(['0', '1', '2', '3', '4'])
  expect(log.values(SLOW)).toEqual([])
  await close()
})
