/** Consumers and members of groups over the session of their client, against a real server. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Client, type ClientOptions, connect } from '../../client/index.ts'
import { SESSION_WINDOW_BYTES } from '../../src/core/limits.ts'
import { ServerProcess } from '../server/server-process.ts'
import { sharedServerUrl, uniqueName } from '../server/shared-server.ts'
import { CountingProxy } from './counting-proxy.ts'
import {
  collect,
  committedOffsets,
  keysOf,
  type Member,
  produce,
  range,
  type Seen,
  startMember,
} from './group-member.ts'

const PARTITIONS = 4
const SESSION = '/v1/session'

let direct: Client
let proxy: CountingProxy
const clients: Client[] = []
beforeAll(() => {
  direct = connect({ url: sharedServerUrl(), transport: 'fetch' })
})
beforeEach(async () => {
  proxy = await CountingProxy.start(sharedServerUrl())
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  await proxy.close()
})
afterAll(() => direct.close())

function newClient(options: Partial<ClientOptions> = {}): Client {
  const client = connect({ url: proxy.url, ...options })
  clients.push(client)
  return client
}

async function newTopic(partitions = PARTITIONS): Promise<string> {
  const topic = uniqueName('session-consumer')
  await direct.admin.createTopic(topic, { partitions })
  return topic
}

/** Long enough for a busy machine; a member sends nine heartbeats in it. */
const SESSION_TIMEOUT_MS = 5_000

interface RunningOptions extends Partial<ClientOptions> {
  readonly sessionTimeoutMs?: number
}

/** Starts a member that handles what it gets. */
async function startRunning(groupId: string, options: RunningOptions = {}) {
  const seen: Seen[] = []
  const { url = proxy.url, sessionTimeoutMs = SESSION_TIMEOUT_MS, ...clientOptions } = options
  const member = await startMember(
    url,
    { groupId, transport: 'auto', sessionTimeoutMs, autoCommitIntervalMs: 50 },
    // Replaces the function that counts requests, with which sessions are off.
    { fetch: (input, init) => fetch(input, init), WebSocket: WebSocket as never, ...clientOptions },
  )
  clients.push(member.client)
  const running = collect(member.consumer, seen)
  return { member, seen, running }
}

/** Stores `count` records in each partition, and waits until the member has committed all up to `end`. */
async function handleAll(topic: string, seen: readonly Seen[], from: number, end: number) {
  for (const partition of range(0, PARTITIONS)) await produce(direct, topic, partition, from, end)
  await expect.poll(() => new Set(keysOf(seen)).size).toBe(end * PARTITIONS)
  const committed = Object.fromEntries(range(0, PARTITIONS).map((partition) => [partition, end]))
  await expect.poll(() => committedOffsets(sharedServerUrl(), topic)).toEqual(committed)
}

function lostOf({ changes }: Member) {
  return changes.flatMap(({ lost }) => lost)
}

/** Waits until a member without heartbeats would be removed. */
async function forSession(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, SESSION_TIMEOUT_MS + 500))
}

