/** The sync against the real server: by each transport, across a restart, and through faulty proxies. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Followed,
  Sync,
  type SyncSink,
  type SyncStatus,
} from '../../../client/browser/sync/sync.ts'
import type { Subscription, TransportName } from '../../../client/browser/sync/transport.ts'
import type { Clock } from '../../../client/clock.ts'
import { parseChunk } from '../../../client/consumer/log-chunk.ts'
import { type Client, connect } from '../../../client/index.ts'
import type { EdgelogError } from '../../../src/core/errors.ts'
import type { TailFrame } from '../../../src/core/log/tail-protocol.ts'
import { FaultyProxy } from '../../browser/support/proxy.ts'
import { freePort } from '../../server/free-port.ts'
import { ServerProcess } from '../../server/server-process.ts'
import { until } from '../../support/until.ts'
import { FakePage } from './fake-page.ts'

const TOKEN = 'top-secret/+?'

/** Returns a clock that is some times faster than that of the machine. */
function fasterClock(times: number): Clock {
  return {
    now: () => performance.now() * times,
    setTimeout: (work, delayMs) => setTimeout(work, Math.min(delayMs / times, 2 ** 31 - 1)),
    clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
  }
}

/** Runs time-outs of seconds in tenths of seconds. */
const fastClock = fasterClock(20)
/** On a busy machine a transport that works must still open before its time-out. */
const patientClock = fasterClock(4)

/** Stores the next offset of each partition, and counts the records. */
class OffsetSink implements SyncSink {
  readonly positions = new Map<string, Followed>()
  readonly closings: string[] = []
  readonly statuses: SyncStatus[] = []
  misfits = 0

  async subscriptions(): Promise<readonly Followed[]> {
    return [...this.positions.values()]
  }

  subscribed(): void {}

  follow(topic: string, partition: number, options: Partial<Followed> = {}): void {
    this.positions.set(`${topic}/${partition}`, { topic, partition, offset: 0, ...options })
  }

  async frame(subscription: Subscription, frame: TailFrame): Promise<'taken' | 'resubscribe'> {
    const key = `${subscription.topic}/${subscription.partition}`
    const followed = this.positions.get(key)
    if (followed === undefined) return 'resubscribe'
    if (frame.from > Number(followed.offset)) {
      this.misfits += 1
      return 'resubscribe'
    }
    const chunk = parseChunk(frame, Number(followed.offset))
    await new Promise((resolve) => setImmediate(resolve))
    this.positions.set(key, { ...followed, offset: chunk.nextOffset })
    return 'taken'
  }

  async closed({ topic, partition }: Subscription, { code }: EdgelogError): Promise<void> {
    this.closings.push(`${topic}/${partition} ${code}`)
    if (code === 'unknown_topic_id') this.positions.delete(`${topic}/${partition}`)
  }

  changed(status: SyncStatus): void {
    this.statuses.push(status)
  }

  get offsets(): number[] {
    return [...this.positions.values()].map(({ offset }) => Number(offset))
  }
}

let server: ServerProcess
let log: Client
const syncs: Sync[] = []

beforeAll(async () => {
  server = await ServerProcess.start({ token: TOKEN })
  log = connect({ url: server.url, token: TOKEN })
})

afterAll(async () => {
  for (const sync of syncs) sync.stop()
  await log.close()
  await server.stop()
})

function setUp(
  transports: readonly TransportName[],
  options: { url?: string; clock?: Clock } = {},
) {
  const sink = new OffsetSink()
  const page = new FakePage()
  const connection = {
    url: options.url ?? server.url,
    token: TOKEN,
    fetch,
    clock: options.clock ?? fastClock,
    random: Math.random,
  }
  const sync = new Sync({ connection, page, WebSocket }, sink, { transports })
  syncs.push(sync)
  return { sink, page, connection, sync }
}

async function produce(topic: string, partition: number, count: number): Promise<void> {
  const producer = log.createProducer()
  const records = Array.from({ length: count }, (_, index) => ({ value: `${index}`, partition }))
  await producer.sendBatch(topic, records)
  await producer.close()
}

