/** Reads through the cache: from the cache where possible, otherwise from the network, without losing records. */
import { afterEach, describe, expect, test } from 'vitest'
import {
  CachedSource,
  type CachedSourceContext,
} from '../../../client/browser/cache/cached-source.ts'
import { CACHE_ROW_BYTES } from '../../../client/browser/limits.ts'
import { Channel } from '../../../client/browser/tabs/channel.ts'
import { sleep } from '../../../client/clock.ts'
import { clientCodecs } from '../../../client/codecs.ts'
import { Consumer } from '../../../client/consumer/consumer.ts'
import type { StartPosition } from '../../../client/consumer/consumer-options.ts'
import type { FetchBatchesOptions } from '../../../client/consumer/fetch-batches.ts'
import { readBatchHeaders } from '../../../src/core/batch/record-batch.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { ManualClock } from '../manual-clock.ts'
import { openCache, rowsOf, type TestCache, TestLog, TOPIC } from './cache-for-test.ts'

const DAY_MS = 86_400_000

/** Responds from the log as a server does, or not at all. */
class FakeNetwork {
  log: TestLog
  isOnline = true
  /** If set, no response arrives within the caller's silence limit. */
  muteClock: ManualClock | undefined
  readonly calls: StartPosition[] = []
  readonly waitsMs: number[] = []
  readonly maxBytes: number[] = []

  constructor(log: TestLog) {
    this.log = log
  }

  readonly fetch = async (_topic: string, _partition: number, options: FetchBatchesOptions) => {
    const { from, silenceMs = 30_000, waitMs } = options
    this.calls.push(from)
    this.waitsMs.push(waitMs)
    this.maxBytes.push(options.maxBytes)
    if (this.muteClock !== undefined) {
      await sleep(this.muteClock, silenceMs)
      throw new EdgelogError('unavailable', 'no answer')
    }
    if (!this.isOnline) throw new EdgelogError('unavailable', 'offline')
    const { startOffset, endOffset } = this.log
    const offset = from === 'earliest' ? startOffset : from === 'latest' ? endOffset : from
    if (typeof offset === 'object') return this.#answer(startOffset)
    if (offset < startOffset || offset > endOffset) {
      throw new EdgelogError('offset_out_of_range', `${offset}`)
    }
    return this.#answer(offset)
  }

  #answer(offset: number) {
    const { bytes: batches, endOffset: to, highWatermark } = this.log.arrival(offset)
    return { from: offset, to, batches, lastStableOffset: highWatermark, highWatermark }
  }
}

const opened: TestCache[] = []

afterEach(async () => {
  for (const { database } of opened.splice(0)) await database.close()
})

async function setUp() {
  const tab = openCache()
  opened.push(tab)
  const log = new TestLog()
  const clock = new ManualClock()
  const network = new FakeNetwork(log)
  const channel = new Channel(tab.name, undefined)
  const failures: EdgelogError[] = []
  const failed = (error: EdgelogError) => failures.push(error)
  const { cache } = tab
  const context = { cache, network, channel, codecs: clientCodecs(), clock, failed }
  await cache.follow(TOPIC)
  const source = new CachedSource(context)
  const store = async (from: number, of = log) => {
    const arrival = of.arrival(from)
    expect(await tab.writer.append([arrival])).toEqual(['stored'])
    const { endOffset, highWatermark } = arrival
    channel.publish({ kind: 'news', topic: TOPIC, partition: 0, endOffset, highWatermark })
  }
  const fetch = async (from: StartPosition, given: Partial<FetchBatchesOptions> = {}) => {
    const { signal } = new AbortController()
    const options = { from, maxBytes: 1e6, waitMs: 0, signal, ...given }
    const { batches, ...rest } = await source.fetch(TOPIC, 0, options)
    const headers = batches.length === 0 ? [] : readBatchHeaders(batches)
    return { ...rest, bases: headers.map(({ baseOffset }) => baseOffset) }
  }
  return { tab, log, clock, network, channel, source, context, failures, store, fetch }
}

/** Sets up batches of ten records each; the cache holds [20, 50) of [0, 50). */
async function halfCached() {
  const setup = await setUp()
  for (let index = 0; index < 5; index++) setup.log.append(10)
  await setup.store(20)
  return setup
}

