/** Delivery of queued records under faults of the network, the tabs and the responses. */
import { expect, test } from 'vitest'
import { useStage } from './support/stage.ts'
import { flush, sendNumbered, statusOf, waitForStatus } from './support/tab.ts'

const stage = useStage()
const RECORDS = /\/records$/

test('B1: a thousand records sent offline are all in the log once online, in order', async () => {
  const { topic, context, tab, expectDelivered } = await stage.scene({ partitions: 3 })
  const page = await tab()
  const before = await sendNumbered(page, { topic, sender: 'a', count: 10, partitions: 3 })
  await flush(page)
  await context.setOffline(true)
  const queued = await sendNumbered(page, { topic, sender: 'a', count: 1_000, partitions: 3 })
  await waitForStatus(page, 'pending', [1_000])
  await waitForStatus(page, 'link', ['offline'])
  await context.setOffline(false)
  await flush(page)
  await expectDelivered([...before, ...queued])
  await waitForStatus(page, 'pending', [0])
  expect(await statusOf(page)).toMatchObject({ pending: 0, oldestPendingMs: null })
})

test('B1: records of a page that has never been online are delivered, whatever their keys', async () => {
  const { topic, context, tab, expectDelivered } = await stage.scene({ partitions: 3 })
  const page = await tab()
  await context.setOffline(true)
  const ids = await page.evaluate(async (name) => {
    const senders = ['alice', 'bob', 'carol', 'dave', 'erin']
    const ids = Array.from({ length: 500 }, (_, n) => [senders[n % 5] ?? '', n] as const)
    await Promise.all(
      ids.map(([sender, n]) => window.log.send(name, { key: sender, value: `${sender}#${n}` })),
    )
    return ids.map(([sender, n]) => `${sender}#${n}`)
  }, topic)
  await context.setOffline(false)
  await flush(page)
  await expectDelivered(ids)
  const log = await stage.server.readTopic(topic)
  const partitionsOf = (sender: string) =>
    [...log].filter(([, values]) => values.some((value) => value.startsWith(sender)))
  for (const sender of ['alice', 'bob', 'carol', 'dave', 'erin']) {
    expect(partitionsOf(sender), `one partition for the key ${sender}`).toHaveLength(1)
  }
})

test('B1: records are delivered after an outage that the browser did not report', async () => {
  const { topic, proxy, tab, expectDelivered } = await stage.scene({ partitions: 3 })
  const page = await tab()
  const before = await sendNumbered(page, { topic, sender: 'a', count: 3, partitions: 3 })
  await flush(page)
  await proxy.down()
  const queued = await sendNumbered(page, { topic, sender: 'a', count: 100, partitions: 3 })
  await waitForStatus(page, 'link', ['backingOff'])
  await proxy.up()
  await flush(page)
  await expectDelivered([...before, ...queued])
})

test.each([1, 2])(
  'B2: records are delivered after the tab is closed, with %d tabs open',
  async (tabs) => {
    const { topic, proxy, tab, expectDelivered } = await stage.scene({ partitions: 3 })
    const pages = await Promise.all(Array.from({ length: tabs }, () => tab()))
    proxy.setRules({ path: RECORDS, fault: { kind: 'refuse' } })
    const queued: string[] = []
    for (const [index, page] of pages.entries()) {
      const records = { topic, sender: `tab${index}`, count: 50, partitions: 3 }
      queued.push(...(await sendNumbered(page, records)))
    }
    await pages[0]?.close({ runBeforeUnload: false })
    proxy.setRules()
    const page = pages[1] ?? (await tab())
    await flush(page)
    await expectDelivered(queued)
  },
)

test('B4: a record is stored once when the response is lost after the commit', async () => {
  const { topic, proxy, tab, expectDelivered } = await stage.scene()
  const page = await tab()
  const rule = { path: RECORDS, method: 'POST', times: 3 } as const
  proxy.setRules({ ...rule, fault: { kind: 'dropReply' } })
  const acked = await page.evaluate(async (name) => {
    const sent = await Promise.all(
      [0, 1, 2, 3].map((n) => window.log.send(name, { value: `a#${n}`, partition: 0 })),
    )
    return await Promise.all(sent.map((one) => one.acked))
  }, topic)
  expect(acked.map(({ offset }) => offset)).toEqual([0, 1, 2, 3])
  await expectDelivered(['a#0', 'a#1', 'a#2', 'a#3'])
  expect(proxy.exchanges(RECORDS).length).toBe(4)
})

test('B4: a record is stored once when the next request overlaps the log', async () => {
  const { topic, proxy, tab, expectDelivered } = await stage.scene()
  const page = await tab()
  const first = await sendNumbered(page, { topic, sender: 'a', count: 1 })
  await flush(page)
  proxy.setRules({ path: RECORDS, method: 'POST', times: 4, fault: { kind: 'dropReply' } })
  const queued: string[] = []
  for (let round = 0; round < 10; round++) {
    queued.push(...(await sendNumbered(page, { topic, sender: 'a', count: 5 })))
    await page.waitForTimeout(100)
  }
  await flush(page)
  await expectDelivered([...first, ...queued])
})

test('B4: a record is stored once when a response is cut in the middle', async () => {
  const { topic, proxy, tab, expectDelivered } = await stage.scene({ partitions: 2 })
  const page = await tab()
  proxy.setRules({ path: RECORDS, method: 'POST', times: 4, fault: { kind: 'cutReply' } })
  const queued = await sendNumbered(page, { topic, sender: 'a', count: 40, partitions: 2 })
  await flush(page)
  await expectDelivered(queued)
})