describe.each(['websocket', 'sse', 'long-poll'] as const)('by %s', (transport) => {
  test('catches up, is live, follows, and continues after the server restarted', async () => {
    const topic = `follow-${transport}`
    await log.admin.createTopic(topic, { partitions: 2 })
    await produce(topic, 0, 5_000)
    const { sink, sync } = setUp([transport])
    sink.follow(topic, 0)
    sink.follow(topic, 1)
    sync.start()
    await until('the sync is live', () => sync.status.link === 'live')
    expect(sink.offsets).toEqual([5_000, 0])
    expect(sync.status).toMatchObject({ transport, lastError: null })
    await produce(topic, 1, 10)
    await until('partition 1 is followed up to 10', () => sink.offsets[1] === 10)
    await server.kill()
    await until(
      'the sync notices that the server is gone',
      () => sync.status.link !== 'live' || transport === 'long-poll',
    )
    await server.start()
    await produce(topic, 0, 7)
    await until('partition 0 is followed up to 5_007', () => sink.offsets[0] === 5_007)
    await until('the sync is live', () => sync.status.link === 'live')
    sync.stop()
    expect(sink.misfits).toBe(0)
  })

  test('follows an added topic, and reports a recreated one', async () => {
    const [topic, other] = [`one-${transport}`, `two-${transport}`]
    const { id: topicId } = await log.admin.createTopic(topic)
    await log.admin.createTopic(other)
    const { sink, sync } = setUp([transport])
    sink.follow(topic, 0, { topicId })
    sync.start()
    await until('the sync is live', () => sync.status.link === 'live')
    await produce(other, 0, 3)
    sink.follow(other, 0)
    sync.changed()
    await until('partition 1 is followed up to 3', () => sink.offsets[1] === 3)
    sink.follow(other, 1, { topicId })
    sync.changed()
    await until('a subscription ends', () => sink.closings.length > 0)
    expect(sink.closings).toEqual([`${other}/1 unknown_topic_id`])
    await produce(topic, 0, 2)
    await until('partition 0 is followed up to 2', () => sink.offsets[0] === 2)
    sync.stop()
  })

  test('requests the subscriptions again if the log does not have the offset', async () => {
    const topic = `range-${transport}`
    await log.admin.createTopic(topic)
    await produce(topic, 0, 4)
    const { sink, sync } = setUp([transport])
    sink.follow(topic, 0, { offset: 40 })
    sync.start()
    await until('a subscription ends', () => sink.closings.length > 0)
    expect(sink.closings[0]).toBe(`${topic}/0 offset_out_of_range`)
    sink.follow(topic, 0)
    await until('partition 0 is followed up to 4', () => sink.offsets[0] === 4)
    await until('the sync is live', () => sync.status.link === 'live')
    sync.stop()
  })
})

test('a rejected token is renewed, also over a WebSocket, which shows no status', async () => {
  const topic = 'token'
  await log.admin.createTopic(topic)
  const { sink, sync, connection } = setUp(['websocket', 'sse', 'long-poll'])
  connection.token = 'wrong'
  sink.follow(topic, 0)
  sync.start()
  await until('the sync asks for a token', () => sync.status.link === 'authNeeded')
  expect(sync.status.lastError?.code).toBe('unauthorized')
  connection.token = TOKEN
  sync.setToken()
  await until('the sync is live', () => sync.status.link === 'live')
  sync.stop()
})

describe('a proxy', () => {
  let proxy: FaultyProxy
  beforeAll(async () => {
    proxy = new FaultyProxy(await freePort(), server.url)
    await proxy.up()
  })
  afterAll(async () => {
    await proxy.down()
  })

  test.each([
    ['buffer', 'long-poll'],
    ['swallow', 'sse'],
    ['refuse', 'sse'],
  ] as const)('that applies %s is passed by %s', async (kind, transport) => {
    const topic = `proxy-${kind}`
    await log.admin.createTopic(topic)
    await produce(topic, 0, 3)
    const isBuffer = kind === 'buffer'
    proxy.setRules({ path: /tail/, ...(!isBuffer && { method: 'GET' }), fault: { kind } })
    const options = { url: proxy.url, clock: patientClock }
    const { sink, sync } = setUp(['websocket', 'sse', 'long-poll'], options)
    sink.follow(topic, 0)
    sync.start()
    await until('the sync is live', () => sync.status.link === 'live')
    expect(sync.status.transport).toBe(transport)
    expect(sink.offsets).toEqual([3])
    await produce(topic, 0, 2)
    await until('partition 0 is followed up to 5', () => sink.offsets[0] === 5)
    sync.stop()
  })

  test.each(['captivePortal', 'answer', 'refuse'] as const)(
    'that returns %s for everything makes it try all transports, store nothing, and recover afterwards',
    async (kind) => {
      const topic = `portal-${kind}`
      await log.admin.createTopic(topic)
      await produce(topic, 0, 3)
      const fault = kind === 'refuse' ? { kind } : { kind, status: 502, cors: false }
      proxy.setRules({ path: /tail/, fault })
      proxy.forget()
      const { sink, sync } = setUp(['websocket', 'sse', 'long-poll'], { url: proxy.url })
      sink.follow(topic, 0)
      sync.start()
      await until('the tail is asked for again and again', () => proxy.exchanges(/tail/).length > 8)
      expect(new Set(proxy.exchanges(/tail/).map(({ method }) => method)).size).toBe(2)
      expect(sync.status.link).not.toBe('live')
      expect(sink.offsets).toEqual([0])
      proxy.setRules()
      sync.wake()
      await until('the sync is live', () => sync.status.link === 'live')
      expect(sink.offsets).toEqual([3])
      sync.stop()
    },
  )
})