function openConsumer(log: TestLog, clock: ManualClock, context: CachedSourceContext): Consumer {
  const connection = { url: '', token: undefined, fetch, clock, random: () => 0.5 }
  return new Consumer(
    {
      connection,
      source: new CachedSource(context),
      metadata: { load: async () => ({ id: log.id, partitions: 1, maxMessageBytes: 1 }) },
      codecs: clientCodecs(),
      onClosed: () => undefined,
    },
    {
      assignments: [{ topic: TOPIC, partition: 0, offset: 0 }],
      transport: 'long-poll',
      fetchBytesMax: 100_000,
    },
  )
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe('a read', () => {
  test('uses the cache without the network, from the batch that contains the offset', async () => {
    const { fetch, network } = await halfCached()
    const ends = { lastStableOffset: 50, highWatermark: 50 }
    expect(await fetch(35)).toEqual({ from: 35, to: 50, bases: [30, 40], ...ends })
    expect(await fetch(20, { maxBytes: 1 })).toEqual({
      ...{ from: 20, to: 30, bases: [20] },
      ...ends,
    })
    expect(await fetch('latest')).toEqual({ from: 50, to: 50, bases: [], ...ends })
    expect(network.calls).toEqual([])
  })

  test('uses the cache at offsets without a record, and returns where they end', async () => {
    const { tab, log, store, fetch, network } = await setUp()
    log.append(3)
    log.append(3, 10, 4)
    await store(0)
    const nothing = { bytes: new Uint8Array(), headers: [], from: 10, endOffset: 15 }
    log.endOffset = 15
    expect(await tab.writer.append([{ ...log.arrival(10), ...nothing }])).toEqual(['stored'])
    expect(await fetch(0, { maxBytes: 1 })).toMatchObject({ from: 0, to: 7, bases: [0] })
    expect(await fetch(4, { maxBytes: 1 })).toMatchObject({ from: 4, to: 15, bases: [7] })
    expect(await fetch(12)).toMatchObject({ from: 12, to: 15, bases: [] })
    log.append(3)
    await store(15)
    expect(await fetch(11)).toMatchObject({ from: 11, to: 15, bases: [] })
    expect(await fetch(15)).toMatchObject({ from: 15, to: 18, bases: [15] })
    expect(network.calls).toEqual([])
  })

  test('uses the network before the cache and behind the log, and throws its errors', async () => {
    const { fetch, network } = await halfCached()
    expect((await fetch(10)).bases[0]).toBe(10)
    await expect(fetch(51)).rejects.toMatchObject({ code: 'offset_out_of_range' })
    network.isOnline = false
    await expect(fetch(10)).rejects.toMatchObject({ code: 'unavailable' })
    expect(network.calls).toEqual([10, 51, 10])
  })

  test('uses the network for uncommitted records, also where the cache has committed ones', async () => {
    const { fetch, network } = await halfCached()
    expect((await fetch(40)).bases[0]).toBe(40)
    expect(network.calls).toEqual([])
    expect((await fetch(40, { isolation: 'uncommitted' })).bases[0]).toBe(40)
    expect(network.calls).toEqual([40])
  })

  test('uses the network with unchanged options for a topic that is not followed', async () => {
    const { network, context, log } = await setUp()
    log.append(1)
    const seen: unknown[] = []
    const spy = {
      fetch: (topic: string, partition: number, options: FetchBatchesOptions) => {
        seen.push([topic, partition, options])
        return network.fetch(topic, partition, options)
      },
    }
    const { signal } = new AbortController()
    const options = { from: 'earliest' as const, maxBytes: 7, waitMs: 9, signal }
    await new CachedSource({ ...context, network: spy }).fetch('other', 3, options)
    expect(seen).toEqual([['other', 3, { ...options, waitMs: 0 }]])
  })

  test('uses the network without waiting for a topic that is about to be cached', async () => {
    const { fetch, network, log, store } = await setUp()
    const fetched = fetch(0, { waitMs: 25_000 })
    await settle()
    expect(network.waitsMs).toEqual([0])
    log.append(3)
    await store(0)
    expect(await fetched).toMatchObject({ from: 0, to: 3 })
    expect(network.waitsMs).toEqual([0])
  })

  test('uses the network with small reads first and larger ones later, up to the requested size', async () => {
    const { fetch, network, log } = await setUp()
    for (let count = 0; count < 5; count++) log.append(10)
    for (let offset = 0; offset < 50; offset += 10) await fetch(offset, { maxBytes: 200_000 })
    expect(network.maxBytes).toEqual([32_768, 65_536, 131_072, 200_000, 200_000])
  })

  test('uses the network with the full wait if the topic is not cached in time', async () => {
    const { fetch, network, clock, tab, log } = await setUp()
    const fetched = fetch(0, { waitMs: 25_000 })
    await settle()
    clock.advance(5_000)
    await fetched
    expect(network.waitsMs).toEqual([0, 20_000])
    await fetch(0, { waitMs: 25_000 })
    expect(network.waitsMs).toEqual([0, 20_000, 25_000])
    const sleeping = fetch(0, { waitMs: 25_000 })
    clock.sleepThrough(-DAY_MS)
    await sleeping
    expect(network.waitsMs).toEqual([0, 20_000, 25_000, 25_000])
    // After it was cached once, the earlier time-out no longer counts.
    log.append(1)
    await tab.writer.append([log.arrival(0)])
    expect(await fetch(0)).toMatchObject({ bases: [0] })
    await tab.cache.unfollow(TOPIC)
    log.append(1)
    await fetch(1, { waitMs: 25_000 })
    expect(network.waitsMs.at(-1)).toBe(0)
  })

  test('uses the network when the database fails', async () => {
    const { tab, fetch } = await halfCached()
    await tab.database.close()
    expect((await fetch(20)).bases).toEqual([20, 30, 40])
  })
})

describe('the position earliest', () => {
  test('uses the cache if it begins at the log start', async () => {
    const { fetch, network, log, store } = await setUp()
    log.append(5)
    await store(0)
    network.isOnline = false
    expect(await fetch('earliest')).toMatchObject({ from: 0, bases: [0] })
    expect(network.calls).toEqual([])
  })

  test('otherwise uses the network, and offline the start of the cache', async () => {
    const { fetch, network } = await halfCached()
    expect(await fetch('earliest')).toMatchObject({ from: 0 })
    network.isOnline = false
    expect(await fetch('earliest')).toMatchObject({ from: 20, bases: [20, 30, 40] })
  })

  test('does not wait long for a network without a response', async () => {
    const { fetch, network, clock } = await halfCached()
    network.muteClock = clock
    const fetched = fetch('earliest')
    await settle()
    clock.advance(3_000)
    expect(await fetched).toMatchObject({ from: 20 })
  })
})

describe('a timestamp', () => {
  test('is found in the cache if an earlier record is cached', async () => {
    const { fetch, network } = await halfCached()
    expect(await fetch({ timestamp: 1_035 })).toMatchObject({ from: 35, bases: [30, 40] })
    expect(await fetch({ timestamp: 9_999 })).toMatchObject({ from: 50, bases: [] })
    expect(network.calls).toEqual([])
  })

  test('uses the network if it may lie before the cache, and offline the start of the cache', async () => {
    const { fetch, network } = await halfCached()
    expect(await fetch({ timestamp: 1_005 })).toMatchObject({ from: 0 })
    network.isOnline = false
    expect(await fetch({ timestamp: 1_005 })).toMatchObject({ from: 20 })
  })
})

describe('a read at the end', () => {
  test('waits for a message, and returns what was stored', async () => {
    const { fetch, log, store, network } = await halfCached()
    const fetched = fetch(50, { waitMs: 25_000 })
    await settle()
    log.append(3)
    await store(50)
    expect(await fetched).toMatchObject({ from: 50, to: 53, highWatermark: 53 })
    expect(network.calls).toEqual([])
  })

  test('checks the cache itself when messages are lost', async () => {
    const { fetch, log, tab, clock } = await halfCached()
    const fetched = fetch(50, { waitMs: 25_000 })
    await settle()
    log.append(3)
    await tab.writer.append([log.arrival(50)])
    await settle()
    clock.advance(5_000)
    expect(await fetched).toMatchObject({ bases: [50] })
  })

  test('returns nothing after the wait, and at once when it is aborted', async () => {
    const { fetch, clock } = await halfCached()
    const ends = { lastStableOffset: 50, highWatermark: 50 }
    const empty = { from: 50, to: 50, bases: [], ...ends }
    let isDone = false
    const fetched = fetch(50, { waitMs: 8_000 }).finally(() => {
      isDone = true
    })
    await settle()
    clock.advance(7_999)
    await settle()
    expect(isDone).toBe(false)
    clock.advance(1)
    expect(await fetched).toEqual(empty)
    const abort = new AbortController()
    const aborted = fetch(50, { waitMs: 8_000, signal: abort.signal })
    await settle()
    abort.abort()
    expect(await aborted).toEqual(empty)
    await settle()
    expect(clock.pending).toBe(0)
  })

  test('does not request in a loop while the log has more than the cache', async () => {
    const { log, tab, clock, network, context } = await setUp()
    for (let index = 0; index < 5; index++) log.append(10)
    await tab.writer.append([log.arrival(0, 3)])
    network.isOnline = false
    let reads = 0
    const { read } = tab.cache
    tab.cache.read = (...place) => {
      reads += 1
      return read.apply(tab.cache, place)
    }
    const consumer = openConsumer(log, clock, context)
    const iterator = consumer[Symbol.asyncIterator]()
    expect((await iterator.next()).value).toMatchObject({ nextOffset: 30, lag: 20 })
    for (let round = 0; round < 60; round++) {
      clock.advance(1_000)
      await settle()
    }
    expect(reads).toBeLessThan(20)
    await consumer.close()
  })

  test('uses the network for records that were published but not stored', async () => {
    const { fetch, log, channel, network } = await halfCached()
    const fetched = fetch(50, { waitMs: 25_000 })
    await settle()
    log.append(3)
    const ends = { endOffset: 53, highWatermark: 53 }
    channel.publish({ kind: 'news', topic: 'other', partition: 0, ...ends })
    await settle()
    expect(network.calls).toEqual([])
    channel.publish({ kind: 'news', topic: TOPIC, partition: 0, ...ends })
    expect(await fetched).toMatchObject({ bases: [50] })
    expect(network.calls).toEqual([50])
  })
})

describe('a stale or damaged cache', () => {
  test('rejects an old offset of a recreated topic', async () => {
    const { tab, fetch, network } = await halfCached()
    await fetch(20)
    const other = new TestLog()
    other.append(60)
    network.log = other
    const known = { topic: TOPIC, id: other.id, partitions: 1, maxMessageBytes: 1024 }
    await tab.database.write(['topics'], (tx) => tx.objectStore('topics').put(known))
    await expect(fetch(30)).rejects.toMatchObject({ code: 'offset_out_of_range' })
    expect(await fetch('earliest')).toMatchObject({ from: 0, to: 60 })
    expect(await fetch(30)).toMatchObject({ bases: [0] })
  })

  test('drops a damaged row with all rows before it, reports it, and reads from the network', async () => {
    const { tab, fetch, log, store, network, failures } = await setUp()
    for (let index = 0; index < 3; index++) log.append(1, CACHE_ROW_BYTES)
    await store(0)
    const [, row] = await rowsOf(tab)
    if (row === undefined) throw new Error('no row')
    row.bytes.fill(0xff, 100, 110)
    await tab.database.write(['batches'], (tx) => tx.objectStore('batches').put(row))
    expect(await fetch(0)).toMatchObject({ bases: [0] })
    expect((await fetch(1)).bases[0]).toBe(1)
    expect(network.calls).toEqual([1])
    expect(failures).toMatchObject([{ code: 'corrupt_message' }])
    expect(await tab.cache.cursors()).toMatchObject([{ startOffset: 2, endOffset: 3 }])
    expect(await fetch(2)).toMatchObject({ bases: [2] })
    expect(network.calls).toEqual([1])
  })
})

test('consumers read each record once and in order, across the edges of the cache', async () => {
  const { tab, log, clock, network, context, store } = await setUp()
  for (let index = 0; index < 60; index++) log.append(20, 2_000, index % 7 === 3 ? 2 : 0)
  await store(600)
  const consumer = openConsumer(log, clock, context)
  const read: number[] = []
  const reading = (async () => {
    for await (const record of consumer.records()) read.push(record.offset)
  })()
  const isDone = () => read.at(-1) === log.endOffset - 1
  for (let round = 0; round < 60; round++) {
    if (round < 40) {
      const from = log.endOffset
      log.append(5)
      await store(from)
    }
    if (round === 10) await tab.writer.makeRoom()
    if (round === 5 || round === 20) network.isOnline = !network.isOnline
    clock.advance(DAY_MS)
    await settle()
  }
  expect(isDone()).toBe(true)
  const expected = log.history.flatMap(({ baseOffset, endOffset }) =>
    Array.from({ length: endOffset - baseOffset }, (_, index) => baseOffset + index),
  )
  expect(read).toEqual(expected)
  await consumer.close()
  await reading
})
