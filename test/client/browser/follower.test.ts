/** The follower: which partitions it follows, from which offset, and how it stores frames. */
import { afterEach, describe, expect, test } from 'vitest'
import { Follower } from '../../../client/browser/cache/follower.ts'
import type { CacheLimits, TopicRow } from '../../../client/browser/store/schema.ts'
import type { Followed } from '../../../client/browser/sync/sync.ts'
import type { Subscription } from '../../../client/browser/sync/transport.ts'
import { Channel, type MessageOf } from '../../../client/browser/tabs/channel.ts'
import { networkSource } from '../../../client/consumer/log-source.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import type { LogEnds } from '../../../src/core/log/log-ends.ts'
import { ManualClock } from '../manual-clock.ts'
import {
  expectDense,
  openCache,
  refuseToStore,
  type TestCache,
  TestLog,
  TOPIC,
} from './cache-for-test.ts'

const opened: TestCache[] = []
let refusal: ReturnType<typeof refuseToStore> | undefined

afterEach(async () => {
  refusal?.end()
  refusal = undefined
  for (const { database } of opened.splice(0)) await database.close()
})

/** Sets up a server with one topic, and the follower of a leading tab. */
async function setUp(limits?: Partial<CacheLimits>) {
  const tab = openCache()
  opened.push(tab)
  await tab.cache.follow(TOPIC, limits)
  const clock = new ManualClock()
  const server = { logs: [new TestLog()], isGone: false, oldestByTime: 0, calls: [] as string[] }
  const id = () => (server.logs[0] as TestLog).id
  const refuseIfGone = () => {
    if (server.isGone) throw new EdgelogError('unknown_topic_or_partition', TOPIC)
  }
  const fetch = async (input: string): Promise<Response> => {
    const { pathname, search } = new URL(input)
    server.calls.push(pathname + search)
    if (pathname.endsWith('/records')) {
      const headers = { 'edgelog-offset': `${server.oldestByTime}`, 'edgelog-next-offset': '0' }
      return new Response(null, {
        headers: { ...headers, 'edgelog-high-watermark': '0', 'edgelog-last-stable-offset': '0' },
      })
    }
    if (server.isGone) {
      const error = new EdgelogError('unknown_topic_or_partition', TOPIC).toBody()
      return Response.json({ error }, { status: 404 })
    }
    const partitionDetails = server.logs.map((log, partition) => ({
      partition,
      ...endsOf(log),
      sizeBytes: log.slice(log.startOffset).length,
    }))
    return Response.json({ id: id(), partitions: server.logs.length, partitionDetails })
  }
  const request = async (topic: string): Promise<TopicRow> => {
    refuseIfGone()
    const row = { topic, id: id(), partitions: server.logs.length, maxMessageBytes: 1_024 }
    await tab.database.write(['topics'], (tx) => tx.objectStore('topics').put(row))
    return row
  }
  const load = async (topic: string) =>
    (await tab.database.read(['topics'], (tx) => tx.objectStore('topics').get(topic))) ??
    (await request(topic))
  const connection = { url: 'https://fake', token: undefined, fetch, clock, random: () => 0.5 }
  const channel = new Channel(tab.name, undefined)
  const told: MessageOf<'news'>[] = []
  channel.listen('news', (heard) => told.push(heard))
  const resets: string[] = []
  channel.listen('topicReset', ({ reason }) => resets.push(reason))
  const failures: string[] = []
  const counts = { changed: 0 }
  const follower = new Follower({
    ...{ cache: tab.cache, writer: tab.writer, channel, connection },
    network: networkSource(connection),
    topics: { load, request },
    changed: () => {
      counts.changed += 1
    },
    failed: ({ code }) => failures.push(code),
  })
  const [log] = server.logs as [TestLog]
  let ids = 0
  /** Subscribes as the sync does. */
  const subscribe = async (partition = 0): Promise<Subscription> => {
    const followed = (await follower.subscriptions()).find((one) => one.partition === partition)
    if (followed === undefined) throw new Error('not followed')
    const subscription: Subscription = { ...(followed as Followed), id: ids++ }
    const of = server.logs[partition] as TestLog
    const { offset } = followed
    follower.subscribed(subscription, {
      offset: typeof offset === 'number' ? offset : of.endOffset,
      ...endsOf(of),
    })
    return subscription
  }
  const send = (subscription: Subscription, from: number, count?: number) => {
    const of = server.logs[subscription.partition] as TestLog
    return follower.frame(subscription, { ...of.range(from, count), ...endsOf(of) })
  }
  return { tab, clock, server, log, follower, told, resets, failures, counts, subscribe, send }
}

