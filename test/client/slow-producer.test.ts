/** The producer on slow lines, and on failing ones. With a manual clock. */
import { describe, expect, test } from 'vitest'
import { connect, type ProducerOptions } from '../../client/index.ts'
import { Random } from '../support/random.ts'
import { FakeServer } from './fake-server.ts'
import { ManualClock } from './manual-clock.ts'
import { SlowLine } from './slow-line.ts'

const KBIT_PER_S = 1_000 / 8
const FAST = 100_000 * KBIT_PER_S

function setUp(bytesPerSecond: number, { partitions = 1, ...options }: SetUp = {}) {
  const server = new FakeServer()
  server.partitions = partitions
  const clock = new ManualClock()
  const line = new SlowLine(clock, bytesPerSecond)
  const random = new Random(11)
  const log = connect({
    url: 'http://fake',
    fetch: line.slowed(server.fetch),
    clock,
    random: () => random.next(),
  })
  return { server, line, clock, log, producer: log.createProducer(options) }
}

type SetUp = ProducerOptions & { readonly partitions?: number }

/** Creates records of 1 kB, about `bytes` in total. */
function records(bytes: number, partition?: number) {
  const value = 'x'.repeat(980)
  return Array.from({ length: Math.round(bytes / 1_000) }, () => ({ value, partition }))
}

describe('a slow line', { timeout: 240_000 }, () => {
  test.each([
    { name: '0.4 MB at 20 kbit/s', bytes: 400_000, kbit: 20, partitions: 1 },
    { name: '0.4 MB to ten partitions at 20 kbit/s', bytes: 400_000, kbit: 20, partitions: 10 },
    { name: '0.4 MB at 50 kbit/s', bytes: 400_000, kbit: 50, partitions: 1 },
    { name: '5.9 MB at 400 kbit/s', bytes: 5_900_000, kbit: 400, partitions: 4 },
    { name: '20 MB at 2 Mbit/s', bytes: 20_000_000, kbit: 2_000, partitions: 3 },
  ])('drains $name with less than 1.3 times its bytes', async ({ bytes, kbit, partitions }) => {
    const { line, producer, server } = setUp(kbit * KBIT_PER_S, { partitions })
    const given = records(bytes)
    const sent = producer.sendBatch('t', given)
    await line.until(sent)
    expect(await sent).toHaveLength(given.length)
    expect(server.produced.flatMap(({ values }) => values)).toHaveLength(given.length)
    expect(line.sentBytes).toBeLessThan(1.3 * bytes)
  })

  test('sends a batch of 1 MB at 20 kbit/s in one request', async () => {
    const { line, producer } = setUp(20 * KBIT_PER_S)
    const sent = producer.send('t', { value: 'x'.repeat(1_000_000) })
    await line.until(sent)
    await sent
    expect(line.sizes).toHaveLength(1)
  })

  test('delivers everything when it becomes slow with requests in flight', async () => {
    const { line, producer } = setUp(FAST)
    await line.until(producer.sendBatch('t', records(10_000_000)))
    line.bytesPerSecond = 20 * KBIT_PER_S
    line.sentBytes = 0
    const sent = producer.sendBatch('t', records(2_000_000))
    await line.until(sent)
    await sent
    expect(line.sentBytes).toBeLessThan(1.3 * 2_000_000)
  })

  test('carries the bytes in flight within some seconds', async () => {
    const { line, producer } = setUp(100 * KBIT_PER_S, { batchBytesMax: 16_384, partitions: 8 })
    const sent = producer.sendBatch('t', records(1_000_000))
    await line.until(sent)
    await sent
    expect(Math.max(...line.sizes)).toBeLessThan(20_000)
  })
})

describe('a fast line', { timeout: 240_000 }, () => {
  test('gets full batches after the first request', async () => {
    const { line, producer } = setUp(FAST)
    const sent = producer.sendBatch('t', records(20_000_000))
    await line.until(sent)
    await sent
    // 39 of 512 KiB would be enough.
    expect(line.sizes.length).toBeLessThan(45)
  })

  test('carries five batches of a partition at a time', async () => {
    const { line, producer, server, clock } = setUp(FAST)
    await line.until(producer.sendBatch('t', records(2_000_000)))
    let open = () => {}
    server.gate = new Promise((resolve) => {
      open = resolve
    })
    line.sizes.length = 0
    const sent = producer.sendBatch('t', records(5_000_000))
    await line.until(new Promise<void>((resolve) => clock.setTimeout(resolve, 5_000)))
    expect(line.sizes).toHaveLength(5)
    open()
    await line.until(sent)
    await sent
  })
})

describe('a given-up record', { timeout: 240_000 }, () => {
  test('rejects after 120 s of silence, with few bytes sent again', async () => {
    const { line, producer } = setUp(FAST)
    await line.until(producer.sendBatch('t', records(100_000)))
    line.bytesPerSecond = 0
    const sent = producer.send('t', { value: 'x' })
    sent.catch(() => undefined)
    const elapsedMs = await line.until(sent)
    await expect(sent).rejects.toMatchObject({ code: 'unavailable' })
    expect(elapsedMs).toBeGreaterThanOrEqual(119_000)
    expect(elapsedMs).toBeLessThan(160_000)
  })

  test('rejects in a failing partition while others acknowledge', async () => {
    const { line, producer, server } = setUp(FAST, { partitions: 2 })
    server.refuse = ({ pathname }, method) =>
      method === 'POST' && pathname.includes('partitions/1/')
        ? new Response('', { status: 503 })
        : undefined
    const failing = producer.send('t', { value: 'x', partition: 1 })
    failing.catch(() => undefined)
    let isOver = false
    const others = (async () => {
      while (!isOver) await producer.send('t', { value: 'y', partition: 0 })
    })()
    const elapsedMs = await line.until(failing)
    isOver = true
    await line.until(others)
    await expect(failing).rejects.toMatchObject({ code: 'unavailable' })
    expect(elapsedMs).toBeGreaterThanOrEqual(119_000)
    expect(elapsedMs).toBeLessThan(140_000)
  })

  test('rejects after an explicit deliveryTimeoutMs, counted from send()', async () => {
    const { line, producer } = setUp(20 * KBIT_PER_S, { deliveryTimeoutMs: 20_000 })
    const sent = Promise.allSettled(records(200_000).map((record) => producer.send('t', record)))
    const elapsedMs = await line.until(sent)
    const results = await sent
    expect(elapsedMs).toBeLessThan(25_000)
    expect(results[0]).toMatchObject({ status: 'fulfilled' })
    expect(results.at(-1)).toMatchObject({ status: 'rejected' })
  })
})
