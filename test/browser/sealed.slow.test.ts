/** History by sealed chunks in a real browser, which has a cache of its own. */
import { expect, test } from 'vitest'
import { useStage } from './support/stage.ts'
import { readOn, seenBy } from './support/tab.ts'

const stage = useStage()
const SEALED = /\/sealed\//

test('a page reads history by sealed chunks, and another user of the browser by its copies', async () => {
  const { topic, proxy, tab } = await stage.scene()
  const values = Array.from({ length: 6 }, (_, index) => `${index}${'x'.repeat(600_000)}`)
  // Each is a chunk that is sealed at once.
  for (const value of values) await stage.server.produce(topic, [value])
  await stage.server.produce(topic, ['last'])
  const readAll = async (principal: string) => {
    proxy.forget()
    const page = await tab({ principal })
    await readOn(page, topic)
    const isComplete = async () => (await seenBy(page, topic))?.length === 7
    await expect.poll(isComplete, { timeout: 120_000 }).toBe(true)
    expect(await seenBy(page, topic)).toEqual([...values, 'last'])
    await expect.poll(() => proxy.open(SEALED).length, { timeout: 120_000 }).toBe(0)
    await page.close()
    return proxy.exchanges(SEALED).map(({ status }) => status)
  }
  const first = await readAll('alice')
  expect(first.filter((status) => status === 200).length).toBeGreaterThanOrEqual(6)
  // The browser asks whether its copies are still valid: the records may have been deleted.
  const second = await readAll('bob')
  expect(second.filter((status) => status === 304).length).toBeGreaterThanOrEqual(6)
  expect(second).not.toContain(200)
})
