/** What a producer promises, over a network that breaks every promise. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, connect, type RecordMetadata } from '../../client/index.ts'
import { TEST_SEED } from '../core/seed.ts'
import { type LossyProxy, startLossyProxy } from './lossy-proxy.ts'
import { readTopic } from './read-topic.ts'
import { seededRandom } from './seeded-random.ts'
import { startTestServer, type TestServer } from './test-server.ts'

let server: TestServer
let proxy: LossyProxy
let direct: Client
let lossy: Client

beforeAll(async () => {
  server = await startTestServer()
  const random = seededRandom(TEST_SEED)
  proxy = await startLossyProxy(server.url, random)
  direct = connect({ url: server.url })
  lossy = connect({ url: proxy.url, random })
})

afterAll(async () => {
  await lossy.close()
  await direct.close()
  await proxy.close()
  await server.remove()
})

function isProduce(call: { method?: string | undefined }): boolean {
  return call.method === 'POST'
}

describe(`a producer (TEST_SEED=${TEST_SEED})`, () => {
  test('stores each acknowledged record once and in order, whatever is lost', async () => {
    await direct.admin.createTopic('lossy', { partitions: 2 })
    proxy.faults = { matches: isProduce, percent: 30, delayMsMax: 30 }
    const producer = lossy.producer({
      batchBytesMax: 500,
      retryBackoffMs: 10,
      retryBackoffMsMax: 100,
    })
    const sent: Array<Promise<RecordMetadata>> = []
    for (let index = 0; index < 4_000; index++) {
      sent.push(producer.send('lossy', { value: `${index}`, partition: index % 2 }))
    }
    const answers = await Promise.all(sent)
    await producer.close()
    expect(proxy.harmed).toBeGreaterThan(10)
    for (const partition of [0, 1]) {
      const read = await readTopic(direct, 'lossy', partition)
      expect(read.map(({ valueText }) => Number(valueText))).toEqual(
        Array.from({ length: 2_000 }, (_, index) => index * 2 + partition),
      )
      const own = answers.filter((answer) => answer.partition === partition)
      expect(own.map(({ offset }) => offset)).toEqual(read.map(({ offset }) => offset))
    }
  })

  test('goes on in order after a batch in the middle was refused', async () => {
    await direct.admin.createTopic('refusing', { config: { 'max.message.bytes': 2_000 } })
    proxy.faults = { matches: isProduce, percent: 20, delayMsMax: 20 }
    const producer = lossy.producer({
      batchBytesMax: 500,
      retryBackoffMs: 10,
      retryBackoffMsMax: 100,
    })
    const values = Array.from({ length: 600 }, (_, index) =>
      index % 97 === 50 ? `${index}`.padEnd(5_000) : `${index}`.padEnd(40),
    )
    const outcomes = await Promise.allSettled(
      values.map((value) => producer.send('refusing', { value })),
    )
    await producer.close()
    const stored = (await readTopic(direct, 'refusing', 0)).map(({ valueText }) => valueText)
    expect(stored).toEqual(values.filter((value) => value.length < 5_000))
    for (const [index, outcome] of outcomes.entries()) {
      const isStored = (values[index]?.length ?? 0) < 5_000
      expect(outcome.status, `record ${index}`).toBe(isStored ? 'fulfilled' : 'rejected')
      if (outcome.status === 'rejected') {
        expect(['message_too_large', 'unavailable']).toContain(outcome.reason.code)
      }
    }
  })

  test('without idempotence still keeps the order', async () => {
    await direct.admin.createTopic('plain')
    proxy.faults = { matches: isProduce, percent: 20, delayMsMax: 10 }
    const producer = lossy.producer({
      batchBytesMax: 1_000,
      isIdempotent: false,
      retryBackoffMs: 5,
    })
    await producer.sendBatch(
      'plain',
      Array.from({ length: 1_000 }, (_, index) => ({ value: `${index}` })),
    )
    await producer.close()
    const read = (await readTopic(direct, 'plain', 0)).map(({ valueText }) => Number(valueText))
    const firsts = [...new Set(read)]
    expect(firsts).toEqual(Array.from({ length: 1_000 }, (_, index) => index))
  })

  test('gives up at the delivery timeout and goes on when the server is back', async () => {
    await direct.admin.createTopic('timeout')
    proxy.faults = undefined
    const producer = lossy.producer({ deliveryTimeoutMs: 300, retryBackoffMs: 10, lingerMs: 0 })
    await producer.send('timeout', { value: 'before' })
    proxy.faults = { matches: isProduce, percent: 0, delayMsMax: 0 }
    const fateful = proxy.faults
    proxy.faults = { ...fateful, percent: 100 }
    const lost = await producer.send('timeout', { value: 'lost' }).catch((error) => error)
    expect(lost).toMatchObject({ code: 'unavailable' })
    proxy.faults = undefined
    const after = await producer.send('timeout', { value: 'after' })
    const read = (await readTopic(direct, 'timeout', 0)).map(({ valueText }) => valueText)
    expect(read.at(-1)).toBe('after')
    expect(read[0]).toBe('before')
    expect(after.offset).toBe(read.length - 1)
    expect(read.filter((value) => value === 'lost').length).toBeLessThan(2)
  })
})
