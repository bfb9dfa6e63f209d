/** Topologies in real pages: over the cached log, offline, in several tabs. */
import { expect, test } from 'vitest'
import { countsIn, idleIn, runInPage } from './support/page-topology.ts'
import { type Scene, useStage } from './support/stage.ts'
import { connectTab, flush, load, sendNumbered } from './support/tab.ts'

const stage = useStage()

/** Makes the topics of `runInPage`. */
async function streamScene(partitions = 2): Promise<Scene> {
  const scene = await stage.scene({ partitions })
  for (const sink of ['copies', 'counts']) {
    await stage.server.createTopic(`${scene.topic}-${sink}`, { partitions })
  }
  return scene
}

async function valuesOf(topic: string): Promise<string[]> {
  return [...(await stage.server.readTopic(topic)).values()].flat()
}

test('a topology runs over the cached log, and its results reach the log once', async () => {
  const { topic, tab } = await streamScene()
  const page = await tab()
  const sent = await sendNumbered(page, { topic, sender: 'a', count: 50, partitions: 2 })
  await flush(page)
  await runInPage(page, topic)
  await expect.poll(() => countsIn(page)).toEqual({ a: 50 })
  const more = await sendNumbered(page, { topic, sender: 'b', count: 20, partitions: 2 })
  await flush(page)
  await expect.poll(() => countsIn(page)).toEqual({ a: 50, b: 20 })
  await idleIn(page)
  await flush(page)
  expect((await valuesOf(`${topic}-copies`)).toSorted()).toEqual([...sent, ...more].toSorted())
  expect(await page.evaluate(() => window.streamErrors)).toEqual([])
})

test('every tab reads the stores, and another tab goes on when one is closed', async () => {
  const { topic, tab } = await streamScene()
  const first = await tab()
  await runInPage(first, topic)
  const second = await tab()
  await runInPage(second, topic)
  await sendNumbered(second, { topic, sender: 'a', count: 10, partitions: 2 })
  await expect.poll(() => countsIn(first)).toEqual({ a: 10 })
  await expect.poll(() => countsIn(second)).toEqual({ a: 10 })
  await first.close()
  await sendNumbered(second, { topic, sender: 'a', count: 5, partitions: 2 })
  await expect.poll(() => countsIn(second)).toEqual({ a: 15 })
  await idleIn(second)
  await flush(second)
  expect(await valuesOf(`${topic}-copies`)).toHaveLength(15)
})

test('a topology works offline, through reloads, and its results are sent once when the network is back', async () => {
  const { topic, tab, proxy } = await streamScene()
  const page = await tab()
  await runInPage(page, topic)
  const records = [
    { key: 'x', value: 'a#0' },
    { key: 'x', value: 'a#1' },
  ]
  await stage.server.request('POST', `/v1/topics/${topic}/partitions/0/records`, { records })
  await expect.poll(() => countsIn(page)).toEqual({ a: 2 })
  await stage.server.request('POST', `/v1/topics/${topic}/partitions/1/records`, { records })
  await page.evaluate(() => window.running.stop())
  // The rest of the records is cached, but not processed.
  await expect.poll(() => page.evaluate(() => window.log.status.lagRecords)).toBe(0)
  proxy.setFault({ kind: 'refuse' })
  proxy.cut()
  for (let reload = 0; reload < 3; reload++) {
    await load(page, stage.pages.url)
    await connectTab(page, { url: proxy.url })
    await runInPage(page, topic)
    await expect.poll(() => countsIn(page)).toEqual({ a: 4 })
  }
  proxy.setFault({ kind: 'pass' })
  await flush(page)
  expect((await valuesOf(`${topic}-copies`)).toSorted()).toEqual(['a#0', 'a#0', 'a#1', 'a#1'])
  expect((await valuesOf(`${topic}-counts`)).at(-1)).toBe('4')
})

test('state that is deleted in one tab is made anew in the others', async () => {
  const { topic, tab } = await streamScene()
  const [first, second] = [await tab(), await tab()]
  await runInPage(first, topic)
  await runInPage(second, topic)
  await sendNumbered(first, { topic, sender: 'a', count: 4, partitions: 2 })
  for (const page of [first, second]) await expect.poll(() => countsIn(page)).toEqual({ a: 4 })
  await first.evaluate(() => window.running.deleteState())
  await expect.poll(() => countsIn(second).catch(() => ({}))).toEqual({ a: 4 })
  await idleIn(second)
  await flush(second)
  // The new run has read the log from its start, and has written everything again.
  await expect.poll(async () => (await valuesOf(`${topic}-copies`)).length).toBe(8)
})
