/** B14: a rejected token pauses sending and reading, and no record is dropped. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { checkDelivery } from './support/check-delivery.ts'
import { launch } from './support/chromium.ts'
import { type LogServer, startLogServer } from './support/log-server.ts'
import { committed, join as joinGroup, memberOf } from './support/member.ts'
import { type PageServer, startPageServer } from './support/page-server.ts'
import { type FaultyProxy, startProxy } from './support/proxy.ts'
import {
  flush,
  load,
  openTab,
  readOn,
  seenBy,
  sendNumbered,
  statusOf,
  waitForStatus,
} from './support/tab.ts'

const TOPIC = 'access'
const WAIT = { timeout: 120_000 }
let browser: Browser
let pages: PageServer
let stateDir = ''
let server: LogServer
let proxy: FaultyProxy

beforeAll(async () => {
  pages = await startPageServer()
  browser = await launch()
})
afterAll(async () => {
  await browser.close()
  await pages.close()
})
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'edgelog-access-'))
  server = await startLogServer({ stateDir, token: 'first' })
  proxy = await startProxy(server.url)
  await server.createTopic(TOPIC, { partitions: 2 })
})
afterEach(async () => {
  await proxy.down()
  await server.process.stop()
  await rm(stateDir, { recursive: true, force: true, maxRetries: 5 })
})

/** Restarts the log with another token. */
async function changeToken(token: string): Promise<void> {
  await server.process.stop()
  server = await startLogServer({ stateDir, token })
  proxy.setTarget(server.url)
}

async function expectDelivered(queued: readonly string[]): Promise<void> {
  expect(checkDelivery({ queued, log: await server.readTopic(TOPIC) })).toEqual([])
}

test('resumes when the page sets another token', async () => {
  const context = await browser.newContext()
  const page = await openTab(context, pages.url, { url: proxy.url, token: 'first', clockRate: 10 })
  const queued = await sendNumbered(page, { topic: TOPIC, sender: 'a', count: 10, partitions: 2 })
  await flush(page)
  await changeToken('second')
  queued.push(
    ...(await sendNumbered(page, { topic: TOPIC, sender: 'a', count: 100, partitions: 2 })),
  )
  await waitForStatus(page, 'link', ['authNeeded'])
  expect(await proxy.requestsIn(2_000), 'requests within 20 s').toBeLessThan(10)
  expect(await statusOf(page)).toMatchObject({
    pending: 100,
    parked: 0,
    lastError: { code: 'unauthorized' },
  })
  await page.evaluate(() => window.log.setToken('second'))
  await flush(page)
  await expectDelivered(queued)
  await context.close()
})

test('resumes when the token function returns another token', async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await load(page, pages.url)
  await page.evaluate((url) => {
    window.freshToken = 'first'
    window.log = window.edgelog.connect({ url, token: async () => window.freshToken })
  }, proxy.url)
  const queued = await sendNumbered(page, { topic: TOPIC, sender: 'a', count: 10, partitions: 2 })
  await flush(page)
  await changeToken('second')
  await page.evaluate(() => {
    window.freshToken = 'second'
  })
  queued.push(
    ...(await sendNumbered(page, { topic: TOPIC, sender: 'a', count: 100, partitions: 2 })),
  )
  await flush(page)
  await expectDelivered(queued)
  expect(await statusOf(page)).toMatchObject({ parked: 0 })
  await context.close()
})

test('pauses and resumes reading in all tabs', async () => {
  const context = await browser.newContext()
  const options = { url: proxy.url, token: 'first', clockRate: 10 }
  const tabs = [
    await openTab(context, pages.url, options),
    await openTab(context, pages.url, options),
  ]
  for (const page of tabs) await readOn(page, TOPIC)
  await server.produce(TOPIC, ['0'])
  for (const page of tabs) await expect.poll(() => seenBy(page, TOPIC)).toEqual(['0'])
  await changeToken('second')
  for (const page of tabs) await waitForStatus(page, 'link', ['authNeeded'])
  await server.produce(TOPIC, ['1'])
  for (const page of tabs) await page.evaluate(() => window.log.setToken('second'))
  for (const page of tabs) {
    await expect.poll(() => seenBy(page, TOPIC), WAIT).toEqual(['0', '1'])
  }
  await context.close()
})

test('pauses and resumes reading and commits of a group member', async () => {
  const context = await browser.newContext()
  const page = await openTab(context, pages.url, { url: proxy.url, token: 'first', clockRate: 10 })
  await joinGroup(page, TOPIC, 'workers', 0)
  await server.produce(TOPIC, ['0'])
  await expect.poll(async () => (await memberOf(page)).handled, WAIT).toEqual(['0'])
  await changeToken('second')
  await waitForStatus(page, 'link', ['authNeeded'])
  await server.produce(TOPIC, ['1'])
  // Longer than its session.
  await page.waitForTimeout(3_000)
  expect(await memberOf(page)).toMatchObject({ handled: ['0'], stopped: undefined })
  await page.evaluate(() => window.log.setToken('second'))
  await expect.poll(async () => (await memberOf(page)).handled.at(-1), WAIT).toBe('1')
  await expect.poll(() => committed(server, 'workers', TOPIC), WAIT).toBe(2)
  await context.close()
})

test('is reported to a page that only reads in a group', async () => {
  const context = await browser.newContext()
  for (const tab of ['leads', 'follows']) {
    const page = await openTab(context, pages.url, { url: proxy.url, token: 'wrong' })
    await joinGroup(page, TOPIC, tab, 0)
    await waitForStatus(page, 'link', ['authNeeded'])
    expect(await statusOf(page)).toMatchObject({ lastError: { code: 'unauthorized' } })
  }
  await server.produce(TOPIC, ['0'])
  const [first, second] = context.pages() as [Page, Page]
  await first.evaluate(() => window.log.setToken('first'))
  for (const page of [first, second]) {
    await expect.poll(async () => (await memberOf(page)).handled, WAIT).toEqual(['0'])
    await expect.poll(async () => (await statusOf(page)).link, WAIT).not.toBe('authNeeded')
  }
  await context.close()
})

declare global {
  interface Window {
    freshToken: string
  }
}
