/** When a long poll responds, and with how much; needs controlled partitions and a controlled clock. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  TAIL_POLL_BYTES_MAX,
  TAIL_POLL_OPEN_MS_MAX,
  TAIL_POLL_PING_MS,
} from '../../../src/core/limits.ts'
import { decodeTailEntries } from '../../../src/core/log/tail-protocol.ts'
import { openTailPoll } from '../../../src/http/tail/tail-poll.ts'
import { fakeBroker, frame, subscriptions, turns } from './tail-for-test.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
})
afterEach(() => {
  vi.useRealTimers()
})

function watch(...poll: Parameters<typeof openTailPoll>) {
  const watched = { answer: undefined as Uint8Array | undefined }
  void new Response(openTailPoll(...poll)).bytes().then((answer) => {
    watched.answer = answer
  })
  return watched
}

/** Advances the clock, and lets promises run. */
async function pass(byMs: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(byMs)
  await turns()
}

test('waits for what the log holds, even if another partition has sent already', async () => {
  const { broker, topic, tails } = fakeBroker(1)
  const watched = watch(broker, subscriptions(topic, 2), 10_000)
  await pass(0)
  tails[0]?.frame(frame(10, 1))
  await pass(TAIL_POLL_OPEN_MS_MAX / 2)
  expect(watched.answer).toBeUndefined()
  tails[1]?.frame(frame(10, 1))
  await pass(0)
  expect([...decodeTailEntries(watched.answer as Uint8Array)].map(({ kind }) => kind)).toEqual([
    0, 0, 1, 1,
  ])
  expect(tails.every(({ isClosed }) => isClosed)).toBe(true)
})

test('does not wait for a partition that stays silent', async () => {
  const { broker, topic, tails } = fakeBroker(1)
  const watched = watch(broker, subscriptions(topic, 2), 10_000)
  await pass(0)
  tails[0]?.frame(frame(10, 1))
  await pass(TAIL_POLL_OPEN_MS_MAX)
  expect(watched.answer).toBeDefined()
})

test('collects frames of one partition until its credit is used up', async () => {
  const { broker, topic, tails } = fakeBroker(9)
  const watched = watch(broker, subscriptions(topic, 1), 10_000)
  await pass(0)
  tails[0]?.frame(frame(600, 9))
  await pass(100)
  expect(watched.answer).toBeUndefined()
  tails[0]?.frame(frame(600, 9))
  await pass(0)
  expect(watched.answer?.length).toBeGreaterThan(1_200)
})

test('responds with TAIL_POLL_BYTES_MAX plus one frame at most', async () => {
  const { broker, topic, tails } = fakeBroker(9)
  const watched = watch(broker, subscriptions(topic, 50), 10_000)
  await pass(0)
  const large = frame(1_900_000, 1)
  for (const tail of tails) tail.frame(large)
  await pass(0)
  const entries = [...decodeTailEntries(watched.answer as Uint8Array)]
  const framesBytes = entries
    .filter(({ kind }) => kind === 1)
    .reduce((sum, { bytes }) => sum + bytes.length, 0)
  expect(framesBytes).toBeGreaterThanOrEqual(TAIL_POLL_BYTES_MAX)
  expect(framesBytes).toBeLessThan(TAIL_POLL_BYTES_MAX + large.length + 100)
  expect(tails.every(({ isClosed }) => isClosed)).toBe(true)
})

test('closes its tails when the reader disconnects, and opens no more', async () => {
  const { broker, topic, tails } = fakeBroker()
  const poll = openTailPoll(broker, subscriptions(topic, 3), 10_000)
  await pass(0)
  expect(tails.map(({ isClosed }) => isClosed)).toEqual([false, false, false])
  await poll.cancel()
  await pass(0)
  expect(tails.map(({ isClosed }) => isClosed)).toEqual([true, true, true])
  expect(vi.getTimerCount()).toBe(0)
  await openTailPoll(broker, subscriptions(topic, 200), 10_000).cancel()
  await pass(0)
  expect(tails.length).toBeLessThan(203)
  expect(tails.every(({ isClosed }) => isClosed)).toBe(true)
})

test('pings while it waits, because only a write detects a disconnect', async () => {
  const { broker, topic } = fakeBroker()
  const watched = watch(broker, subscriptions(topic, 1), 2 * TAIL_POLL_PING_MS + 1)
  await pass(2 * TAIL_POLL_PING_MS)
  expect(watched.answer).toBeUndefined()
  await pass(1)
  const said = [...decodeTailEntries(watched.answer as Uint8Array)].map(
    ({ bytes }) => JSON.parse(new TextDecoder().decode(bytes)).op,
  )
  expect(said).toEqual(['ping', 'ping', 'subscribed'])
  expect(vi.getTimerCount()).toBe(0)
})
