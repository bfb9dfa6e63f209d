/** Faults of a page's database: full, closed, cleared, of another version. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildClient } from './support/client-builds.ts'
import { MIB, noise, refusalOfSend, tabWithQuota } from './support/quota.ts'
import { useStage } from './support/stage.ts'
import { connectTab, flush, sendNumbered, statusOf, waitForStatus } from './support/tab.ts'

const stage = useStage()
const RECORDS = /\/records$/
let folder = ''
let nextBuildUrl = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgelog-next-'))
  const version = { find: 'SCHEMA_VERSION = 3', replace: 'SCHEMA_VERSION = 4' }
  await buildClient(folder, { edits: [{ file: 'client/browser/store/schema.ts', ...version }] })
  nextBuildUrl = stage.pages.addBuild('next', folder)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function clearSite(context: BrowserContext, page: Page) {
  const session = await context.newCDPSession(page)
  const { origin } = new URL(page.url())
  await session.send('Storage.clearDataForOrigin', { origin, storageTypes: 'indexeddb' })
  await session.detach()
}

function eventsOf(page: Page, name: string): Promise<unknown[]> {
  return page.evaluate(
    (wanted) => window.events.filter((event) => event.name === wanted).map(({ value }) => value),
    name,
  )
}

/** Gives the test access to database connections, before the client is loaded. */
async function reachConnections(context: BrowserContext) {
  await context.addInitScript(() => {
    const { open } = IDBFactory.prototype
    window.connections = []
    window.abortsLeft = 0
    window.isOpeningRefused = false
    IDBFactory.prototype.open = function (...args) {
      if (window.isOpeningRefused) throw new DOMException('Connection lost', 'UnknownError')
      const request = open.apply(this, args)
      request.addEventListener('success', () => window.connections.push(request.result))
      return request
    }
    const { transaction } = IDBDatabase.prototype
    IDBDatabase.prototype.transaction = function (...args) {
      const begun = transaction.apply(this, args)
      if (args[1] === 'readwrite' && window.abortsLeft > 0) {
        window.abortsLeft -= 1
        queueMicrotask(() => begun.abort())
      }
      return begun
    }
  })
}

declare global {
  interface Window {
    connections: IDBDatabase[]
    /** Number of following transactions to abort, as a full disk or iOS does. */
    abortsLeft: number
    isOpeningRefused: boolean
  }
}

test('B9: a record without space is rejected, and earlier queued ones are delivered', async () => {
  const scene = await stage.scene()
  const { topic, proxy, expectDelivered } = scene
  const { page, session } = await tabWithQuota(stage.pages.url, scene, 2 * MIB)
  const queued = await sendNumbered(page, { topic, sender: 'a', count: 5 })
  await flush(page)
  proxy.setRules({ path: RECORDS, fault: { kind: 'refuse' } })
  queued.push(...(await sendNumbered(page, { topic, sender: 'a', count: 20 })))
  const refused: string[] = []
  for (let i = 0; i < 8; i++) refused.push(await refusalOfSend(page, 'big', noise(MIB / 2)))
  expect(refused.at(-1)).toBe('storage_full')
  expect(new Set(refused)).toEqual(new Set(['queued', 'storage_full']))
  await session.detach()
  queued.push(...(await sendNumbered(page, { topic, sender: 'a', count: 20 })))
  await stage.server.createTopic('big')
  proxy.setRules()
  await flush(page)
  await expectDelivered(queued)
})

test.each([
  ['with an event', true],
  ['without an event', false],
])('B10: a page recovers when the browser closes its database %s', async (_, saysSo) => {
  const { topic, context, tab, expectDelivered } = await stage.scene({ partitions: 2 })
  await reachConnections(context)
  const page = await tab()
  const queued: string[] = []
  for (let round = 0; round < 5; round++) {
    const sending = sendNumbered(page, { topic, sender: 'a', count: 50, partitions: 2 })
    await page.evaluate((isTold) => {
      for (const connection of window.connections.splice(0)) {
        connection.close()
        if (isTold) connection.dispatchEvent(new Event('close'))
      }
    }, saysSo)
    queued.push(...(await sending))
  }
  await flush(page)
  await expectDelivered(queued)
})

test('B10: a page that can never open its database again passes the lead to another', async () => {
  const { topic, context, tab, expectDelivered } = await stage.scene()
  await reachConnections(context)
  const broken = await tab()
  await waitForStatus(broken, 'isLeader', [true])
  const queued = await sendNumbered(broken, { topic, sender: 'a', count: 5 })
  await flush(broken)
  const other = await tab()
  // As WebKit does to a page whose network process has died.
  await broken.evaluate(() => {
    window.isOpeningRefused = true
    for (const connection of window.connections.splice(0)) connection.close()
  })
  queued.push(...(await sendNumbered(other, { topic, sender: 'b', count: 5 })))
  await flush(other)
  expect(await statusOf(other)).toMatchObject({ isLeader: true })
  expect(await refusalOfSend(broken, topic)).toBe('storage_failed')
  await expectDelivered(queued)
})

