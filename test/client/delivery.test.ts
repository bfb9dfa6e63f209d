/** The guarantees of the producer over a faulty network. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, connect, type RecordMetadata } from '../../client/index.ts'
import { sharedServerUrl } from '../server/shared-server.ts'
import { Random } from '../support/random.ts'
import { TEST_SEED } from '../support/seed.ts'
import { type LossyProxy, startLossyProxy } from './lossy-proxy.ts'
import { readTopic } from './read-topic.ts'

let proxy: LossyProxy
let direct: Client
let lossy: Client
/** A client with short delays. */
let hasty: Client

beforeAll(async () => {
  const seeded = new Random(TEST_SEED)
  const random = () => seeded.next()
  proxy = await startLossyProxy(sharedServerUrl(), random)
  direct = connect({ url: sharedServerUrl() })
  lossy = connect({ url: proxy.url, random })
  hasty = connect({ url: proxy.url, random: () => random() / 100 })
})

afterAll(async () => {
  await lossy.close()
  await hasty.close()
  await direct.close()
  await proxy.close()
})

function isProduce(call: { method?: string | undefined }): boolean {
  return call.method === 'POST'
}

describe(`a producer (TEST_SEED=${TEST_SEED})`, () => {
  test('stores each acknowledged record once and in order, whatever requests are lost', async () => {
    await direct.admin.createTopic('lossy', { partitions: 2 })
    proxy.faults = { matches: isProduce, percent: 30, delayMsMax: 30 }
    const producer = lossy.createProducer({
      batchBytesMax: 500,
      retryBackoffMs: 10,
      retryBackoffMsMax: 100,
    })
    const sent: Array<Promise<RecordMetadata>> = []
    for (let index = 0; index < 4_000; index++) {
      sent.push(producer.send('lossy', { value: `${index}`, partition: index % 2 }))
    }
    const responses = await Promise.all(sent)
    await producer.close()
    expect(proxy.harmed).toBeGreaterThan(0)
    for (const partition of [0, 1]) {
      const read = await readTopic(direct, 'lossy', partition)
      expect(read.map(({ valueText }) => Number(valueText))).toEqual(
        Array.from({ length: 2_000 }, (_, index) => index * 2 + partition),
      )
      const own = responses.filter((response) => response.partition === partition)
      expect(own.map(({ offset }) => offset)).toEqual(read.map(({ offset }) => offset))
    }
  })

  test.each([0, 20])(
    'continues in order after a rejected batch, with %i of 100 calls lost',
    async (percent) => {
      const topic = `refusing-${percent}`
      await direct.admin.createTopic(topic, { config: { 'max.message.bytes': 2_000 } })
      proxy.faults = { matches: isProduce, percent, delayMsMax: 20 }
      const producer = lossy.createProducer({
        batchBytesMax: 500,
        retryBackoffMs: 10,
        retryBackoffMsMax: 100,
      })
      const values = Array.from({ length: 600 }, (_, index) =>
        `${index}`.padEnd(index % 97 === 50 ? 5_000 : 40),
      )
      const isTooLarge = (value: string) => value.length === 5_000
      const results = await Promise.allSettled(
        values.map((value) => producer.send(topic, { value })),
      )
      await producer.close()
      const stored = (await readTopic(direct, topic, 0)).map(({ valueText }) => valueText ?? '')
      const isIn = new Set(stored)
      expect(stored).toEqual(values.filter((value) => isIn.has(value)))
      for (const [index, result] of results.entries()) {
        const value = values[index] ?? ''
        if (result.status === 'fulfilled') expect(stored[result.value.offset]).toBe(value)
        else if (isTooLarge(value)) {
          const codes = percent === 0 ? ['message_too_large'] : ['message_too_large', 'unavailable']
          expect(codes).toContain(result.reason.code)
        } else {
          // Its response was lost behind a rejected batch, so it may be stored or not.
          expect(percent, `record ${index}`).toBeGreaterThan(0)
          expect(result.reason.code).toBe('unavailable')
        }
      }
      expect(stored.some(isTooLarge)).toBe(false)
      expect(stored.length).toBeGreaterThan(400)
    },
  )

  test('delivers each record once to a consumer, whatever requests are lost', async () => {
    await direct.admin.createTopic('lossy-reads')
    await direct.createProducer({ batchBytesMax: 500 }).sendBatch(
      'lossy-reads',
      Array.from({ length: 3_000 }, (_, index) => ({ value: `${index}` })),
    )
    const harmedBefore = proxy.harmed
    proxy.faults = {
      matches: ({ url }) => url?.includes('offset=') ?? false,
      percent: 40,
      delayMsMax: 5,
    }
    const consumer = await hasty.consumer({
      topics: ['lossy-reads'],
      from: 'earliest',
      fetchBytesMax: 2_000,
      transport: 'long-poll',
    })
    const read: number[] = []
    for await (const { offset, valueText } of consumer.records()) {
      expect(offset).toBe(Number(valueText))
      read.push(offset)
      if (read.length === 3_000) break
    }
    await consumer.close()
    expect(read).toEqual(Array.from({ length: 3_000 }, (_, index) => index))
    expect(proxy.harmed - harmedBefore).toBeGreaterThan(0)
  })

  test('keeps the order without idempotence', async () => {
    await direct.admin.createTopic('plain')
    proxy.faults = { matches: isProduce, percent: 20, delayMsMax: 10 }
    const producer = lossy.createProducer({
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

  test('gives up at the delivery time-out, and continues when the server is back', async () => {
    await direct.admin.createTopic('timeout')
    proxy.faults = undefined
    const producer = lossy.createProducer({
      // Long enough for the records before and after on a busy machine.
      deliveryTimeoutMs: 3_000,
      retryBackoffMs: 10,
      lingerMs: 0,
    })
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
