/** Faulty networks: queued and followed records get through, with a bounded number of requests. */
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import type { Fault } from './support/faults.ts'
import { useStage } from './support/stage.ts'
import { flush, readOn, seenBy, sendNumbered, waitForStatus } from './support/tab.ts'

const stage = useStage()
const TAIL = /\/v1\/tail/
/** Speed of a page's clock: its time-outs end sooner. */
const RATE = 10

async function expectSeen(page: Page, topic: string, values: readonly string[], timeout = 30_000) {
  await expect.poll(() => seenBy(page, topic), { timeout }).toEqual(values)
}

const FAULTS: ReadonlyArray<readonly [string, Fault]> = [
  ['refuses connections', { kind: 'refuse' }],
  ['never answers requests', { kind: 'swallow' }],
  ['loses responses', { kind: 'dropReply' }],
  ['cuts responses', { kind: 'cutReply', afterBytes: 3 }],
  ['responds with 502', { kind: 'answer', status: 502, cors: true }],
  ['responds with 502 without CORS', { kind: 'answer', status: 502, cors: false }],
  ['is a captive portal', { kind: 'captivePortal', cors: true }],
  ['is a captive portal without CORS', { kind: 'captivePortal', cors: false }],
]

describe('B12: a network that', () => {
  test.each(FAULTS)('%s for a while delivers everything', async (_, fault) => {
    const { topic, proxy, tab, expectDelivered } = await stage.scene({ partitions: 2 })
    const page = await tab({ clockRate: RATE })
    await readOn(page, topic)
    const queued = await sendNumbered(page, { topic, sender: 'a', count: 10, partitions: 2 })
    await flush(page)
    await waitForStatus(page, 'link', ['live'])
    proxy.setFault(fault)
    proxy.cut()
    queued.push(...(await sendNumbered(page, { topic, sender: 'a', count: 10, partitions: 2 })))
    // Half a minute of the page's time, for sending and following, each in two partitions.
    expect(await proxy.requestsIn(3_000), 'requests within 30 s').toBeLessThan(60)
    await expect.poll(() => proxy.exchanges().length).toBeGreaterThan(1)
    proxy.setRules()
    await flush(page)
    await expectDelivered(queued)
    await expect
      .poll(async () => (await seenBy(page, topic)).sort(), { timeout: 120_000 })
      .toEqual([...queued].sort())
    await waitForStatus(page, 'parked', [0])
  })

  test.each([
    ['blocks WebSockets', { kind: 'refuse' }, 'sse'],
    ['responds to WebSockets with 502', { kind: 'answer', status: 502, cors: true }, 'sse'],
    ['opens silent WebSockets', { kind: 'buffer' }, 'sse'],
    ['never answers a WebSocket', { kind: 'swallow' }, 'sse'],
  ] as const)(
    '%s makes the page follow the log by an event stream',
    async (_, fault, transport) => {
      const { topic, proxy, tab } = await stage.scene()
      proxy.setRules({ path: TAIL, method: 'GET', fault })
      await stage.server.produce(topic, ['0', '1'])
      const page = await tab({ clockRate: RATE })
      await readOn(page, topic)
      await waitForStatus(page, 'transport', [transport])
      await waitForStatus(page, 'link', ['live'])
      await stage.server.produce(topic, ['2'])
      await expectSeen(page, topic, ['0', '1', '2'])
    },
  )

  test('buffers every stream makes the page follow the log by long polls', async () => {
    const { topic, proxy, tab } = await stage.scene()
    proxy.setRules({ path: TAIL, fault: { kind: 'buffer' } })
    await stage.server.produce(topic, ['0', '1'])
    const page = await tab({ clockRate: RATE })
    await readOn(page, topic)
    await waitForStatus(page, 'transport', ['long-poll'])
    await stage.server.produce(topic, ['2'])
    await expectSeen(page, topic, ['0', '1', '2'])
    expect(await proxy.requestsIn(3_000), 'requests within 30 s without news').toBeLessThan(30)
  })
})

describe('B13: the clock', () => {
  test.each([
    ['ten minutes ahead', 600_000],
    ['fifty minutes ahead', 3_000_000],
    ['ten minutes back', -600_000],
    ['a day back', -86_400_000],
  ])('may jump %s', async (_, jumpMs) => {
    const { topic, proxy, tab, expectDelivered } = await stage.scene()
    const page = await tab({ clockRate: 1 })
    await readOn(page, topic)
    const queued = await sendNumbered(page, { topic, sender: 'a', count: 5 })
    await expectSeen(page, topic, queued)
    await page.evaluate((ms) => {
      window.testClock.offsetMs += ms
    }, jumpMs)
    // As after a sleep: open connections are dead.
    proxy.cut()
    queued.push(...(await sendNumbered(page, { topic, sender: 'a', count: 5 })))
    await flush(page)
    await expectSeen(page, topic, queued)
    await expectDelivered(queued)
  })
})

test('B13: recovers after a machine slept, and its connections died silently', async () => {
  const { topic, context, proxy, tab, expectDelivered } = await stage.scene()
  const page = await tab({ clockRate: RATE })
  await readOn(page, topic)
  const queued = await sendNumbered(page, { topic, sender: 'a', count: 5 })
  await expectSeen(page, topic, queued)
  // The page stands still, and the server's end of the tail has gone silently.
  const session = await context.newCDPSession(page)
  await session.send('Debugger.enable')
  await session.send('Debugger.pause')
  proxy.mute()
  await stage.server.produce(topic, ['b#0', 'b#1'])
  await page.waitForTimeout(2_000)
  await session.send('Debugger.disable')
  await expectSeen(page, topic, [...queued, 'b#0', 'b#1'])
  queued.push(...(await sendNumbered(page, { topic, sender: 'a', count: 5 })))
  await flush(page)
  await expectDelivered(queued)
})

test('one connection follows all topics of thirty tabs', async () => {
  const { topic, proxy, tab } = await stage.scene({ partitions: 3 })
  const other = `${topic}-other`
  await stage.server.createTopic(other)
  const pages = await Promise.all(Array.from({ length: 30 }, () => tab()))
  await Promise.all(pages.map((page) => readOn(page, topic)))
  await Promise.all(pages.map((page) => readOn(page, other)))
  await stage.server.produce(topic, ['0'], 2)
  await stage.server.produce(other, ['1'])
  for (const page of pages) {
    await expectSeen(page, topic, ['0'])
    await expectSeen(page, other, ['1'])
  }
  expect(proxy.open(TAIL)).toHaveLength(1)
})