describe('a member of a group', () => {
  test('joins, tails, fetches, commits and sends heartbeats over one session', async () => {
    const topic = await newTopic()
    const { member, seen } = await startRunning(topic)
    await handleAll(topic, seen, 0, 10)
    await expect.poll(() => proxy.opened).toEqual([SESSION])
    const before = proxy.requests.length
    await handleAll(topic, seen, 10, 40)
    await forSession()
    expect(proxy.requests.slice(before)).toEqual([])
    expect(keysOf(seen)).toHaveLength(40 * PARTITIONS)
    expect(lostOf(member)).toEqual([])
    await member.client.close()
    // The leave goes over the session too.
    expect(proxy.requests.slice(before)).toEqual([])
    await expect.poll(async () => (await direct.group(topic).describe()).members).toEqual([])
  })

  test('makes over a session a tenth of the requests that it makes without one', async () => {
    const counts: number[] = []
    let heartbeatsMs = 0
    for (const transport of ['fetch', 'auto'] as const) {
      const topic = await newTopic()
      const { member, seen } = await startRunning(topic, { transport, sessionTimeoutMs: 1_000 })
      await handleAll(topic, seen, 0, 20)
      // Until the session is open, which may take long on a busy machine, it makes requests.
      if (transport === 'auto') await expect.poll(() => proxy.opened).toContain(SESSION)
      const before = proxy.requests.length
      const sinceMs = performance.now()
      if (transport === 'auto') await new Promise((resolve) => setTimeout(resolve, heartbeatsMs))
      else await expect.poll(() => proxy.countOf('/heartbeat')).toBeGreaterThan(30)
      heartbeatsMs = performance.now() - sinceMs
      await member.client.close()
      counts.push(proxy.requests.length - before)
    }
    console.log(`requests with fetch, and over a session: ${counts}`)
    const [byFetch = 0, bySession = 0] = counts
    expect(bySession).toBeLessThan(byFetch / 10)
  })

  test('keeps its assignment and its place when the session is cut again and again', async () => {
    const topic = await newTopic()
    const { member, seen } = await startRunning(topic, { transport: 'session' })
    await handleAll(topic, seen, 0, 5)
    for (const round of range(1, 8)) {
      proxy.cutSockets()
      await handleAll(topic, seen, round * 5, round * 5 + 5)
    }
    expect(proxy.opened.length).toBeGreaterThan(4)
    expect(lostOf(member)).toEqual([])
    expect(member.changes).toHaveLength(1)
    for (const partition of range(0, PARTITIONS)) {
      const own = seen.filter((record) => record.partition === partition)
      expect(own.map(({ offset }) => offset)).toEqual(range(0, 40))
    }
  })

  test('goes on by requests without sockets, and keeps its assignment', async () => {
    const topic = await newTopic()
    proxy.isRefusing = true
    const { member, seen } = await startRunning(topic)
    await handleAll(topic, seen, 0, 5)
    await expect.poll(() => proxy.countOf('/heartbeat')).toBeGreaterThan(10)
    expect(proxy.opened).toEqual([])
    expect(lostOf(member)).toEqual([])
  })

  test('sends its heartbeats as requests when the session freezes', async () => {
    const topic = await newTopic()
    const { member, seen } = await startRunning(topic)
    await handleAll(topic, seen, 0, 5)
    await expect.poll(() => proxy.opened).toEqual([SESSION])
    const before = proxy.countOf('/heartbeat')
    // Without this the member would use another session.
    proxy.isRefusing = true
    proxy.freezeSockets()
    await expect.poll(() => proxy.countOf('/heartbeat')).toBeGreaterThan(before)
    await handleAll(topic, seen, 5, 10)
    expect(lostOf(member)).toEqual([])
  })

  test('sends its heartbeats over the session beside a consumer that reads nothing', async () => {
    const topic = await newTopic()
    const bigPartitions = 8
    const big = await newTopic(bigPartitions)
    const { member, seen } = await startRunning(topic)
    await handleAll(topic, seen, 0, 5)
    const slow = await member.client.consumer({ topics: [big], from: 'earliest' })
    const offsets = () => slow.assignment.filter(({ offset }) => offset === 0)
    await expect.poll(() => offsets().length).toBe(bigPartitions)
    await expect.poll(() => proxy.opened).toEqual([SESSION])
    const value = new Uint8Array(900_000)
    for (const partition of range(0, bigPartitions)) await direct.send(big, { value, partition })
    // More than a session sends before the client shows that it has consumed something.
    await expect.poll(() => slow.bufferedBytes).toBeGreaterThan(SESSION_WINDOW_BYTES)
    const before = proxy.requests.length
    await handleAll(topic, seen, 5, 20)
    await forSession()
    expect(proxy.requests.slice(before)).toEqual([])
    expect(proxy.opened).toEqual([SESSION])
    expect(lostOf(member)).toEqual([])
    let count = 0
    for await (const batch of slow) {
      count += batch.records.length
      if (count === bigPartitions) break
    }
  })

  test('opens no session with the transport fetch, and none for one poll of a group', async () => {
    const topic = await newTopic()
    const { seen } = await startRunning(topic, { transport: 'fetch' })
    await handleAll(topic, seen, 0, 5)
    expect(proxy.opened).not.toContain(SESSION)
    const other = uniqueName('polled')
    const opened = proxy.opened.length
    const { records, commit } = await newClient()
      .group(other)
      .poll({ topics: [topic], from: 'earliest' })
    expect(records).toHaveLength(5 * PARTITIONS)
    await commit()
    expect(proxy.opened).toHaveLength(opened)
  })
})

