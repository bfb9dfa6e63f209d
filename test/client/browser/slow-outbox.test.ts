/** The outbox on slow lines, with a manual clock. */
import { describe, expect, test } from 'vitest'
import { ManualClock } from '../manual-clock.ts'
import { SlowLine } from '../slow-line.ts'
import { FakeLog } from './fake-log.ts'
import { setUpSender } from './sender-for-test.ts'

const TOPIC = 'topic'
const KBIT_PER_S = 1_000 / 8

function setUp(bytesPerSecond: number, partitions: number) {
  const log = new FakeLog()
  log.partitions = partitions
  const clock = new ManualClock()
  const line = new SlowLine(clock, bytesPerSecond)
  const acked = Promise.withResolvers<void>()
  let waitingCount = 0
  const { store, channel, topics, sender, close } = setUpSender(line.slowed(log.fetch), clock)
  channel.listen('acked', ({ acks }) => {
    waitingCount -= acks.reduce((sum, { recordsCount }) => sum + recordsCount, 0)
    if (waitingCount === 0) acked.resolve()
  })
  /** Queues records of 800 bytes, about `bytes` in total, in turn in each partition. */
  const queue = async (bytes: number) => {
    const count = Math.round(bytes / 800)
    const entries = Array.from({ length: count }, (_, index) => {
      const value = new TextEncoder().encode(`${index}`.padEnd(780, 'x'))
      const record = { timestamp: 1, key: null, value, headers: [] }
      return { topic: TOPIC, record, partition: index % partitions }
    })
    waitingCount += count
    await store.enqueue(entries)
    return count
  }
  return { log, line, clock, topics, sender, queue, acked: acked.promise, close }
}

describe('the outbox', { timeout: 240_000 }, () => {
  test.each([
    { bytes: 512_000, kbit: 20, partitions: 1 },
    { bytes: 512_000, kbit: 50, partitions: 4 },
    { bytes: 2_000_000, kbit: 120, partitions: 2 },
  ])(
    'drains $bytes bytes at $kbit kbit/s to $partitions partitions with less than 1.3 times its bytes',
    async (given) => {
      const { log, line, topics, sender, queue, acked, close } = setUp(
        given.kbit * KBIT_PER_S,
        given.partitions,
      )
      await line.until(topics.request(TOPIC))
      const count = await queue(given.bytes)
      sender.start()
      await line.until(acked)
      const stored = Array.from({ length: given.partitions }, (_, index) => log.values(index))
      expect(stored.flat()).toHaveLength(count)
      expect(new Set(stored.flat()).size).toBe(count)
      expect(line.sentBytes).toBeLessThan(1.3 * given.bytes)
      await close()
    },
  )

  test('sends smaller batches after a request that timed out', async () => {
    const { log, line, clock, topics, sender, queue, acked, close } = setUp(10_000_000, 1)
    await line.until(topics.request(TOPIC))
    await queue(20_000)
    sender.start()
    await line.until(acked)
    line.bytesPerSecond = 20 * KBIT_PER_S
    line.sizes.length = 0
    const count = log.values(0).length + (await queue(1_000_000))
    sender.queued()
    const drained = (async () => {
      while (log.values(0).length < count) {
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 1_000))
      }
    })()
    await line.until(drained)
    const [first = 0, ...others] = line.sizes
    expect(first).toBeGreaterThan(200_000)
    expect(Math.max(...others)).toBeLessThan(17_000)
    await close()
  })

  test('sends full batches on a fast line', async () => {
    const { line, topics, sender, queue, acked, close } = setUp(10_000_000, 1)
    await line.until(topics.request(TOPIC))
    await queue(3_000_000)
    sender.start()
    await line.until(acked)
    // 6 of 512 KiB would be enough.
    expect(line.sizes.length).toBeLessThan(18)
    await close()
  })
})
