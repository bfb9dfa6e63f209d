/** What `POST /v1/tail` does for readers that go away, or take nothing: needs partitions on demand. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  PING_INTERVAL_MS,
  TAIL_STREAM_OPENINGS_MAX,
  TAIL_STREAM_QUEUED_BYTES_MAX,
  TAIL_STREAM_STALLED_PINGS_MAX,
  TAIL_STREAM_WAITING_BYTES_MAX,
} from '../../../src/core/limits.ts'
import { TAIL_FRAME_HEADER_BYTES } from '../../../src/core/log/tail-protocol.ts'
import { openTailStream } from '../../../src/http/tail/tail-stream.ts'
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
  await vi.advanceTimersByTimeAsync(TAIL_STREAM_STALLED_PINGS_MAX * PING_INTERVAL_MS)
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
  expect(tails[0]?.said).toEqual([String(bytes.length - TAIL_FRAME_HEADER_BYTES)])
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

test('a reader that takes nothing for long is cut off, and one that takes its pings is not', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const { cluster, topic, tails } = fakeCluster()
  const [stalled, slow] = [1, 1].map(() => openTailStream(cluster, subscriptions(topic, 1)))
  const reader = (slow as ReadableStream<Uint8Array>).getReader()
  await reader.read()
  for (let ping = 0; ping < 10 * TAIL_STREAM_STALLED_PINGS_MAX; ping++) {
    await vi.advanceTimersByTimeAsync(PING_INTERVAL_MS)
    expect((await reader.read()).done).toBe(false)
  }
  expect(tails.map(({ isClosed }) => isClosed)).toEqual([true, false])
  await expect(stalled?.getReader().read()).rejects.toBeUndefined()
  await reader.cancel()
})

test('a reader that takes a large frame slowly is not cut off', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const { cluster, topic, tails } = fakeCluster()
  const reader = openTailStream(cluster, subscriptions(topic, 1)).getReader()
  await reader.read()
  const large = frame(500_000, 1)
  tails[0]?.frame(large)
  let takenBytes = 0
  while (takenBytes < large.length) {
    const { value } = await reader.read()
    if (value === undefined) break
    takenBytes += value.length
    // A line of 20 kbit/s needs this long for it before it takes more.
    await vi.advanceTimersByTimeAsync(value.length / 2.5)
  }
  expect(takenBytes).toBeGreaterThan(large.length)
  expect(tails[0]?.isClosed).toBe(false)
  await reader.cancel()
})

describe('readers that let too much pile up', () => {
  const large = frame(1_900_000, 1)

  test('are cut off, and leave their room to others', async () => {
    for (let time = 0; time < 2; time++) {
      const { cluster, topic, tails } = fakeCluster()
      const stream = openTailStream(cluster, subscriptions(topic, 1))
      await turns()
      let bytes = large.length
      for (; bytes <= TAIL_STREAM_QUEUED_BYTES_MAX - large.length; bytes += large.length) {
        tails[0]?.frame(large)
        expect(tails[0]?.isClosed).toBe(false)
      }
      for (let more = 0; more < 3; more++) tails[0]?.frame(large)
      expect(tails[0]?.isClosed).toBe(true)
      await expect(stream.getReader().read()).rejects.toBeUndefined()
    }
  })

  test('are cut off for what they have together, and one that takes its part is not', async () => {
    const { cluster, topic, tails } = fakeCluster()
    const streams = Array.from({ length: 10 }, () =>
      openTailStream(cluster, subscriptions(topic, 1)),
    )
    await turns()
    const frames = 6
    for (let sent = 0; sent < frames; sent++) {
      for (const tail of tails.slice(1)) tail.frame(large)
    }
    const held = tails.slice(1).filter(({ isClosed }) => !isClosed).length * frames * large.length
    expect(held).toBeGreaterThan(0)
    expect(held).toBeLessThan(2 * TAIL_STREAM_QUEUED_BYTES_MAX)
    expect(9 * frames * large.length).toBeGreaterThan(2 * TAIL_STREAM_QUEUED_BYTES_MAX)
    tails[0]?.frame(large)
    expect(tails[0]?.isClosed).toBe(false)
    await Promise.all(streams.map((stream) => stream.cancel().catch(() => undefined)))
    await turns()
    expect(tails.every(({ isClosed }) => isClosed)).toBe(true)
  })
})
