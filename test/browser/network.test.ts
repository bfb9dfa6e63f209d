/** Faulty networks: queued and followed records get through, with a bounded number of requests. */
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { useStage } from './support/stage.ts'
import { flush, readOn, seenBy, sendNumbered, waitForStatus } from './support/tab.ts'

const stage = useStage()
const TAIL = /\/v1\/tail/
/** Speed of the pages' clocks, so that their time-outs end sooner. */
const RATE = 10

async function expectSeen(page: Page, topic: string, values: readonly string[], timeout = 30_000) {
  await expect.poll(() => seenBy(page, topic), { timeout }).toEqual(values)
}

describe('B12: a network that', () => {
  test('is slow delivers everything', async () => {
    const { topic, proxy, tab, expectDelivered } = await stage.scene({ partitions: 2 })
    proxy.setFault({ kind: 'slow', bytesPerSecond: 1_500 })
    const page = await tab()
    await readOn(page, topic)
    const queued = await sendNumbered(page, { topic, sender: 'a', count: 20, partitions: 2 })
    await flush(page)
    await expectDelivered(queued)
    await expect
      .poll(async () => (await seenBy(page, topic)).sort(), { timeout: 120_000 })
      .toEqual([...queued].sort())
  })

  test('loses data in flight when a tail is cut delivers everything', async () => {
    const { topic, proxy, tab } = await stage.scene()
    const page = await tab({ clockRate: RATE })
    await readOn(page, topic)
    await waitForStatus(page, 'link', ['live'])
    const values: string[] = []
    for (let round = 0; round < 5; round++) {
      values.push(`${round}`)
      await stage.server.produce(topic, [`${round}`])
      proxy.cut(TAIL)
    }
    await expectSeen(page, topic, values)
  })

  test("lets half of the page's code through delivers everything", async () => {
    const { topic, context, tab, expectDelivered } = await stage.scene()
    let failuresLeft = 2
    await context.route('**/engine-*.js', (route) => {
      failuresLeft -= 1
      return failuresLeft >= 0 ? route.abort() : route.continue()
    })
    const page = await tab({ clockRate: RATE })
    const queued = await sendNumbered(page, { topic, sender: 'a', count: 5 })
    await flush(page)
    await expectDelivered(queued)
    expect(failuresLeft).toBeLessThan(0)
  })
})

test('readers of empty partitions leave connections for senders', async () => {
  const { topic, proxy, tab, expectDelivered } = await stage.scene({ partitions: 8 })
  // Slow, so that no reader gives up waiting for the cache.
  const page = await tab({ clockRate: 0.1 })
  await readOn(page, topic)
  const queued = await sendNumbered(page, { topic, sender: 'a', count: 8, partitions: 8 })
  await flush(page)
  await expectDelivered(queued)
  await expect.poll(async () => (await seenBy(page, topic)).length).toBe(8)
  // Over HTTP/1.1 a browser has six connections to a host.
  expect(proxy.exchanges(/records\?.*waitMs=[1-9]/)).toEqual([])
})
