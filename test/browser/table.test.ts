/** Tables of compacted topics in real pages. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { useStage } from './support/stage.ts'
import { connectTab, flush, load } from './support/tab.ts'

const stage = useStage()

interface Customer {
  readonly name: string
}

async function get(page: Page, topic: string, key: string): Promise<string | undefined> {
  return await page.evaluate(
    async ([of, name]) => (await window.log.table<Customer>(of).get(name))?.value?.name,
    [topic, key] as const,
  )
}

async function entries(page: Page, topic: string): Promise<Array<[string | null, string]>> {
  return await page.evaluate(async (of) => {
    const found: Array<[string | null, string]> = []
    for await (const { key, value } of window.log.table<Customer>(of).entries()) {
      found.push([key, value?.name ?? ''])
    }
    return found.toSorted()
  }, topic)
}

/** Sends values by key; `null` removes the key. */
async function send(
  page: Page,
  topic: string,
  values: Record<string, string | null>,
): Promise<void> {
  await page.evaluate(
    async ([of, given]) => {
      for (const [key, name] of Object.entries(given)) {
        await window.log.send(of, { key, value: name === null ? null : { name } })
      }
    },
    [topic, values] as const,
  )
  await flush(page)
}

test('a table is read in every tab, follows the log, and stays without the server', async () => {
  const config = { 'cleanup.policy': 'compact' }
  const { topic, proxy, tab } = await stage.scene({ partitions: 2, config })
  const [first, second] = [await tab(), await tab()]
  // An empty key is a key.
  await send(first, topic, { '': 'Nobody', a: 'Ada', b: 'Bob', c: 'Cy' })
  await expect.poll(() => get(second, topic, 'c')).toBe('Cy')
  expect(await get(first, topic, '')).toBe('Nobody')
  await second.evaluate((of) => {
    window.seen = { [of]: [] }
    void (async () => {
      for await (const { key, value } of window.log.table<{ name: string }>(of).watch()) {
        window.seen[of]?.push(`${key}=${value?.name}`)
      }
    })()
  }, topic)
  const seen = () => second.evaluate((of) => window.seen[of]?.toSorted(), topic)
  await expect.poll(seen).toEqual(['=Nobody', 'a=Ada', 'b=Bob', 'c=Cy'])
  await send(first, topic, { a: 'Ada L.', b: null })
  await expect.poll(seen).toEqual(['=Nobody', 'a=Ada', 'a=Ada L.', 'b=Bob', 'b=undefined', 'c=Cy'])
  const left = [
    ['', 'Nobody'],
    ['a', 'Ada L.'],
    ['c', 'Cy'],
  ]
  expect(await entries(first, topic)).toEqual(left)
  proxy.setFault({ kind: 'refuse' })
  proxy.cut()
  await first.close()
  await load(second, stage.pages.url)
  await connectTab(second, { url: proxy.url })
  expect(await entries(second, topic)).toEqual(left)
  expect(await get(second, topic, 'b')).toBeUndefined()
  proxy.setFault({ kind: 'pass' })
  await send(second, topic, { d: 'Di' })
  await expect.poll(() => get(second, topic, 'd')).toBe('Di')
})

/** Returns the offset below which tombstones are gone from partition 0, as the server reports it to readers. */
async function tombstonesGoneBelow(topic: string): Promise<number> {
  const path = `/v1/topics/${topic}/partitions/0/records?offset=latest`
  const { headers } = await fetch(stage.server.url + path)
  return Number(headers.get('edgelog-tombstones-gone-below'))
}

test('a page that was away while tombstones were removed reads the table again from its log', async () => {
  const { topic, proxy, tab } = await stage.scene({
    config: {
      'cleanup.policy': 'compact',
      'segment.ms': 50,
      'min.cleanable.dirty.ratio': 0,
      'delete.retention.ms': 0,
    },
  })
  const page = await tab()
  await send(page, topic, { a: 'Ada', b: 'Bob', c: 'Cy' })
  await expect.poll(() => entries(page, topic)).toHaveLength(3)
  proxy.setFault({ kind: 'refuse' })
  proxy.cut()
  const records = [
    { key: 'a', value: null },
    { key: 'b', value: '{"name":"Bo"}' },
    { key: 'd', value: '{"name":"Di"}' },
  ]
  await stage.server.request('POST', `/v1/topics/${topic}/partitions/0/records`, { records })
  // The tombstone of `a` has offset 3.
  await expect.poll(() => tombstonesGoneBelow(topic)).toBe(4)
  await load(page, stage.pages.url)
  await connectTab(page, { url: proxy.url })
  const former = [
    ['a', 'Ada'],
    ['b', 'Bob'],
    ['c', 'Cy'],
  ]
  expect(await entries(page, topic)).toEqual(former)
  await page.evaluate((of) => {
    window.seen = { [of]: [] }
    void (async () => {
      for await (const { key, value } of window.log.table<{ name: string }>(of).watch()) {
        window.seen[of]?.push(`${key}=${value?.name}`)
      }
    })()
  }, topic)
  const seen = () => page.evaluate((of) => window.seen[of], topic)
  await expect.poll(seen).toEqual(['a=Ada', 'b=Bob', 'c=Cy'])
  proxy.setFault({ kind: 'pass' })
  const changes = ['a=undefined', 'b=Bo', 'd=Di']
  await expect.poll(async () => (await seen())?.slice(3).toSorted()).toEqual(changes)
  const latest = [
    ['b', 'Bo'],
    ['c', 'Cy'],
    ['d', 'Di'],
  ]
  expect(await entries(page, topic)).toEqual(latest)
  const rows = await page.evaluate(async () => {
    const [{ name = '' } = {}] = await indexedDB.databases()
    return await new Promise<number>((resolve, reject) => {
      const opened = indexedDB.open(name)
      opened.onerror = () => reject(opened.error)
      opened.onsuccess = () => {
        const counted = opened.result.transaction('tableRows').objectStore('tableRows').count()
        counted.onerror = () => reject(counted.error)
        counted.onsuccess = () => {
          opened.result.close()
          resolve(counted.result)
        }
      }
    })
  })
  // The former copy is deleted.
  expect(rows).toBe(latest.length)
})

test('get() waits for the record that the page has just sent', async () => {
  const scene = await stage.scene({ config: { 'cleanup.policy': 'compact' } })
  const page = await scene.tab({ transports: ['long-poll'] })
  const names = await page.evaluate(async (topic) => {
    const found: unknown[] = []
    const table = window.log.table<{ name: string }>(topic)
    for (const name of ['Ada', 'Ada L.', 'Ada Lovelace']) {
      const { acked } = await window.log.send(topic, { key: '1', value: { name } })
      const at = (await acked).offset
      found.push((await table.get('1', { at, waitMs: 60_000 }))?.value?.name)
    }
    return found
  }, scene.topic)
  expect(names).toEqual(['Ada', 'Ada L.', 'Ada Lovelace'])
})

test('a topic that is not compacted has no table, and a page that signs out leaves none', async () => {
  const scene = await stage.scene()
  const page = await scene.tab()
  const code = await page.evaluate(
    async (topic) =>
      await window.log
        .table(topic)
        .get('a')
        .catch((error: { code: string }) => error.code),
    scene.topic,
  )
  expect(code).toBe('table_not_enabled')
  await page.evaluate(() => window.log.signOut())
  expect(await page.evaluate(async () => (await indexedDB.databases()).length)).toBe(0)
})
