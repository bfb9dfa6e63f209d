/** The guarantees of the producer over sessions that are cut, replaced, and killed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket as WsWebSocket } from 'ws'
import { type Client, connect, type RecordMetadata } from '../../client/index.ts'
import { ServerProcess } from '../server/server-process.ts'
import { sharedServerUrl, uniqueName } from '../server/shared-server.ts'
import { Random } from '../support/random.ts'
import { TEST_SEED } from '../support/seed.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import { readTopic } from './read-topic.ts'

const PARTITIONS = 2
const HASTY = { retryBackoffMs: 10, retryBackoffMsMax: 100, lingerMs: 0 }

let direct: Client
let proxy: CuttingProxy
beforeAll(async () => {
  const seeded = new Random(TEST_SEED)
  direct = connect({ url: sharedServerUrl(), transport: 'fetch' })
  proxy = await CuttingProxy.start(sharedServerUrl(), () => seeded.next())
})
afterAll(async () => {
  await direct.close()
  await proxy.close()
})

/** Sends numbers to the partitions of a topic in turn, some at a time, and closes the producer. */
async function sendNumbers(log: Client, topic: string, count: number, options = {}) {
  const producer = log.createProducer({ ...HASTY, batchBytesMax: 400, ...options })
  const sent: Array<Promise<RecordMetadata>> = []
  for (let number = 0; number < count; number++) {
    sent.push(producer.send(topic, { value: `${number}`, partition: number % PARTITIONS }))
    if (number % 20 === 0) await sleep(1)
  }
  const responses = await Promise.all(sent)
  await producer.close()
  return responses
}

/** Checks that each partition has its numbers once and in order, at the offsets of the responses. */
async function expectAll(log: Client, topic: string, responses: readonly RecordMetadata[]) {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const read = await readTopic(log, topic, partition)
    const numbers = Array.from(
      { length: responses.length / PARTITIONS },
      (_, index) => index * PARTITIONS + partition,
    )
    expect(read.map(({ valueText }) => Number(valueText))).toEqual(numbers)
    const own = responses.filter((response) => response.partition === partition)
    // -1: stored, and its offset forgotten.
    for (const [index, { offset }] of own.entries()) {
      if (offset !== -1) expect(offset).toBe(read[index]?.offset)
    }
  }
}

async function newTopic(): Promise<string> {
  const name = uniqueName('session-delivery')
  await direct.admin.createTopic(name, { partitions: PARTITIONS })
  return name
}

/** Counts the sockets that a client opens. */
function countingWebSocket() {
  const sockets: WebSocket[] = []
  class Counted extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols)
      sockets.push(this)
    }
  }
  return { sockets, WebSocket: Counted as never }
}

describe(`a producer (TEST_SEED=${TEST_SEED})`, () => {
  test('sends over one session when it sends much, and by requests when it does not', async () => {
    const topic = await newTopic()
    const { sockets, WebSocket } = countingWebSocket()
    let requests = 0
    const fetchCounted: typeof fetch = (input, init) => {
      if (init?.method === 'POST') requests += 1
      return fetch(input, init)
    }
    const log = connect({ url: sharedServerUrl(), WebSocket, fetch: fetchCounted as never })
    for (let number = 0; number < 5; number++) {
      await log.send(topic, { value: 'x', partition: 0 })
    }
    expect([sockets.length, requests]).toEqual([0, 5])
    await sendNumbers(log, topic, 2_000)
    await expect.poll(() => sockets.at(-1)?.readyState).toBe(1)
    const requestsBefore = requests
    await sendNumbers(log, topic, 100)
    expect(requests).toBe(requestsBefore)
    await log.close()
    await expect.poll(() => sockets.at(-1)?.readyState).toBe(3)
  })

  test('stores each record once and in order over sessions that are cut anywhere', async () => {
    const topic = await newTopic()
    proxy.cutBytesMax = 5_000
    const log = connect({ url: proxy.url, transport: 'session' })
    const cutsBefore = proxy.cuts
    const responses = await sendNumbers(log, topic, 4_000)
    expect(proxy.cuts - cutsBefore).toBeGreaterThan(0)
    await expectAll(direct, topic, responses)
    await log.close()
  })

  test('stores each record once and in order while it changes between transports', async () => {
    const topic = await newTopic()
    proxy.cutBytesMax = 20_000
    // A session that is cut before its first response is avoided; the clock lets the minute pass.
    const startedAtMs = Date.now()
    const clock = {
      now: () => startedAtMs + (Date.now() - startedAtMs) * 100,
      setTimeout: (work: () => void, delayMs: number) => setTimeout(work, delayMs),
      clearTimeout: (timer: unknown) => clearTimeout(timer as never),
    }
    const log = connect({ url: proxy.url, transport: 'auto', clock })
    const responses = await sendNumbers(log, topic, 4_000, { deliveryTimeoutMs: 100_000_000 })
    await expectAll(direct, topic, responses)
    await log.close()
  })

  test('continues over another session when the server asks for one', async () => {
    const server = await ServerProcess.start({ sessionCallsMax: 4 })
    const { sockets, WebSocket } = countingWebSocket()
    const log = connect({ url: server.url, transport: 'session', WebSocket })
    try {
      await log.admin.createTopic('t', { partitions: PARTITIONS })
      const responses = await sendNumbers(log, 't', 2_000)
      await expectAll(log, 't', responses)
      expect(sockets.length).toBeGreaterThan(2)
      // The old sessions end by themselves, after their last response.
      await expect
        .poll(() => sockets.filter(({ readyState }) => readyState !== 3).length)
        .toBeLessThan(2)
    } finally {
      await log.close()
      await server.stop()
    }
  })

  test('loses and doubles nothing when the server is killed and comes back', async () => {
    const server = await ServerProcess.start()
    const log = connect({ url: server.url, transport: 'session' })
    try {
      await log.admin.createTopic('t', { partitions: PARTITIONS })
      let isDone = false
      const kills = (async () => {
        for (let kill = 0; kill < 3 && !isDone; kill++) {
          await sleep(150)
          await server.kill()
          await server.start()
        }
      })()
      const responses = await sendNumbers(log, 't', 20_000)
      isDone = true
      await kills
      await expectAll(log, 't', responses)
    } finally {
      await log.close()
      await server.stop()
    }
  })

  test('sends over a session of the package ws, for versions of Node without a WebSocket', async () => {
    const topic = await newTopic()
    const log = connect({ url: sharedServerUrl(), transport: 'session', WebSocket: WsWebSocket })
    const responses = await sendNumbers(log, topic, 1_000)
    await expectAll(direct, topic, responses)
    await log.close()
  })

  test('without WebSockets on the way sends by requests', async () => {
    const topic = await newTopic()
    const { sockets, WebSocket } = countingWebSocket()
    // Every socket gets an address at which nothing listens.
    class Blocked extends (WebSocket as typeof globalThis.WebSocket) {
      constructor(_url: string, protocols: string[]) {
        super('ws://127.0.0.1:1/', protocols)
      }
    }
    const log = connect({ url: sharedServerUrl(), WebSocket: Blocked as never })
    const responses = await sendNumbers(log, topic, 2_000)
    expect(sockets.length).toBe(1)
    await expectAll(direct, topic, responses)
    await log.close()
  })
})

test('connect() rejects a transport that is not one, and a session without WebSockets', () => {
  const url = sharedServerUrl()
  expect(() => connect({ url, transport: 'carrier pigeon' as never })).toThrow('transport')
  expect(() => connect({ url, transport: 'session', WebSocket: null })).toThrow('WebSocket')
  connect({ url, transport: 'auto', WebSocket: null })
})
