/** How the cache of a followed partition is filled with sealed chunks before the tail goes on. */
import { afterEach, describe, expect, test } from 'vitest'
import { Follower } from '../../../client/browser/cache/follower.ts'
import { CATCH_UPS_MAX } from '../../../client/browser/limits.ts'
import { Channel } from '../../../client/browser/tabs/channel.ts'
import { networkSource } from '../../../client/consumer/log-source.ts'
import { until } from '../../support/until.ts'
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

/** Number of records of a batch, and batches of a sealed chunk. */
const BATCH = 10
const CHUNK = 3

interface Options {
  readonly partitions?: number
  readonly batches?: number
  /** Sealed chunks of each partition. */
  readonly chunks?: number
  readonly valueBytes?: number
}

async function setUp(options: Options = {}) {
  const { partitions = 1, batches = 20, chunks = 5, valueBytes = 20_000 } = options
  const tab = openCache()
  opened.push(tab)
  await tab.cache.follow(TOPIC)
  const logs = Array.from({ length: partitions }, () => {
    const log = new TestLog()
    for (let index = 0; index < batches; index++) log.append(BATCH, valueBytes)
    return log
  })
  const id = (logs[0] as TestLog).id
  const server = {
    logs,
    sealed: [] as string[],
    /** Returns a response in place of a sealed chunk. */
    refuse: (_offset: number): Promise<Response> | Response | undefined => undefined,
  }
  const sealedChunk = async (partition: number, offset: number): Promise<Response> => {
    server.sealed.push(`${partition}/${offset}`)
    const refused = await server.refuse(offset)
    if (refused !== undefined) return refused
    const from = Math.floor(offset / (CHUNK * BATCH)) * CHUNK * BATCH
    if (from >= chunks * CHUNK * BATCH) return refuseWith(404, 'not_sealed')
    const { to, batches: bytes } = (logs[partition] as TestLog).range(from, CHUNK)
    const headers = { 'edgelog-offset': `${from}`, 'edgelog-next-offset': `${to}` }
    return new Response(bytes as Uint8Array<ArrayBuffer>, { headers })
  }
  const fetch = async (input: string): Promise<Response> => {
    const { pathname } = new URL(input)
    const [, topicId, partition, offset] =
      /^\/v1\/topics\/([^/]+)\/partitions\/(\d+)\/sealed\/(\d+)$/.exec(pathname) ?? []
    if (topicId !== undefined) {
      expect(topicId).toBe(id)
      return await sealedChunk(Number(partition), Number(offset))
    }
    const partitionDetails = logs.map(({ startOffset, endOffset, batches: all }, index) => ({
      ...{ partition: index, logStartOffset: startOffset },
      ...{ lastStableOffset: endOffset, highWatermark: endOffset },
      sizeBytes: all.reduce((sum, { bytes }) => sum + bytes.length, 0),
    }))
    return Response.json({ id, partitions, partitionDetails })
  }
  const row = { topic: TOPIC, id, partitions, maxMessageBytes: 1_024 }
  const request = async () => {
    await tab.database.write(['topics'], (tx) => tx.objectStore('topics').put(row))
    return row
  }
  const clock = new ManualClock()
  const connection = { url: 'https://fake', token: undefined, fetch, clock, random: () => 0.5 }
  const counts = { changed: 0 }
  const failures: string[] = []
  const follower = new Follower({
    ...{ cache: tab.cache, writer: tab.writer, connection },
    channel: new Channel(tab.name, undefined),
    network: networkSource(connection),
    topics: { load: request, request },
    changed: () => {
      counts.changed += 1
    },
    failed: ({ code }) => failures.push(code),
  })
  const finished = (times = 1) => until('it is filled', async () => counts.changed >= times)
  return { tab, server, follower, counts, failures, finished, log: logs[0] as TestLog }
}

function refuseWith(status: number, code: string): Response {
  return Response.json({ error: { code, message: code, retryable: false } }, { status })
}

