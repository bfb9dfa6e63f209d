import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  type Client,
  type Consumer,
  type ConsumerOptions,
  type ConsumerRecord,
  connect,
} from '../../client/index.ts'
import { ServerProcess } from '../server/server-process.ts'

let server: ServerProcess
let log: Client
const consumers: Consumer[] = []

beforeAll(async () => {
  server = await ServerProcess.start({ token: 'top-secret/+?' })
  log = connect({ url: server.url, token: 'top-secret/+?' })
})

afterEach(async () => {
  for (const consumer of consumers.splice(0)) await consumer.close()
})

afterAll(async () => {
  await log.close()
  await server.stop()
})

async function open(options: ConsumerOptions): Promise<Consumer> {
  const consumer = await log.consumer(options)
  consumers.push(consumer)
  return consumer
}

async function produce(topic: string, from: number, to: number, padding = 0): Promise<void> {
  const producer = log.createProducer()
  await producer.sendBatch(
    topic,
    Array.from({ length: to - from }, (_, index) => ({
      value: `${from + index}`.padEnd(padding),
      timestamp: 1_700_000_000_000 + (from + index) * 1_000,
    })),
  )
  await producer.close()
}

async function take(consumer: Consumer, count: number): Promise<ConsumerRecord[]> {
  const records: ConsumerRecord[] = []
  for await (const record of consumer.records()) {
    records.push(record)
    if (records.length === count) break
  }
  return records
}

