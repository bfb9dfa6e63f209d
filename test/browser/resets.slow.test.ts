/** B15: the log has changed. The page gets an event, its cache starts again, and the outbox stays. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { startLogServer } from './support/log-server.ts'
import { type Scene, useStage } from './support/stage.ts'
import { flush, readOn, seenBy, sendNumbered, waitForStatus } from './support/tab.ts'

const stage = useStage()
const RECORDS = /\/records$/

async function expectSeen(page: Page, topic: string, values: readonly string[]) {
  await expect.poll(() => seenBy(page, topic), { timeout: 120_000 }).toEqual(values)
}

async function expectReset(page: Page, topic: string, reason: string) {
  const resets = () =>
    page.evaluate(() =>
      window.events.filter(({ name }) => name === 'topicReset').map(({ value }) => value),
    )
  await expect.poll(resets, { timeout: 120_000 }).toContainEqual({ topic, reason })
}

/** Opens a page that has read all records, and has records to send that do not get through. */
async function pageWithBacklog({ topic, proxy, tab }: Scene) {
  const page = await tab({ clockRate: 10 })
  await readOn(page, topic)
  const delivered = await sendNumbered(page, { topic, sender: 'a', count: 10 })
  await expectSeen(page, topic, delivered)
  await waitForStatus(page, 'link', ['live'])
  proxy.setRules({ path: RECORDS, method: 'POST', fault: { kind: 'refuse' } })
  const waiting = await sendNumbered(page, { topic, sender: 'a', count: 10 })
  return { page, delivered, waiting }
}

test('a page recovers from a topic recreated while it reads it', async () => {
  const scene = await stage.scene()
  const { topic, proxy, expectDelivered } = scene
  const { page, delivered, waiting } = await pageWithBacklog(scene)
  // Hides the time without such a topic from the page.
  await proxy.down()
  await stage.server.deleteTopic(topic)
  await stage.server.createTopic(topic)
  await stage.server.produce(topic, ['new#0', 'new#1'])
  proxy.setRules()
  await proxy.up()
  await expectReset(page, topic, 'recreated')
  await flush(page)
  await expectDelivered(waiting)
  const log = await stage.server.readTopic(topic)
  expect(log.get(0)).toEqual(['new#0', 'new#1', ...waiting])
  await expectSeen(page, topic, [...delivered, 'new#0', 'new#1', ...waiting])
})

test('a page recovers from a topic recreated while no page was open', async () => {
  const scene = await stage.scene()
  const { topic, proxy, tab, expectDelivered } = scene
  const { page, waiting } = await pageWithBacklog(scene)
  await page.close()
  await stage.server.deleteTopic(topic)
  await stage.server.createTopic(topic)
  await stage.server.produce(topic, ['new#0', 'new#1'])
  proxy.setRules()
  const next = await tab({ clockRate: 10 })
  await flush(next)
  await expectDelivered(waiting)
  await readOn(next, topic)
  await expectSeen(next, topic, ['new#0', 'new#1', ...waiting])
})

test('a page parks the records of a deleted topic, and stops requesting it', async () => {
  const scene = await stage.scene()
  const { topic, proxy } = scene
  const { page, waiting } = await pageWithBacklog(scene)
  await stage.server.deleteTopic(topic)
  await expectReset(page, topic, 'deleted')
  proxy.setRules()
  await flush(page)
  await waitForStatus(page, 'parked', [waiting.length])
  await page.waitForTimeout(500)
  expect(await proxy.requestsIn(2_000), 'requests within 20 s').toBeLessThan(20)
  // Once the topic exists again, they can be sent.
  await stage.server.createTopic(topic)
  await page.evaluate(() => window.log.outbox.retry())
  await flush(page)
  expect((await stage.server.readTopic(topic)).get(0)).toEqual(waiting)
})

test('a page recovers from a server with the state of an earlier day', async () => {
  const scene = await stage.scene()
  const { topic, proxy, tab } = scene
  const folder = await mkdtemp(join(tmpdir(), 'edgelog-resets-'))
  const [first, earlier] = [join(folder, 'first'), join(folder, 'earlier')]
  let server = await startLogServer({ stateDir: first })
  try {
    proxy.setTarget(server.url)
    await server.createTopic(topic)
    const page = await tab({ clockRate: 10 })
    await readOn(page, topic)
    const old = await sendNumbered(page, { topic, sender: 'a', count: 5 })
    await flush(page)
    await server.process.kill()
    await cp(first, earlier, { recursive: true })
    await server.process.start()
    const lost = await sendNumbered(page, { topic, sender: 'a', count: 5 })
    await flush(page)
    await expectSeen(page, topic, [...old, ...lost])
    // Up to date, so that the cache is longer than the log will be.
    await waitForStatus(page, 'link', ['live'])
    await waitForStatus(page, 'lagRecords', [0])
    await server.process.stop()
    server = await startLogServer({ stateDir: earlier })
    proxy.setTarget(server.url)
    proxy.cut()
    await expectReset(page, topic, 'truncated')
    const after = await sendNumbered(page, { topic, sender: 'a', count: 5 })
    await flush(page)
    expect((await server.readTopic(topic)).get(0)).toEqual([...old, ...after])
    await expect.poll(() => seenBy(page, topic), { timeout: 120_000 }).toContain(after.at(-1))
  } finally {
    await server.process.stop()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})

test('a page recovers from a log start beyond its position', async () => {
  const { topic, proxy, tab } = await stage.scene()
  const page = await tab({ clockRate: 10 })
  await readOn(page, topic)
  await stage.server.produce(topic, ['0', '1'])
  await expectSeen(page, topic, ['0', '1'])
  // Read, and cached.
  await waitForStatus(page, 'lagRecords', [0])
  await proxy.down()
  await stage.server.produce(topic, ['2', '3'])
  await stage.server.changeConfig(topic, { 'retention.bytes': 0 })
  await expect
    .poll(async () => (await stage.server.readTopic(topic)).get(0), { timeout: 120_000 })
    .toEqual([])
  await stage.server.changeConfig(topic, { 'retention.bytes': null })
  await proxy.up()
  await expectReset(page, topic, 'logStartMoved')
  await stage.server.produce(topic, ['4'])
  await expect.poll(() => seenBy(page, topic), { timeout: 120_000 }).toContain('4')
})