function endsOf({ startOffset, endOffset }: TestLog): LogEnds {
  return { logStartOffset: startOffset, lastStableOffset: endOffset, highWatermark: endOffset }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe('a new subscription', () => {
  test('begins at the log start if everything fits, and later at the end of the cache', async () => {
    const { log, server, follower, subscribe, send } = await setUp()
    log.append(10)
    expect(await follower.subscriptions()).toEqual([
      { topic: TOPIC, partition: 0, topicId: log.id, offset: 0 },
    ])
    expect(await send(await subscribe(), 0)).toBe('taken')
    const calls = server.calls.length
    expect(await follower.subscriptions()).toMatchObject([{ offset: 10 }])
    expect(server.calls.length).toBe(calls)
  })

  test('requests no more records, bytes or age than the limits allow', async () => {
    const byRecords = await setUp({ recordsMax: 30 })
    byRecords.server.logs.push(new TestLog())
    byRecords.log.append(100)
    expect(await byRecords.follower.subscriptions()).toMatchObject([{ offset: 85 }, { offset: 0 }])

    const byBytes = await setUp({ bytesMax: 1024 * 1024 })
    for (let index = 0; index < 20; index++) byBytes.log.append(1, 100_000)
    const [{ offset } = {}] = await byBytes.follower.subscriptions()
    expect(offset).toBeGreaterThan(8)
    expect(offset).toBeLessThan(12)

    const byAge = await setUp({ ageMsMax: 1_000 })
    byAge.log.append(100)
    byAge.server.oldestByTime = 77
    expect(await byAge.follower.subscriptions()).toMatchObject([{ offset: 77 }])
    expect(byAge.server.calls.at(-1)).toContain(`timestamp=${byAge.clock.now() - 1_000}`)
  })

  test('uses what another tab has stored before the first frame arrives', async () => {
    const { tab, log, follower, subscribe } = await setUp()
    log.append(10)
    await subscribe()
    await settle()
    expect(await tab.cache.cursors()).toMatchObject([{ endOffset: 0, highWatermark: 10 }])
    expect(await tab.cache.lagRecords()).toBe(10)
    await tab.writer.append([log.arrival(0)])
    expect(await follower.subscriptions()).toMatchObject([{ offset: 10 }])
    expect(await tab.cache.lagRecords()).toBe(0)
  })
})

describe('the follower', () => {
  test('stores and publishes frames, those of several partitions in one transaction', async () => {
    const { tab, log, server, told, subscribe, send } = await setUp()
    const other = new TestLog()
    server.logs.push(other)
    other.append(4)
    log.append(3)
    const one = await subscribe(0)
    const two = await subscribe(1)
    await settle()
    told.length = 0
    let transactions = 0
    const { append } = tab.writer
    tab.writer.append = async (arrivals) => {
      transactions += 1
      return await append.call(tab.writer, arrivals)
    }
    log.append(3)
    const taken = await Promise.all([send(one, 0, 1), send(one, 3), send(two, 0), send(two, 4)])
    expect(taken).toEqual(['taken', 'taken', 'taken', 'taken'])
    expect(transactions).toBe(2)
    expect(told.at(-1)).toMatchObject({ partition: 1, endOffset: 4, highWatermark: 4 })
    await expectDense(tab, log)
    await expectDense(tab, { ...other, history: other.history } as TestLog, 1)
  })

  test('requests the records of a gap again', async () => {
    const { tab, log, subscribe, send } = await setUp()
    log.append(3)
    log.append(3)
    expect(await send(await subscribe(), 3)).toBe('resubscribe')
    const second = await subscribe()
    expect(second.offset).toBe(0)
    expect(await send(second, 0)).toBe('taken')
    await expectDense(tab, log)
  })

  test('extends the cache over offsets without a record', async () => {
    const { tab, log, follower, subscribe, send } = await setUp()
    log.append(3)
    log.append(3, 10, 5)
    log.append(3, 10, 5)
    const subscription = await subscribe()
    expect(await send(subscription, 0, 2)).toBe('taken')
    const hole = { from: 11, to: 16, batches: new Uint8Array() }
    expect(await follower.frame(subscription, { ...hole, ...endsOf(log) })).toBe('taken')
    expect(await tab.cache.cursors()).toMatchObject([{ startOffset: 0, endOffset: 16 }])
    expect(await send(subscription, 16)).toBe('taken')
    expect(await tab.cache.cursors()).toMatchObject([{ startOffset: 0, endOffset: 19 }])
    await expectDense(tab, log)
  })

  test('continues at the end that another tab has stored', async () => {
    const { tab, log, subscribe, send } = await setUp()
    for (let index = 0; index < 4; index++) log.append(2)
    const subscription = await subscribe()
    expect(await send(subscription, 0, 1)).toBe('taken')
    await tab.writer.append([log.arrival(2, 2)])
    expect(await send(subscription, 2, 1)).toBe('taken')
    expect(await send(subscription, 4)).toBe('taken')
    await expectDense(tab, log)
    await tab.cache.unfollow(TOPIC)
    await tab.cache.follow(TOPIC)
    await tab.writer.append([log.arrival(0, 1)])
    log.append(2)
    expect(await send(subscription, 8)).toBe('resubscribe')
    expect((await subscribe()).offset).toBe(2)
  })

  test('reads damaged frames again, and ends the subscription after permanent damage', async () => {
    const { tab, log, follower, failures, subscribe, send } = await setUp()
    log.append(3)
    const spoil = () => log.batches[0]?.bytes.fill(0xff, 70, 72)
    await send(await subscribe(), 0)
    log.append(3)
    log.batches.shift()
    spoil()
    for (let round = 1; round <= 3; round++) {
      expect(failures).toEqual([])
      expect(await send(await subscribe(), 3)).toBe('resubscribe')
    }
    expect(failures).toEqual(['corrupt_message'])
    expect(await follower.subscriptions()).toEqual([])
    expect(await tab.cache.cursors()).toEqual([])
  })

  test('publishes frames even while the browser cannot store', async () => {
    const { tab, log, clock, told, failures, follower, subscribe, send } = await setUp()
    log.append(3)
    const subscription = await subscribe()
    await send(subscription, 0)
    refusal = refuseToStore(1e6)
    log.append(3)
    expect(await send(subscription, 3)).toBe('taken')
    expect(failures).toEqual(['storage_full'])
    expect(told.at(-1)).toMatchObject({ endOffset: 6, highWatermark: 6 })
    expect(await follower.subscriptions()).toMatchObject([{ offset: 'latest' }])
    refusal.end()
    clock.advance(300_000)
    log.append(3)
    expect(await send(subscription, 6)).toBe('resubscribe')
    const again = await subscribe()
    expect(again.offset).toBe(3)
    expect(await send(again, 3)).toBe('taken')
    await expectDense(tab, log)
    expect(failures).toEqual(['storage_full'])
  })
})

test('a clock that was set back does not prolong the pause of storing', async () => {
  const { tab, log, clock, subscribe, send } = await setUp()
  log.append(3)
  const subscription = await subscribe()
  refusal = refuseToStore(1e6)
  expect(await send(subscription, 0)).toBe('taken')
  refusal.end()
  clock.sleepThrough(-3_600_000)
  const again = await subscribe()
  expect(again.offset).toBe(0)
  expect(await send(again, 0)).toBe('taken')
  await expectDense(tab, log)
})

describe('a log that does not continue from the cache', () => {
  const outOfRange = new EdgelogError('offset_out_of_range', 'offset')

  test('is reported as logStartMoved when its start moved past the cache', async () => {
    const { tab, log, follower, resets, subscribe, send } = await setUp()
    log.append(3)
    const subscription = await subscribe()
    await send(subscription, 0)
    log.append(3)
    log.append(3)
    log.deleteTo(6)
    await follower.closed(subscription, outOfRange)
    expect(resets).toEqual(['logStartMoved'])
    expect(await tab.cache.cursors()).toEqual([])
    expect((await subscribe()).offset).toBe(6)
  })

  test('is reported as truncated', async () => {
    const { log, follower, resets, subscribe, send } = await setUp()
    log.append(3)
    log.append(3)
    const subscription = await subscribe()
    await send(subscription, 0)
    log.truncateTo(3)
    await follower.closed({ ...subscription, offset: 6 }, outOfRange)
    await follower.closed({ ...subscription, offset: 6 }, outOfRange)
    expect(resets).toEqual(['truncated'])
    expect((await subscribe()).offset).toBe(0)
  })

  test('is reported as recreated, by the log or by another tab', async () => {
    const { tab, log, server, follower, resets, subscribe, send } = await setUp()
    log.append(3)
    const subscription = await subscribe()
    await send(subscription, 0)
    const second = new TestLog()
    second.append(9)
    server.logs = [second]
    await follower.closed(subscription, new EdgelogError('unknown_topic_id', 'topicId'))
    expect(resets).toEqual(['recreated'])
    expect(await tab.cache.cursors()).toEqual([])
    const onward = await subscribe()
    expect(onward).toMatchObject({ offset: 0, topicId: second.id })
    expect(await send(onward, 0)).toBe('taken')

    const third = new TestLog()
    const known = { topic: TOPIC, id: third.id, partitions: 1, maxMessageBytes: 1_024 }
    await tab.database.write(['topics'], (tx) => tx.objectStore('topics').put(known))
    second.append(1)
    server.logs = [third]
    expect(await follower.frame(onward, { ...second.range(9), ...endsOf(second) })).toBe(
      'resubscribe',
    )
    expect(resets).toEqual(['recreated', 'recreated'])
    expect(await subscribe()).toMatchObject({ topicId: third.id })
  })

  test('is reported as deleted, stays followed, and is looked up again later', async () => {
    const { tab, log, clock, server, counts, follower, resets, subscribe, send } = await setUp()
    log.append(3)
    const subscription = await subscribe()
    await send(subscription, 0)
    const live = { link: 'live', transport: 'websocket', lastError: null } as const
    follower.changed(live)
    server.isGone = true
    await follower.closed(subscription, new EdgelogError('unknown_topic_or_partition', TOPIC))
    expect(resets).toEqual(['deleted'])
    expect(await follower.subscriptions()).toEqual([])
    expect(await tab.cache.follows()).toMatchObject([{ topic: TOPIC }])
    server.isGone = false
    clock.advance(30_000)
    await settle()
    expect(counts.changed).toBe(1)
    expect(await follower.subscriptions()).toMatchObject([{ offset: 0 }])
    follower.changed({ ...live, link: 'closed' })
    expect(clock.pending).toBe(0)
  })

  test('is looked up while the topic does not exist and nothing else is followed, and no longer once it is found', async () => {
    const { clock, server, counts, follower } = await setUp()
    server.isGone = true
    expect(await follower.subscriptions()).toEqual([])
    clock.advance(30_000)
    await settle()
    expect(counts.changed).toBe(0)
    server.isGone = false
    clock.advance(30_000)
    await settle()
    expect(counts.changed).toBe(1)
    expect(await follower.subscriptions()).toMatchObject([{ topic: TOPIC }])
    expect(clock.pending).toBe(0)
  })

  test('is followed as soon as any part reports that the topic exists', async () => {
    const { clock, server, counts, follower } = await setUp()
    server.isGone = true
    expect(await follower.subscriptions()).toEqual([])
    await follower.seek()
    expect(counts.changed).toBe(0)
    follower.found('other')
    expect(counts.changed).toBe(0)
    server.isGone = false
    follower.found(TOPIC)
    expect(counts.changed).toBe(1)
    server.isGone = true
    follower.changed({ link: 'closed', transport: null, lastError: null })
    expect(clock.pending).toBe(0)
  })

  test('keeps its cache when the server cannot be reached', async () => {
    const { tab, log, server, follower, resets, subscribe, send } = await setUp()
    log.append(3)
    const subscription = await subscribe()
    await send(subscription, 0)
    server.logs = []
    await follower.closed(subscription, outOfRange).catch(() => undefined)
    expect(resets).toEqual([])
    expect(await tab.cache.cursors()).toMatchObject([{ endOffset: 3 }])
  })
})

test('following accepts limits, and validates them', async () => {
  const { tab } = await setUp()
  expect(await tab.cache.follow(TOPIC)).toBe(false)
  expect(await tab.cache.follow(TOPIC, { recordsMax: 7 })).toBe(true)
  expect(await tab.cache.follow(TOPIC)).toBe(false)
  expect(await tab.cache.follows()).toMatchObject([{ limits: { recordsMax: 7 } }])
  await expect(tab.cache.follow('a/b')).rejects.toMatchObject({ code: 'invalid_topic' })
  for (const limits of [{ bytesMax: 1 }, { recordsMax: 0 }, { ageMsMax: 1.5 }]) {
    await expect(tab.cache.follow('other', limits)).rejects.toMatchObject({
      code: 'invalid_config',
    })
  }
})

test('a topic followed for a reader is dropped when nothing reads it any more', async () => {
  const { tab, clock, follower } = await setUp()
  const dayMs = 86_400_000
  expect(await tab.cache.use('read', clock.now())).toBe(true)
  clock.sleepThrough(29 * dayMs)
  expect(await tab.cache.use('read', clock.now())).toBe(false)
  clock.sleepThrough(29 * dayMs)
  expect((await follower.subscriptions()).map(({ topic }) => topic)).toContain('read')
  clock.sleepThrough(2 * dayMs)
  expect((await follower.subscriptions()).map(({ topic }) => topic)).toEqual([TOPIC])
  expect(await tab.cache.follows()).toMatchObject([{ topic: TOPIC, usedAtMs: null }])
})

test('reading does not end an explicit follow', async () => {
  const { tab, clock, follower } = await setUp()
  expect(await tab.cache.use(TOPIC, clock.now())).toBe(false)
  clock.sleepThrough(400 * 86_400_000)
  expect((await follower.subscriptions()).map(({ topic }) => topic)).toEqual([TOPIC])
})