function numbers(records: readonly ConsumerRecord[]): number[] {
  return records.map(({ valueText }) => Number(valueText))
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

const transports = ['websocket', 'long-poll'] as const

describe.each(transports)('a consumer by %s', (transport) => {
  const name = (text: string) => `${text}-${transport}`

  test('catches up, then follows', async () => {
    const topic = name('follow')
    await log.admin.createTopic(topic, { partitions: 3 })
    await produce(topic, 0, 100)
    const consumer = await open({ topics: [topic], from: 'earliest', transport })
    const caughtUp = await take(consumer, 100)
    expect(numbers(caughtUp).toSorted((a, b) => a - b)).toEqual(range(0, 100))
    const following = take(consumer, 50)
    for (let index = 100; index < 150; index++) await produce(topic, index, index + 1)
    expect(numbers(await following).toSorted((a, b) => a - b)).toEqual(range(100, 150))
  })

  test('starts at the end on request', async () => {
    const topic = name('latest')
    await log.admin.createTopic(topic)
    await produce(topic, 0, 10)
    const consumer = await open({ assignments: [{ topic, partition: 0 }], transport })
    const reading = take(consumer, 5)
    while (consumer.position(topic, 0) === undefined) await new Promise((r) => setTimeout(r, 5))
    expect(consumer.position(topic, 0)).toBe(10)
    await produce(topic, 10, 15)
    expect(numbers(await reading)).toEqual(range(10, 15))
  })

  test('reads at most its buffer ahead of a slow application', async () => {
    const topic = name('slow')
    await log.admin.createTopic(topic)
    const bufferBytesMax = 64 * 1024
    const consumer = await open({
      assignments: [{ topic, partition: 0, offset: 'earliest' }],
      transport,
      bufferBytesMax,
      fetchBytesMax: 16 * 1024,
    })
    const producer = log.createProducer({ batchBytesMax: 4_000, lingerMs: 0 })
    const received: number[] = []
    let aheadMax = 0
    const reading = (async () => {
      for await (const batch of consumer) {
        received.push(...numbers(batch.records))
        if (received.length >= 2_000) return
        await new Promise((resolve) => setTimeout(resolve, 1))
        aheadMax = Math.max(aheadMax, consumer.bufferedBytes)
      }
    })()
    await producer.sendBatch(
      topic,
      range(0, 2_000).map((value) => ({ value: `${value}`.padEnd(1_000) })),
    )
    await reading
    await producer.close()
    expect(received).toEqual(range(0, 2_000))
    // A tail may exceed its credit by one frame of 256 KiB.
    expect(aheadMax).toBeLessThanOrEqual(bufferBytesMax + 256 * 1024)
  })
})

describe('a consumer', () => {
  test('seeks by offset and by time, and returns its position', async () => {
    await log.admin.createTopic('seek')
    await produce('seek', 0, 100)
    const consumer = await open({ assignments: [{ topic: 'seek', partition: 0, offset: 40 }] })
    expect(consumer.position('seek', 0)).toBe(40)
    expect(numbers(await take(consumer, 3))).toEqual([40, 41, 42])
    expect(consumer.position('seek', 0)).toBe(43)
    expect(numbers(await take(consumer, 2))).toEqual([43, 44])
    consumer.seek('seek', 0, 7)
    expect(numbers(await take(consumer, 2))).toEqual([7, 8])
    consumer.seek('seek', 0, { timestamp: 1_700_000_000_000 + 59_001 })
    expect(numbers(await take(consumer, 2))).toEqual([60, 61])
    consumer.seek('seek', 0, 'earliest')
    expect(numbers(await take(consumer, 1))).toEqual([0])
    expect(() => consumer.seek('seek', 1, 0)).toThrow('not assigned')
    for (const offset of [-1, 0.5, Number.NaN]) {
      expect(() => consumer.seek('seek', 0, offset)).toThrow('not a log position')
      const assignments = [{ topic: 'seek', partition: 0, offset }]
      await expect(log.consumer({ assignments })).rejects.toThrow('not a log position')
    }
  })

  test('counts the lag', async () => {
    await log.admin.createTopic('lag')
    await produce('lag', 0, 10)
    const consumer = await open({ topics: ['lag'], from: 'earliest' })
    for await (const batch of consumer) {
      expect(batch).toMatchObject({ topic: 'lag', partition: 0, nextOffset: 10, lag: 0 })
      expect(batch.highWatermark).toBe(10)
      break
    }
  })

  test('pauses and resumes at its position', async () => {
    await log.admin.createTopic('pause')
    await produce('pause', 0, 10)
    const consumer = await open({ assignments: [{ topic: 'pause', partition: 0, offset: 0 }] })
    expect(numbers(await take(consumer, 4))).toEqual([0, 1, 2, 3])
    consumer.pause()
    const reading = take(consumer, 6)
    const first = await Promise.race([
      reading,
      new Promise((resolve) => setTimeout(() => resolve('nothing'), 100)),
    ])
    expect(first).toBe('nothing')
    consumer.resume('pause', 0)
    expect(numbers(await reading)).toEqual(range(4, 10))
  })

  test('applies autoOffsetReset when its position is not in the log', async () => {
    await log.admin.createTopic('reset')
    await produce('reset', 0, 3)
    const assignments = [{ topic: 'reset', partition: 0, offset: 1_000 }]
    const resetting = await open({ assignments, autoOffsetReset: 'earliest' })
    expect(numbers(await take(resetting, 3))).toEqual([0, 1, 2])
    const strict = await open({ assignments, autoOffsetReset: 'error' })
    await expect(take(strict, 1)).rejects.toMatchObject({ code: 'offset_out_of_range' })
  })

  test('throws permanent errors', async () => {
    const missing = await open({ topics: ['missing'], from: 'earliest' })
    await expect(take(missing, 1)).rejects.toMatchObject({ code: 'unknown_topic_or_partition' })
    const stranger = connect({ url: server.url, token: 'wrong' })
    await log.admin.createTopic('guarded')
    const unauthorized = await stranger.consumer({ topics: ['guarded'], from: 'earliest' })
    await expect(take(unauthorized, 1)).rejects.toMatchObject({ code: 'unauthorized' })
    await stranger.close()
  })

  test('ends every iteration when it is closed, or its signal is aborted', async () => {
    await log.admin.createTopic('close')
    const abort = new AbortController()
    const consumer = await open({ topics: ['close'], from: 'earliest', signal: abort.signal })
    const iterations = [take(consumer, 1), take(consumer, 1)]
    setTimeout(() => abort.abort(), 50)
    expect(await Promise.all(iterations)).toEqual([[], []])
    await consumer.close()
  })
})