describe('a partition that is followed for the first time', () => {
  test('is filled with sealed chunks, and followed from their end', async () => {
    const { tab, log, server, follower, finished } = await setUp()
    expect(await follower.subscriptions()).toEqual([])
    await finished()
    expect(server.sealed).toEqual(['0/0', '0/30', '0/60', '0/90', '0/120', '0/150'])
    expect(await follower.subscriptions()).toMatchObject([{ partition: 0, offset: 150 }])
    await expectDense(tab, log)
    expect(server.sealed.length).toBe(6)
  })

  test('is not subscribed while it is filled, whatever else changes', async () => {
    const { server, follower, finished } = await setUp()
    let open = (_: Response | undefined) => {}
    server.refuse = (offset) =>
      offset === 60
        ? (new Promise((resolve) => {
            open = resolve as typeof open
          }) as Promise<Response>)
        : undefined
    await follower.subscriptions()
    await until('the third chunk is requested', async () => server.sealed.length === 3)
    expect(await follower.subscriptions()).toEqual([])
    open(refuseWith(404, 'not_sealed'))
    await finished()
    expect(await follower.subscriptions()).toMatchObject([{ offset: 60 }])
  })

  test.each([
    ['not sealed', () => refuseWith(404, 'not_sealed')],
    ['not the log', () => new Response('<html>')],
    ['damaged', () => damaged()],
    ['not there', () => Response.error()],
  ])('is followed by the tail at once if its first chunk is %s', async (_, refuse) => {
    const { server, follower, counts, failures } = await setUp()
    server.refuse = refuse
    expect(await follower.subscriptions()).toMatchObject([{ partition: 0, offset: 0 }])
    expect(server.sealed).toEqual(['0/0'])
    expect(counts.changed).toBe(0)
    expect(failures).toEqual([])
  })

  test('is followed by the tail if it is small', async () => {
    const { server, follower } = await setUp({ batches: 5 })
    expect(await follower.subscriptions()).toMatchObject([{ offset: 0 }])
    expect(server.sealed).toEqual([])
  })

  test('is left to the tail after its first chunk if its chunks are small', async () => {
    const { tab, log, server, follower } = await setUp({ valueBytes: 10_000 })
    expect(await follower.subscriptions()).toMatchObject([{ partition: 0, offset: 0 }])
    expect(server.sealed).toEqual(['0/0'])
    expect(await follower.subscriptions()).toMatchObject([{ offset: 30 }])
    await expectDense(tab, log)
  })

  test('leaves the others to the tail if several are filled', async () => {
    const { server, follower } = await setUp({ partitions: CATCH_UPS_MAX + 1 })
    server.refuse = (offset) => (offset > 0 ? new Promise(() => undefined) : undefined)
    expect(await follower.subscriptions()).toMatchObject([{ partition: CATCH_UPS_MAX, offset: 0 }])
    await until('the second chunks are requested', async () => server.sealed.length === 4)
    follower.changed({ link: 'closed', transport: null, lastError: null })
  })

  test('is left to the tail when the browser cannot store', async () => {
    const { server, follower, failures } = await setUp()
    refusal = refuseToStore(1e6)
    const [followed] = await follower.subscriptions()
    expect(followed?.partition).toBe(0)
    expect(server.sealed).toEqual(['0/0'])
    expect(failures).toEqual(['storage_full'])
  })

  test('is filled no further when the tab closes', async () => {
    const { server, follower, counts } = await setUp()
    server.refuse = (offset) => {
      if (offset === 60) follower.changed({ link: 'closed', transport: null, lastError: null })
      return undefined
    }
    await follower.subscriptions()
    await until('the third chunk is requested', async () => server.sealed.length === 3)
    for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(server.sealed.length).toBe(3)
    expect(counts.changed).toBe(0)
  })
})

function damaged(): Response {
  const log = new TestLog()
  log.append(30)
  const bytes = log.slice(0)
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  const headers = { 'edgelog-offset': '0', 'edgelog-next-offset': '30' }
  return new Response(bytes as Uint8Array<ArrayBuffer>, { headers })
}
