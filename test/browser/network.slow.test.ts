/** Networks that misbehave: what is queued and what is read gets through, and nobody is pestered. */
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import type { Fault } from './support/faults.ts'
import { useStage } from './support/stage.ts'
import { flush, readOn, seenBy, sendNumbered, waitForStatus } from './support/tab.ts'

const stage = useStage()
const TAIL = /\/v1\/tail/
/** The rate of a page's clock: its time limits are over sooner. */
const RATE = 10

async function expectSeen(page: Page, topic: string, values: readonly string[], timeout = 30_000) {
  await expect.poll(() => seenBy(page, topic), { timeout }).toEqual(values)
}

const FAULTS: ReadonlyArray<readonly [string, Fault]> = [
  ['refuses connections', { kind: 'refuse' }],
  ['swallows requests', { kind: 'swallow' }],
  ['loses replies', { kind: 'dropReply' }],
  ['cuts answers', { kind: 'cutReply', afterBytes: 3 }],
  ['answers 502', { kind: 'answer', status: 502, cors: true }],
  ['answers 502 without CORS', { kind: 'answer', status: 502, cors: false }],
  ['is a captive portal', { kind: 'captivePortal', cors: true }],
  ['is a captive portal without CORS', { kind: 'captivePortal', cors: false }],
]

describe('B12: a network that', () => {
  test.each(FAULTS)('%s for a while', async (_, fault) => {
    const { topic, proxy, tab, expectDelivered } = await stage.scene({ partitions: 2 })
    const page = await tab({ clockRate: RATE })
    await readOn(page, topic)
    const queued = await sendNumbered(page, { topic, sender: 'a', count: 10, partitions: 2 })
    await flush(page)
    await waitForStatus(page, 'link', ['live'])
    proxy.setFault(fault)
    proxy.cut()
    proxy.forget()
    queued.push(...(await sendNumbered(page, { topic, sender: 'a', count: 10, partitions: 2 })))
    await page.waitForTimeout(3_000)
    // Half a minute of the page's time, for what is sent and what is followed, each in two partitions.
    expect(proxy.exchanges().length, 'requests within 30 s').toBeLessThan(60)
    expect(proxy.exchanges().length, 'requests within 30 s').toBeGreaterThan(1)
    proxy.setRules()
    await flush(page)
    await expectDelivered(queued)
    await expect
      .poll(async () => (await seenBy(page, topic)).sort(), { timeout: 120_000 })
      .toEqual([...queued].sort())
    await waitForStatus(page, 'parked', [0])
  })

  test.each([
    ['lets no WebSocket through', { kind: 'refuse' }, 'sse'],
    ['answers WebSockets with 502', { kind: 'answer', status: 502, cors: true }, 'sse'],
    ['opens WebSockets that are mute', { kind: 'buffer' }, 'sse'],
    ['never answers a WebSocket', { kind: 'swallow' }, 'sse'],
  ] as const)('%s: the log is followed by an event stream', async (_, fault, transport) => {
    const { topic, proxy, tab } = await stage.scene()
    proxy.setRules({ path: TAIL, method: 'GET', fault })
    await stage.server.produce(topic, ['0', '1'])
    const page = await tab({ clockRate: RATE })
    await readOn(page, topic)
    await waitForStatus(page, 'transport', [transport])
    await waitForStatus(page, 'link', ['live'])
    await stage.server.produce(topic, ['2'])
    await expectSeen(page, topic, ['0', '1', '2'])
  })

  test('buffers whatever is streamed: the log is followed by long polls', async () => {
    const { topic, proxy, tab } = await stage.scene()
    proxy.setRules({ path: TAIL, fault: { kind: 'buffer' } })
    await stage.server.produce(topic, ['0', '1'])
    const page = await tab({ clockRate: RATE })
    await readOn(page, topic)
    await waitForStatus(page, 'transport', ['long-poll'])
    await stage.server.produce(topic, ['2'])
    await expectSeen(page, topic, ['0', '1', '2'])
    proxy.forget()
    await page.waitForTimeout(3_000)
    expect(proxy.exchanges().length, 'requests within 30 s without news').toBeLessThan(30)
  })
})

describe('B13: the clock', () => {
  test.each([
    ['ten minutes ahead', 600_000],
    ['fifty minutes ahead', 3_000_000],
    ['ten minutes back', -600_000],
    ['a day back', -86_400_000],
  ])('jumps %s', async (_, jumpMs) => {
    const { topic, proxy, tab, expectDelivered } = await stage.scene()
    const page = await tab({ clockRate: 1 })
    await readOn(page, topic)
    const queued = await sendNumbered(page, { topic, sender: 'a', count: 5 })
    await expectSeen(page, topic, queued)
    await page.evaluate((ms) => {
      window.testClock.offsetMs += ms
    }, jumpMs)
    // As after a sleep: what was open is dead.
    proxy.cut()
    queued.push(...(await sendNumbered(page, { topic, sender: 'a', count: 5 })))
    await flush(page)
    await expectSeen(page, topic, queued)
    await expectDelivered(queued)
  })
})

test('B13: a machine sleeps, and its connections are dead without a word', async () => {
  const { topic, context, proxy, tab, expectDelivered } = await stage.scene()
  const page = await tab({ clockRate: RATE })
  await readOn(page, topic)
  const queued = await sendNumbered(page, { topic, sender: 'a', count: 5 })
  await expectSeen(page, topic, queued)
  // The page stands still, and the other end of the tail is gone and does not say so.
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