describe('a consumer', () => {
  test('tails over the session of a producer', async () => {
    const topic = await newTopic(1)
    const client = newClient()
    const consumer = await client.consumer({ topics: [topic], from: 'earliest' })
    const read: number[] = []
    const reading = (async () => {
      for await (const { valueText } of consumer.records()) {
        read.push(Number(valueText))
        if (read.length === 1_000) return
      }
    })()
    const producer = client.createProducer({ lingerMs: 0, batchBytesMax: 500 })
    await Promise.all(range(0, 1_000).map((value) => producer.send(topic, { value: `${value}` })))
    await reading
    expect(read).toEqual(range(0, 1_000))
    expect(proxy.opened).toEqual([SESSION])
  })

  test('reads each record once and in order over sessions that are cut', async () => {
    const topic = await newTopic(1)
    const client = newClient({ transport: 'session' })
    const consumer = await client.consumer({ topics: [topic], from: 'earliest' })
    const cutting = setInterval(() => proxy.cutSockets(), 150)
    const producer = direct.createProducer({ lingerMs: 0, batchBytesMax: 5_000 })
    const sending = (async () => {
      for (const round of range(0, 60)) {
        const values = range(round * 20, round * 20 + 20)
        await Promise.all(values.map((value) => producer.send(topic, { value: `${value}` })))
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    })()
    const read: number[] = []
    for await (const { valueText } of consumer.records()) {
      read.push(Number(valueText))
      if (read.length === 1_200) break
    }
    clearInterval(cutting)
    await sending
    expect(read).toEqual(range(0, 1_200))
    expect(proxy.opened.length).toBeGreaterThan(3)
  })

  test('uses a socket of its own for its tail while sessions are avoided', async () => {
    const topic = await newTopic(1)
    class OldServer extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url.replace('/v1/session', '/v1/not-there'), protocols)
      }
    }
    const client = newClient({ WebSocket: OldServer as never })
    const consumer = await client.consumer({ topics: [topic], from: 'earliest' })
    const reading = consumer.records().next()
    await expect.poll(() => proxy.opened).toEqual(['/v1/not-there', '/v1/tail'])
    await produce(direct, topic, 0, 0, 1)
    expect((await reading).value?.valueText).toBe('0')
  })
})

test('a member over sessions handles each record while its server is killed and comes back', async () => {
  const server = await ServerProcess.start()
  const log = connect({ url: server.url, transport: 'fetch' })
  const groupId = 'killed'
  try {
    await log.admin.createTopic(groupId, { partitions: PARTITIONS })
    const { member, seen } = await startRunning(groupId, { transport: 'session', url: server.url })
    for (const round of range(0, 4)) {
      for (const partition of range(0, PARTITIONS)) {
        await produce(log, groupId, partition, round * 10, round * 10 + 10)
      }
      const size = (round + 1) * 10 * PARTITIONS
      await expect.poll(() => new Set(keysOf(seen)).size).toBe(size)
      if (round === 3) break
      await server.kill()
      await server.start()
    }
    await member.client.close()
    expect(await committedOffsets(server.url, groupId)).toEqual({ 0: 40, 1: 40, 2: 40, 3: 40 })
  } finally {
    await log.close()
    await server.stop()
  }
})
