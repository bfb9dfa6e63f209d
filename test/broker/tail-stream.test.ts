/** What `POST /v1/tail` does for readers that go away, or take nothing: needs partitions on demand. */
import { afterEach, expect, test, vi } from 'vitest'
import {
  PING_INTERVAL_MS,
  TAIL_STREAM_OPENINGS_MAX,
  TAIL_STREAM_QUEUED_BYTES_MAX,
  TAIL_STREAM_WAITING_BYTES_MAX,
} from '../../src/core/limits.ts'
import { openTailStream } from '../../src/http/tail-stream.ts'
import { fakeCluster, frame, subscriptions, takeAll, turns } from './tail-for-test.ts'

afterEach(() => {
  vi.useRealTimers()
})

test('a reader that goes away leaves no tail open', async () => {
  const { cluster, topic, tails } = fakeCluster()
  const stream = openTailStream(cluster, subscriptions(topic, 3))
  await turns()
  expect(tails.map(({ isClosed }) => isClosed)).toEqual([false, false, false])
  await stream.cancel()
  await turns()
  expect(tails.map(({ isClosed }) => isClosed)).toEqual([true, true, true])
})

test('a reader that goes away while tails are opened leaves none open', async () => {
  const { cluster, topic, tails } = fakeCluster()
  await openTailStream(cluster, subscriptions(topic, 200)).cancel()
  await turns()
  expect(tails.length).toBeLessThan(200)
  expect(tails.every(({ isClosed }) => isClosed)).toBe(true)
})

test('pings do not pile up before a reader that takes nothing', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const { cluster, topic } = fakeCluster()
  const stream = openTailStream(cluster, subscriptions(topic, 1))
  await vi.advanceTimersByTimeAsync(100 * PING_INTERVAL_MS)
  const taken = await takeAll(stream)
  expect(taken.split('\n\n').map((event) => event.slice(0, 16))).toEqual([
    'data: {"op":"sub',
    'data: {"op":"pin',
    '',
  ])
})

test('credit is granted when the reader has taken a frame, and not before', async () => {
  const { cluster, topic, tails } = fakeCluster()
  const stream = openTailStream(cluster, subscriptions(topic, 1))
  await turns()
  const bytes = frame(5_000, 1)
  tails[0]?.frame(bytes)
  await turns()
  expect(tails[0]?.said).toEqual([])
  const reader = stream.getReader()
  for (let part = 0; part < 2; part++) await reader.read()
  await turns()
  expect(tails[0]?.said).toEqual([String(bytes.length - 16)])
  await reader.cancel()
})

test('no further tails are opened while much waits for the reader', async () => {
  const large = frame(1_000_000, 1)
  const { cluster, topic, tails } = fakeCluster(1, large)
  const stream = openTailStream(cluster, subscriptions(topic, 50))
  await turns()
  const enough = TAIL_STREAM_WAITING_BYTES_MAX / large.length
  expect(tails.length).toBeGreaterThan(enough)
  const before = tails.length
  expect(before).toBeLessThan(enough + TAIL_STREAM_OPENINGS_MAX + 1)
  const reader = stream.getReader()
  while (tails.length === before) expect((await reader.read()).done).toBe(false)
  await reader.cancel()
})

test('a reader that lets too much pile up is cut off', async () => {
  const { cluster, topic, tails } = fakeCluster()
  const stream = openTailStream(cluster, subscriptions(topic, 1))
  await turns()
  const large = frame(1_900_000, 1)
  for (let bytes = 0; bytes <= TAIL_STREAM_QUEUED_BYTES_MAX; bytes += large.length) {
    tails[0]?.frame(large)
  }
  expect(tails[0]?.isClosed).toBe(true)
  await expect(stream.getReader().read()).rejects.toBeUndefined()
})
