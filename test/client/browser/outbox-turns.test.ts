/** A partition with slow responses does not delay the others. */
import { expect, test } from 'vitest'
import { SEND_BACKOFF_MS, SENDS_MAX, TURN_SENDS_MAX } from '../../../client/browser/limits.ts'
import { ManualClock } from '../manual-clock.ts'
import { FakeLog } from './fake-log.ts'
import { setUpSender } from './sender-for-test.ts'

const TOPIC = 'topic'
const SLOW = 1
const BUSY = 0
/** Requests that follow one another in the busy partition: more than one turn. */
const TURNS = 2 * TURN_SENDS_MAX

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

test('sends to other partitions, turn after turn, while one does not respond', async () => {
  const { log, topics, sender, queue, close } = setUp()
  await topics.request(TOPIC)
  await queue(SLOW, 'slow')
  await queue(BUSY, '0')
  sender.start()
  const sent = Array.from({ length: TURNS + 1 }, (_, turn) => `${turn}`)
  await expect.poll(() => log.values(BUSY), { timeout: 120_000 }).toEqual(sent)
  expect(log.values(SLOW)).toEqual([])
  await close()
})

test('begins with any partition, because pages that live briefly send to the first ones only', async () => {
  const partitions = 2 * SENDS_MAX
  const firstOnes = new Set<string>()
  for (let life = 0; life < 40; life++) {
    const answers = Promise.withResolvers<void>()
    const asked: string[] = []
    const log = new FakeLog()
    log.partitions = partitions
    const fetch = async (input: string, init?: RequestInit) => {
      if (init?.method === 'POST') {
        asked.push(input)
        await answers.promise
      }
      return await log.fetch(input, init)
    }
    const { store, topics, sender, close } = setUpSender(fetch, undefined, Math.random)
    await topics.request(TOPIC)
    const record = { timestamp: 1, key: null, value: new Uint8Array(1), headers: [] }
    const entries = Array.from({ length: partitions }, (_, partition) => ({
      ...{ topic: TOPIC, record, partition },
    }))
    await store.enqueue(entries)
    sender.start()
    await expect.poll(() => asked.length, { timeout: 120_000 }).toBe(SENDS_MAX)
    for (const input of asked) firstOnes.add(input)
    answers.resolve()
    await close()
  }
  expect(firstOnes.size).toBe(partitions)
})

test('delays only the partition whose request failed while another one got its response', async () => {
  const clock = new ManualClock()
  const log = new FakeLog()
  const failing = Promise.withResolvers<Response>()
  let failures = 0
  const fetch = async (input: string, init?: RequestInit) => {
    if (!input.includes(`/partitions/${SLOW}/`)) return await log.fetch(input, init)
    failures += 1
    return await failing.promise
  }
  // The longest delays, so that a delay is never over by chance.
  const { store, topics, sender, states, close } = setUpSender(fetch, clock, () => 0.999)
  const queue = async (partition: number, text: string) => {
    const value = new TextEncoder().encode(text)
    const record = { timestamp: 1, key: null, value, headers: [] }
    await store.enqueue([{ topic: TOPIC, record, partition }])
    sender.queued()
  }
  await topics.request(TOPIC)
  sender.start()
  await queue(SLOW, 'slow')
  await expect.poll(() => failures, { timeout: 120_000 }).toBe(1)
  clock.advance(1_000)
  await queue(BUSY, '0')
  await expect.poll(() => log.values(BUSY), { timeout: 120_000 }).toEqual(['0'])
  // Its response is processed too, and does not come after the failure.
  await expect.poll(() => states.at(-1), { timeout: 120_000 }).toBe('live')
  clock.advance(1_000)
  failing.reject(new TypeError('the connection was reset'))
  await expect.poll(() => states.at(-1), { timeout: 120_000 }).toBe('backingOff')
  await queue(BUSY, '1')
  await expect.poll(() => log.values(BUSY), { timeout: 120_000 }).toEqual(['0', '1'])
  expect(failures).toBe(1)
  clock.advance(SEND_BACKOFF_MS)
  await expect.poll(() => failures, { timeout: 120_000 }).toBe(2)
  await close()
})
