/** Tabs that take long to notice something, or are many. */
import type { BrowserContext, Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { leaderOf } from './support/leader.ts'
import { useStage } from './support/stage.ts'
import { connectTab, flush, load, sendNumbered, waitForStatus } from './support/tab.ts'

const stage = useStage()

/**
 * Stops all scripts of a page. Chromium does not freeze a page that it considers visible,
 * as pages under test always are, so the page is paused between two statements instead.
 */
async function freeze(context: BrowserContext, page: Page): Promise<() => Promise<unknown>> {
  const session = await context.newCDPSession(page)
  await session.send('Debugger.enable')
  await session.send('Debugger.pause')
  return () => session.send('Debugger.disable')
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
    const thaw = await freeze(context, leader)
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
