/** Tabs that take long to notice something, or are many. */
import type { BrowserContext, Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { leaderOf } from './support/leader.ts'
import { useStage } from './support/stage.ts'
import { connectTab, flush, load, sendNumbered, waitForStatus } from './support/tab.ts'

const stage = useStage()

/** A page is stopped at most this many times until no transaction of it is open. */
const FREEZE_TRIES_MAX = 20

/**
 * Stops all scripts of a page. Chromium does not freeze a page that it considers visible,
 * as pages under test always are, so the page is paused between two statements instead.
 * Chromium does not freeze a page whose transaction others wait for either: such a pause is repeated.
 */
async function freeze(
  context: BrowserContext,
  page: Page,
  other: Page,
): Promise<() => Promise<unknown>> {
  const session = await context.newCDPSession(page)
  for (let tries = 0; tries < FREEZE_TRIES_MAX; tries++) {
    const paused = new Promise((resolve) => session.once('Debugger.paused', resolve))
    await session.send('Debugger.enable')
    await session.send('Debugger.pause')
    await paused
    if (await canWrite(other)) return () => session.send('Debugger.disable')
    await session.send('Debugger.disable')
  }
  throw new Error(`${FREEZE_TRIES_MAX} pauses were all within a transaction`)
}

/** Returns whether a page gets a transaction over all stores of each database within 2 s. */
function canWrite(page: Page): Promise<boolean> {
  return page.evaluate(async () => {
    const write = (name: string) =>
      new Promise<boolean>((resolve, reject) => {
        const open = indexedDB.open(name)
        open.onerror = () => reject(open.error)
        open.onsuccess = () => {
          const database = open.result
          const end = (isDone: boolean) => {
            database.close()
            resolve(isDone)
          }
          const stores = [...database.objectStoreNames]
          const transaction = database.transaction(stores, 'readwrite')
          transaction.objectStore(stores[0] as string).count().onsuccess = () => end(true)
          setTimeout(() => end(false), 2000)
        }
      })
    const names = (await indexedDB.databases()).map(({ name }) => name as string)
    return (await Promise.all(names.map(write))).every((isDone) => isDone)
  })
}

test.each([
  ['with an event', true],
  ['without an event', false],
])(
  'B6: another tab leads when the leader is frozen %s, which steps down when it thaws',
  async (_, hearsIt) => {
    const { topic, context, proxy, tab, expectDelivered } = await stage.scene({ partitions: 2 })
    const pages = [await tab(), await tab()]
    const { leader, others } = await leaderOf(pages)
    const [other] = others as [Page]
    proxy.setRules({ path: /\/records$/, method: 'POST', fault: { kind: 'swallow' } })
    const queued = await sendNumbered(leader, {
      topic,
      sender: 'leader',
      count: 100,
      partitions: 2,
    })
    // Waiting for a response, outside a transaction: Chromium does not freeze a page that blocks others.
    await expect.poll(() => proxy.open(/records$/).length).toBe(2)
    await leader.waitForTimeout(500)
    proxy.setRules()
    if (hearsIt) await leader.evaluate(() => document.dispatchEvent(new Event('freeze')))
    const thaw = await freeze(context, leader, other)
    queued.push(
      ...(await sendNumbered(other, { topic, sender: 'other', count: 50, partitions: 2 })),
    )
    await waitForStatus(other, 'isLeader', [true])
    await flush(other)
    await expectDelivered(queued)
    queued.push(
      ...(await sendNumbered(other, { topic, sender: 'other', count: 50, partitions: 2 })),
    )
    await thaw()
    if (hearsIt) await leader.evaluate(() => document.dispatchEvent(new Event('resume')))
    queued.push(
      ...(await sendNumbered(leader, { topic, sender: 'leader', count: 9, partitions: 2 })),
    )
    await leaderOf(pages)
    await flush(leader)
    await flush(other)
    await expectDelivered(queued)
  },
)

test('B7: of 30 tabs that start together one leads', async () => {
  const { topic, context, proxy, expectDelivered } = await stage.scene({ partitions: 2 })
  const pages: Page[] = []
  for (let i = 0; i < 30; i++) {
    const page = await context.newPage()
    await load(page, stage.pages.url)
    pages.push(page)
  }
  const queued = await Promise.all(
    pages.map(async (page, index) => {
      await connectTab(page, { url: proxy.url })
      return await sendNumbered(page, { topic, sender: `tab${index}`, count: 4, partitions: 2 })
    }),
  )
  await leaderOf(pages)
  await Promise.all(pages.map(flush))
  await expectDelivered(queued.flat())
})

test('B17: one tab leads after a storm of reloads', async () => {
  const { topic, proxy, tab, expectDelivered } = await stage.scene({ partitions: 2 })
  const page = await tab()
  const queued: string[] = []
  for (let reload = 0; reload < 10; reload++) {
    const records = { topic, sender: `load${reload}`, count: 20, partitions: 2 }
    queued.push(...(await sendNumbered(page, records)))
    await load(page, stage.pages.url)
    await connectTab(page, { url: proxy.url })
  }
  await waitForStatus(page, 'isLeader', [true])
  await flush(page)
  await expectDelivered(queued)
})
