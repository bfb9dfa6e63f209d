/** A page's cache gives way when its database is full. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { MIB, noise, refusalOfSend, tabWithQuota } from './support/quota.ts'
import { useStage } from './support/stage.ts'
import { flush, sendNumbered, waitForStatus } from './support/tab.ts'

const stage = useStage()
const RECORDS = /\/records$/

/** Returns the oldest cached offset of partition 0. */
function firstKept(page: Page, database: string, topic: string): Promise<number> {
  return page.evaluate(
    ([name, of]) =>
      new Promise<number>((resolve, reject) => {
        const opening = indexedDB.open(name)
        opening.onerror = () => reject(opening.error)
        opening.onsuccess = () => {
          const reading = opening.result.transaction('cursors').objectStore('cursors').get([of, 0])
          reading.onsuccess = () => {
            opening.result.close()
            // Nothing is cached if there was no space to write the smaller cursors.
            resolve(reading.result?.startOffset ?? Number.POSITIVE_INFINITY)
          }
        }
      }),
    [database, topic] as const,
  )
}

test('B9: cached records of followed topics make room for queued ones', async () => {
  const scene = await stage.scene()
  const { topic, proxy, expectDelivered } = scene
  const { page } = await tabWithQuota(stage.pages.url, scene, 4 * MIB)
  const kept = `${topic}-kept`
  await stage.server.createTopic(kept)
  await page.evaluate((name) => window.log.follow(name), kept)
  for (let i = 0; i < 12; i++) await stage.server.produce(kept, [noise(MIB / 4)])
  await waitForStatus(page, 'link', ['live'])
  await waitForStatus(page, 'lagRecords', [0])
  proxy.setRules({ path: RECORDS, method: 'POST', fault: { kind: 'refuse' } })
  const queued: string[] = []
  for (let i = 0; i < 4; i++) {
    // The cache grows meanwhile and may take the space: an application retries.
    await expect.poll(() => refusalOfSend(page, kept, noise(MIB / 2))).toBe('queued')
    queued.push(...(await sendNumbered(page, { topic, sender: 'a', count: 5 })))
  }
  expect(await firstKept(page, `edgelog ${proxy.url} anonymous`, kept)).toBeGreaterThan(0)
  proxy.setRules()
  await flush(page)
  await expectDelivered(queued)
})