test('B8: without Web Locks every tab sends, and no record is doubled', async () => {
  const { topic, context, proxy, tab, expectDelivered } = await stage.scene({ partitions: 2 })
  await context.addInitScript(() => {
    Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })
  })
  const pages = await Promise.all([tab(), tab(), tab()])
  for (const page of pages) await waitForStatus(page, 'isLeader', [true])
  proxy.setRules({ path: RECORDS, method: 'POST', fault: { kind: 'delay', ms: 50 } })
  const sending = pages.map(async (page, index) => {
    const queued: string[] = []
    for (let burst = 0; burst < 10; burst++) {
      const records = { topic, sender: `tab${index}`, count: 10, partitions: 2 }
      queued.push(...(await sendNumbered(page, records)))
    }
    return queued
  })
  const queued = (await Promise.all(sending)).flat()
  for (const page of pages) await flush(page)
  await expectDelivered(queued)
})

test('B16: a poison record in the middle is parked, and the rest is delivered in order', async () => {
  const config = { 'max.message.bytes': 1_000 }
  const { topic, context, tab, expectDelivered } = await stage.scene({ config })
  const page = await tab()
  // Offline the page has no size limit of this topic.
  await context.setOffline(true)
  const before = await sendNumbered(page, { topic, sender: 'a', count: 20 })
  const poison = 'x'.repeat(2_000)
  await page.evaluate(([name, value]) => window.log.send(name, { value, partition: 0 }), [
    topic,
    poison,
  ] as const)
  const after = await sendNumbered(page, { topic, sender: 'a', count: 20 })
  await context.setOffline(false)
  await flush(page)
  await expectDelivered([...before, ...after])
  const parked = await page.evaluate(async () =>
    (await window.log.outbox.parked()).map(({ record, error }) => ({
      size: record.value?.length,
      code: error.code,
    })),
  )
  expect(parked).toEqual([{ size: 2_000, code: 'message_too_large' }])
  await waitForStatus(page, 'parked', [1])
  expect(await page.evaluate(() => window.events.map(({ name }) => name))).toContain('parked')

  // Parked records can be sent again and discarded, without affecting later ones.
  await page.evaluate(() => window.log.outbox.retry())
  const later = await sendNumbered(page, { topic, sender: 'a', count: 5 })
  await flush(page)
  expect(await page.evaluate(async () => (await window.log.outbox.parked()).length)).toBe(1)
  await page.evaluate(() => window.log.outbox.discard())
  await waitForStatus(page, 'parked', [0])
  await expectDelivered([...before, ...after, ...later])
})

test('B16: several poison records in several partitions are parked while responses are lost', async () => {
  const config = { 'max.message.bytes': 1_000 }
  const { topic, context, proxy, tab, expectDelivered } = await stage.scene({
    partitions: 3,
    config,
  })
  const page = await tab()
  await context.setOffline(true)
  const queued: string[] = []
  const poison = 'x'.repeat(2_000)
  for (let round = 0; round < 6; round++) {
    queued.push(...(await sendNumbered(page, { topic, sender: 'a', count: 9, partitions: 3 })))
    await page.evaluate(([name, value, partition]) => window.log.send(name, { value, partition }), [
      topic,
      poison,
      round % 3,
    ] as const)
  }
  proxy.setRules({ path: RECORDS, method: 'POST', times: 6, fault: { kind: 'dropReply' } })
  await context.setOffline(false)
  await flush(page)
  await expectDelivered(queued)
  await waitForStatus(page, 'parked', [6])
})

test('records that were parked because of a clock hours ahead are sent again with another timestamp', async () => {
  const { topic, tab, expectDelivered } = await stage.scene()
  const page = await tab({ clockRate: 1 })
  const setClock = (offsetMs: number) =>
    page.evaluate((ms) => {
      window.testClock.offsetMs = ms
    }, offsetMs)
  await setClock(5 * 3_600_000)
  const early = await sendNumbered(page, { topic, sender: 'a', count: 3 })
  await waitForStatus(page, 'parked', [3])
  await setClock(0)
  const late = await sendNumbered(page, { topic, sender: 'b', count: 3 })
  await flush(page)
  await expectDelivered(late)

  await page.evaluate(() => window.log.outbox.retry())
  await flush(page)
  await waitForStatus(page, 'parked', [3])
  const wrong = page.evaluate(() => window.log.outbox.retry(undefined, { timestamp: -1 }))
  await expect(wrong).rejects.toThrow('timestamp: must be a whole number')
  await page.evaluate(() => window.log.outbox.retry(undefined, { timestamp: Date.now() }))
  await flush(page)
  await waitForStatus(page, 'parked', [0])
  await expectDelivered([...late, ...early])
})

test('a clock that is hours ahead has no effect if the log stamps the records', async () => {
  const config = { 'message.timestamp.type': 'LogAppendTime' }
  const { topic, tab, expectDelivered } = await stage.scene({ config })
  const page = await tab({ clockRate: 1 })
  await page.evaluate(() => {
    window.testClock.offsetMs = 5 * 3_600_000
  })
  const queued = await sendNumbered(page, { topic, sender: 'a', count: 3 })
  await flush(page)
  await expectDelivered(queued)
})
