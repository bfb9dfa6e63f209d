/** Members of a group against the real server: who has what, and that no record is left out. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  type AssignmentChange,
  type Client,
  type ConsumerBatch,
  connect,
  type GroupConsumer,
  type GroupConsumerOptions,
  type LagReport,
} from '../../client/index.ts'
import { startTestServer, type TestServer } from './test-server.ts'

let server: TestServer
let log: Client
const clients: Client[] = []

beforeAll(async () => {
  server = await startTestServer()
  log = connect({ url: server.url })
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
})

afterAll(async () => {
  await log.close()
  await server.remove()
})

const LONG = { timeout: 20_000, interval: 20 }

/** A member with a connection of its own, whose network can be cut. */
function member(options: Partial<GroupConsumerOptions> & { groupId: string }) {
  const network = { isCut: false, calls: [] as string[] }
  const cut = new AbortController()
  const client = connect({
    url: server.url,
    fetch: (input, init) => {
      network.calls.push(`${init?.method} ${input}`)
      const signal = AbortSignal.any([cut.signal, ...(init?.signal ? [init.signal] : [])])
      return network.isCut ? Promise.reject(new TypeError('cut')) : fetch(input, { ...init, signal })
    },
  })
  clients.push(client)
  const consumer = client.consumer({
    from: 'earliest',
    sessionTimeoutMs: 2_000,
    transport: 'long-poll',
    ...(options.topicPattern === undefined && { topics: [options.groupId] }),
    ...options,
  })
  const changes: AssignmentChange[] = []
  consumer.addEventListener('assignment', (event) => {
    changes.push((event as CustomEvent<AssignmentChange>).detail)
  })
  const kill = () => {
    network.isCut = true
    cut.abort()
  }
  return { consumer, changes, network, kill }
}

interface Seen {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly value: string | null
}

/** Runs until it is closed, and remembers what it was handed. */
function collect(consumer: GroupConsumer, seen: Seen[], concurrency = 1): Promise<void> {
  return consumer.run(async (batch) => void seen.push(...recordsOf(batch)), { concurrency })
}

function recordsOf({ records }: ConsumerBatch): Seen[] {
  return records.map(({ topic, partition, offset, valueText: value }) => {
    return { topic, partition, offset, value }
  })
}

async function produce(topic: string, partition: number, from: number, to: number): Promise<void> {
  const values = Array.from({ length: to - from }, (_, index) => ({
    value: `${partition}:${from + index}`,
    partition,
  }))
  const producer = log.producer({ lingerMs: 0 })
  await producer.sendBatch(topic, values)
  await producer.close()
}

async function committed(groupId: string): Promise<Record<string, number>> {
  const response = await fetch(`${server.url}/v1/groups/${groupId}/offsets`)
  if (!response.ok) return {}
  const { offsets } = (await response.json()) as {
    offsets: Array<{ topic: string; partition: number; offset: number }>
  }
  return Object.fromEntries(
    offsets.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]),
  )
}

async function memberCount(groupId: string): Promise<number> {
  const response = await fetch(`${server.url}/v1/groups/${groupId}?lag=false`)
  return response.ok ? ((await response.json()) as { memberCount: number }).memberCount : 0
}

function partitionsOf({ consumer }: { consumer: GroupConsumer }): number[] {
  return consumer.assignment.map(({ partition }) => partition).toSorted((a, b) => a - b)
}

function keysOf(seen: readonly Seen[]): string[] {
  return seen.map(({ partition, offset }) => `${partition}:${offset}`)
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

describe('a group', () => {
  test('shares partitions, hands each record to one member, and goes on where it left off', async () => {
    const groupId = 'shared'
    await log.admin.createTopic(groupId, { partitions: 4 })
    for (const partition of range(0, 4)) await produce(groupId, partition, 0, 50)
    const seen: Seen[] = []
    const one = member({ groupId })
    const other = member({ groupId })
    const running = [collect(one.consumer, seen), collect(other.consumer, seen, 2)]
    await vi.waitFor(() => {
      expect(partitionsOf(one)).toHaveLength(2)
      expect(partitionsOf(other)).toHaveLength(2)
      expect(new Set(keysOf(seen)).size).toBe(200)
    }, LONG)
    for (const partition of range(0, 4)) await produce(groupId, partition, 50, 100)
    await vi.waitFor(() => expect(new Set(keysOf(seen)).size).toBe(400), LONG)
    await one.consumer.close()
    await other.consumer.close()
    await Promise.all(running)
    // Partitions moved while they were read, and were given up in order: nothing came twice.
    expect(seen).toHaveLength(400)
    expect(await memberCount(groupId)).toBe(0)
    expect(Object.values(await committed(groupId))).toEqual([100, 100, 100, 100])

    await produce(groupId, 2, 100, 110)
    const third = member({ groupId })
    const resumed: Seen[] = []
    void collect(third.consumer, resumed)
    await vi.waitFor(() => expect(resumed).toHaveLength(10), LONG)
    expect(keysOf(resumed)).toEqual(range(100, 110).map((offset) => `2:${offset}`))
  })
})
