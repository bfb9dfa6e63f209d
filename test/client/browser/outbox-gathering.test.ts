/** Records that are queued without a pause in several partitions, with a manual clock. */
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { QUEUE_LINGER_MS_MAX } from '../../../client/browser/limits.ts'
import { Random } from '../../support/random.ts'
import { TEST_SEED } from '../../support/seed.ts'
import { ManualClock } from '../manual-clock.ts'
import { FakeLog } from './fake-log.ts'
import { setUpSender } from './sender-for-test.ts'

const TOPIC = 'topic'
const PARTITIONS = 3
const QUEUED_MS = 2_000
const GAP_MS_MAX = 15
const REQUEST_MS_MAX = 40

/** Queues records without a pause, and returns the longest time between two requests of each partition. */
async function longestPausesMs(random: Random): Promise<number[]> {
  const log = new FakeLog()
  log.partitions = PARTITIONS
  const clock = new ManualClock()
  const sentAtMs = Array.from({ length: PARTITIONS }, () => [clock.now()])
  const fetch: typeof log.fetch = async (input, init) => {
    const partition = /\/partitions\/(\d+)\/records$/.exec(input)?.[1]
    if (partition !== undefined) {
      sentAtMs[Number(partition)]?.push(clock.now())
      const requestMs = random.between(1, REQUEST_MS_MAX)
      await new Promise<void>((resolve) => clock.setTimeout(resolve, requestMs))
    }
    return await log.fetch(input, init)
  }
  const { store, topics, sender, close } = setUpSender(fetch, clock)
  await topics.request(TOPIC)
  const record = { timestamp: 1, key: null, value: new Uint8Array(1), headers: [] }
  const entries = Array.from({ length: PARTITIONS }, (_, partition) => ({
    ...{ topic: TOPIC, record, partition },
  }))
  let gapMs = 1
  for (let passedMs = 0; passedMs < QUEUED_MS; passedMs++) {
    gapMs -= 1
    if (gapMs === 0) {
      await store.enqueue(entries)
      sender.queued()
      gapMs = random.between(1, GAP_MS_MAX)
    }
    // Some records wait before the tab leads.
    if (passedMs === REQUEST_MS_MAX) sender.start()
    clock.advance(1)
    for (let turns = 0; turns < 4; turns++) await turn()
  }
  await close()
  return sentAtMs.map((times) => {
    const ends = [...times.slice(1), clock.now()]
    return Math.max(...ends.map((endMs, index) => endMs - (times[index] ?? 0)))
  })
}

test('sends to each partition at the end of a linger, however records are queued', async () => {
  const random = new Random(TEST_SEED)
  for (let run = 0; run < 5; run++) {
    const pausesMs = await longestPausesMs(random)
    // Three lingers in a row, one for each partition, would be longer.
    expect(Math.max(...pausesMs), `seed ${TEST_SEED}: ${pausesMs}`).toBeLessThan(
      2 * QUEUE_LINGER_MS_MAX + REQUEST_MS_MAX,
    )
  }
})
