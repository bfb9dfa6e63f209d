/** `POST /v1/tail` with readers that disconnect or consume nothing; needs partitions on demand. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  PING_INTERVAL_MS,
  TAIL_STREAM_OPENINGS_MAX,
  TAIL_STREAM_QUEUED_BYTES_MAX,
  TAIL_STREAM_STALLED_PINGS_MAX,
  TAIL_STREAM_WAITING_BYTES_MAX,
} from '../../../src/core/limits.ts'
import { TAIL_FRAME_HEADER_BYTES } from '../../../src/core/log/tail-protocol.ts'
import { newStreamMemory, openTailStream } from '../../../src/http/tail/tail-stream.ts'
import { fakeBroker, frame, subscriptions, takeAll, turns } from './tail-for-test.ts'

afterEach(() => {
  vi.useRealTimers()
})

/** Opens a stream of its own app, unless it shares the memory of another one. */
function openStream(
  broker: Parameters<typeof openTailStream>[0],
  requests: Parameters<typeof openTailStream>[1],
  memory = newStreamMemory(),
): ReadableStream<Uint8Array> {
  return openTailStream(broker, requests, memory)
}

test('closes all tails when the reader disconnects', async () => {
  const { broker, topic, tails } = fakeBroker()
  const stream = openStream(broker, subscriptions(topic, 3))
  await turns()
  expect(tails.map(({ isClosed }) => isClosed)).toEqual([false, false, false])
  await stream.cancel()
  await turns()
  expect(tails.map(({ isClosed }) => isClosed)).toEqual([true, true, true])
})

test('closes all tails when the reader disconnects while they are being opened', async () => {
  const { broker, topic, tails } = fakeBroker()
  await openStream(broker, subscriptions(topic, 200)).cancel()
  await turns()
  expect(tails.length).toBeLessThan(200)
  expect(tails.every(({ isClosed }) => isClosed)).toBe(true)
})

test('queues at most one ping for a reader that consumes nothing', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const { broker, topic } = fakeBroker()
  const stream = openStream(broker, subscriptions(topic, 1))
  await vi.advanceTimersByTimeAsync(TAIL_STREAM_STALLED_PINGS_MAX * PING_INTERVAL_MS)
  const taken = await takeAll(stream)
  expect(taken.split('\n\n').map((event) => event.slice(0, 16))).toEqual([
    'data: {"op":"sub',
    'data: {"op":"pin',
    '',
  ])
})

test('grants credit only when the reader has consumed a frame', async () => {
  const { broker, topic, tails } = fakeBroker()
  const stream = openStream(broker, subscriptions(topic, 1))
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

test('opens no further tails while much waits for the reader', async () => {
  const large = frame(1_000_000, 1)
  const { broker, topic, tails } = fakeBroker(1, large)
  const stream = openStream(broker, subscriptions(topic, 50))
  await turns()
  const enough = TAIL_STREAM_WAITING_BYTES_MAX / large.length
  expect(tails.length).toBeGreaterThan(enough)
  const before = tails.length
  expect(before).toBeLessThan(enough + TAIL_STREAM_OPENINGS_MAX + 1)
  const reader = stream.getReader()
  while (tails.length === before) expect((await reader.read()).done).toBe(false)
  await reader.cancel()
})

test('ends for a reader that consumes nothing for too long, but not for one that consumes its pings', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const { broker, topic, tails } = fakeBroker()
  const [stalled, slow] = [1, 1].map(() => openStream(broker, subscriptions(topic, 1)))
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

test('does not end for a reader that consumes a large frame slowly', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const { broker, topic, tails } = fakeBroker()
  const reader = openStream(broker, subscriptions(topic, 1)).getReader()
  await reader.read()
  const large = frame(500_000, 1)
  tails[0]?.frame(large)
  let takenBytes = 0
  while (takenBytes < large.length) {
    const { value } = await reader.read()
    if (value === undefined) break
    takenBytes += value.length
    // A line of 20 kbit/s takes this long for the frame before the reader consumes more.
    await vi.advanceTimersByTimeAsync(value.length / 2.5)
  }
  expect(takenBytes).toBeGreaterThan(large.length)
  expect(tails[0]?.isClosed).toBe(false)
  await reader.cancel()
})

describe('a stream with a large queue', () => {
  const large = frame(1_900_000, 1)

  test('ends, and leaves its memory to others', async () => {
    const memory = newStreamMemory()
    for (let time = 0; time < 2; time++) {
      const { broker, topic, tails } = fakeBroker()
      const stream = openStream(broker, subscriptions(topic, 1), memory)
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

  test('ends for the total of its queue, but not for one whose reader consumes its part', async () => {
    const { broker, topic, tails } = fakeBroker()
    const memory = newStreamMemory()
    const streams = Array.from({ length: 10 }, () =>
      openStream(broker, subscriptions(topic, 1), memory),
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
