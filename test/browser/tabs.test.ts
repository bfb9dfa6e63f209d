/** One of a user's tabs leads, whatever happens to it. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { leaderOf, leadersOf } from './support/leader.ts'
import { startPageServer } from './support/page-server.ts'
import { useStage } from './support/stage.ts'
import { connectTab, flush, load, scriptsOf, sendNumbered, waitForStatus } from './support/tab.ts'

const stage = useStage()

/** Goes back in the history; if the browser has not kept the page, it is loaded again. */
async function goBack(page: Page, url: string): Promise<{ isKept: boolean }> {
  await page.goBack({ waitUntil: 'commit' })
  await page.waitForFunction(() => window.edgelog !== undefined)
  const isKept = await page.evaluate(() => window.log !== undefined)
  if (!isKept) await connectTab(page, { url })
  return { isKept }
}

test('B5: another tab leads when the leader is closed', async () => {
  const { topic, tab, expectDelivered } = await stage.scene()
  const pages = await Promise.all([tab(), tab(), tab()])
  const { leader, others } = await leaderOf(pages)
  const queued = await sendNumbered(leader, { topic, sender: 'leader', count: 200 })
  await leader.close()
  const [first, second] = others
  if (first === undefined || second === undefined) throw new Error('two tabs are left')
  await expect.poll(async () => (await leadersOf(others)).length).toBe(1)
  queued.push(...(await sendNumbered(first, { topic, sender: 'other', count: 10 })))
  await flush(second)
  await expectDelivered(queued)
})

test("B5: another tab leads when the leader is closed while the page's server is away", async () => {
  const { topic, tab, expectDelivered } = await stage.scene()
  const origin = await startPageServer()
  try {
    const pages = [await tab({ pageUrl: origin.url }), await tab({ pageUrl: origin.url })]
    const { leader, others } = await leaderOf(pages)
    const queued = await sendNumbered(leader, { topic, sender: 'leader', count: 10 })
    await flush(leader)
    const [page] = others as [Page]
    // A page loads what it needs to lead after it has connected.
    const scripts = await scriptsOf(leader)
    await expect.poll(() => scriptsOf(page)).toEqual(scripts)
    await origin.close()
    await leader.close()
    await waitForStatus(page, 'isLeader', [true])
    queued.push(...(await sendNumbered(page, { topic, sender: 'other', count: 10 })))
    await flush(page)
    await expectDelivered(queued)
  } finally {
    await origin.close()
  }
})

test('B5: a tab leaves the lead to others until it has the code to lead with', async () => {
  const { topic, context, proxy, tab, expectDelivered } = await stage.scene()
  const waiting = await context.newPage()
  await load(waiting, stage.pages.url)
  // The page gets no response for the scripts that it loads after it has connected.
  await waiting.route('**/*.js', () => undefined)
  await connectTab(waiting, { url: proxy.url })
  const queued = await sendNumbered(waiting, { topic, sender: 'waiting', count: 10 })
  const page = await tab()
  queued.push(...(await sendNumbered(page, { topic, sender: 'other', count: 10 })))
  await waitForStatus(page, 'isLeader', [true])
  await flush(page)
  await expectDelivered(queued)
})

test('B7: of 2 tabs that start together one leads', async () => {
  const { topic, context, proxy, expectDelivered } = await stage.scene({ partitions: 2 })
  const pages: Page[] = []
  for (let i = 0; i < 2; i++) {
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

test('B17: a page that is left for another and comes back leads again', async () => {
  const { topic, proxy, tab, expectDelivered } = await stage.scene()
  const page = await tab()
  const queued = await sendNumbered(page, { topic, sender: 'a', count: 5 })
  await flush(page)
  // The same server by another name is another origin, such as one that signs users in.
  await page.goto(stage.pages.url.replace('localhost', '127.0.0.1'))
  const { isKept } = await goBack(page, proxy.url)
  expect(isKept, 'kept by the browser').toBe(true)
  await waitForStatus(page, 'isLeader', [true])
  queued.push(...(await sendNumbered(page, { topic, sender: 'a', count: 5 })))
  await flush(page)
  await expectDelivered(queued)
  expect(proxy.exchanges().length).toBeLessThan(20)
})

test('B17: another tab leads while a page is in the back/forward cache', async () => {
  const { topic, proxy, tab, expectDelivered } = await stage.scene()
  const pages = [await tab(), await tab()]
  const { leader, others } = await leaderOf(pages)
  const [other] = others as [Page]
  const queued = await sendNumbered(leader, { topic, sender: 'leader', count: 50 })
  await leader.goto(stage.pages.url.replace('localhost', '127.0.0.1'))
  await waitForStatus(other, 'isLeader', [true])
  await flush(other)
  await expectDelivered(queued)
  await goBack(leader, proxy.url)
  queued.push(...(await sendNumbered(leader, { topic, sender: 'back', count: 5 })))
  await flush(leader)
  await expectDelivered(queued)
})