test('B10: an aborted transaction is run again, and rejected after several failures', async () => {
  const { topic, context, proxy, tab, expectDelivered } = await stage.scene()
  await reachConnections(context)
  const page = await tab()
  const queued = await sendNumbered(page, { topic, sender: 'a', count: 3 })
  await flush(page)
  await page.evaluate(() => {
    window.abortsLeft = 1
  })
  queued.push(...(await sendNumbered(page, { topic, sender: 'a', count: 3 })))
  await flush(page)
  proxy.setRules({ path: RECORDS, fault: { kind: 'refuse' } })
  await page.evaluate(() => {
    window.abortsLeft = 1_000
  })
  expect(await refusalOfSend(page, topic)).toBe('storage_failed')
  await page.evaluate(() => {
    window.abortsLeft = 0
  })
  proxy.setRules()
  queued.push(...(await sendNumbered(page, { topic, sender: 'a', count: 3 })))
  await flush(page)
  await expectDelivered(queued)
})

test("B10: clearing the site's data under the page is reported as a loss, and the page continues", async () => {
  const { topic, context, proxy, tab, expectDelivered } = await stage.scene()
  const page = await tab()
  const before = await sendNumbered(page, { topic, sender: 'a', count: 5 })
  await flush(page)
  proxy.setRules({ path: RECORDS, fault: { kind: 'refuse' } })
  const acked = page.evaluate(async (name) => {
    const { acked } = await window.log.send(name, { value: 'lost#0', partition: 0 })
    window.nextNumbers.cleared = 0
    return await acked.then(
      () => 'acked',
      (error: { code?: string }) => error.code,
    )
  }, topic)
  await waitForStatus(page, 'pending', [1])
  await clearSite(context, page)
  const after = await sendNumbered(page, { topic, sender: 'a', count: 5 })
  proxy.setRules()
  await flush(page)
  await expectDelivered([...before, ...after])
  expect(await acked).toBe('storage_lost')
  expect(await eventsOf(page, 'storageLost')).toEqual([{ pendingRecords: 1 }])
})

test('B11: the older tab closes the database for a newer version', async () => {
  const { topic, proxy, tab, expectDelivered } = await stage.scene()
  const old = await tab()
  proxy.setRules({ path: RECORDS, fault: { kind: 'refuse' } })
  const queued = await sendNumbered(old, { topic, sender: 'old', count: 20 })
  const page = await tab({ pageUrl: nextBuildUrl })
  queued.push(...(await sendNumbered(page, { topic, sender: 'new', count: 20 })))
  expect(await eventsOf(old, 'reloadNeeded')).toEqual([{ reason: 'outdated' }])
  expect(await refusalOfSend(old, topic)).not.toMatch(/queued|no answer/)
  proxy.setRules()
  await flush(page)
  await expectDelivered(queued)
})

test('B11: an older version rejects at once if it finds a newer database', async () => {
  const { topic, tab, expectDelivered } = await stage.scene()
  const page = await tab({ pageUrl: nextBuildUrl })
  const queued = await sendNumbered(page, { topic, sender: 'new', count: 5 })
  const old = await tab()
  expect(await refusalOfSend(old, topic)).not.toMatch(/queued|no answer/)
  queued.push(...(await sendNumbered(page, { topic, sender: 'new', count: 5 })))
  await flush(page)
  await expectDelivered(queued)
})

test('B11: a tab that does not close the database is reported, and waited for', async () => {
  const { topic, context, proxy, tab, expectDelivered } = await stage.scene()
  const first = await tab()
  const queued = await sendNumbered(first, { topic, sender: 'old', count: 5 })
  await flush(first)
  await first.close()
  const stubborn = await context.newPage()
  await stubborn.goto(stage.pages.url)
  await stubborn.evaluate(
    (name) =>
      new Promise((resolve) => {
        indexedDB.open(name).onsuccess = resolve
      }),
    `edgelog ${proxy.url} anonymous`,
  )
  const page = await tab({ pageUrl: nextBuildUrl })
  const sending = sendNumbered(page, { topic, sender: 'new', count: 5 })
  await expect
    .poll(() => eventsOf(page, 'reloadNeeded'), { timeout: 120_000 })
    .toContainEqual({ reason: 'blocked' })
  await stubborn.close()
  queued.push(...(await sending))
  await flush(page)
  await expectDelivered(queued)
})

test('B18: a database that was lost while no tab was open is reported by the next tab, which starts again', async () => {
  const { topic, context, proxy, tab, expectDelivered } = await stage.scene({ partitions: 2 })
  const first = await tab()
  const queued = await sendNumbered(first, { topic, sender: 'a', count: 20, partitions: 2 })
  await flush(first)
  await first.close()
  const page = await context.newPage()
  await page.goto(stage.pages.url)
  await clearSite(context, page)
  await connectTab(page, { url: proxy.url })
  queued.push(...(await sendNumbered(page, { topic, sender: 'b', count: 20, partitions: 2 })))
  await flush(page)
  await expectDelivered(queued)
  const lost = () => eventsOf(page, 'storageLost')
  await expect.poll(lost).toEqual([{ pendingRecords: null }])
  await waitForStatus(page, 'pending', [0])
  const another = await tab()
  await flush(another)
  expect(await eventsOf(another, 'storageLost')).toEqual([])
})
