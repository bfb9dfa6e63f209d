/** Transactions of a page: whole or not at all, under faults of the network and the tabs. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { useStage } from './support/stage.ts'
import { flush, statusOf, waitForStatus } from './support/tab.ts'

const stage = useStage()
const TRANSACTIONS = /\/v1\/transactions$/

/** Queues transactions of two records each: `name` and a number, in partition 0 of the first and the last topic. */
function queue(page: Page, topics: readonly string[], name: string, count = 1): Promise<void> {
  return page.evaluate(
    async ([names, prefix, numbers]) => {
      for (let n = 0; n < numbers; n++) {
        await window.log.transaction((tx) => {
          tx.send(names[0] ?? '', { value: `${prefix}${n}`, partition: 0 })
          tx.send(names.at(-1) ?? '', { value: `${prefix}${n}!`, partition: 0 })
        })
      }
    },
    [topics, name, count] as const,
  )
}

async function otherTopic(topic: string): Promise<string> {
  const name = `${topic}-other`
  await stage.server.request('POST', '/v1/topics', { name })
  return name
}

async function valuesOf(topic: string): Promise<string[]> {
  return [...(await stage.server.readTopic(topic)).values()].flat()
}

test('a transaction that was made offline arrives whole, also after the page is closed', async () => {
  const { topic, context, proxy, tab } = await stage.scene()
  const other = await otherTopic(topic)
  const page = await tab()
  // A transaction needs the engine, which is loaded while there is a network.
  await queue(page, [topic, other], 'online')
  await flush(page)
  await context.setOffline(true)
  await queue(page, [topic, other], 'a', 2)
  await waitForStatus(page, 'pending', [2])
  const pending = await page.evaluate(async (name) => {
    const all = await window.log.outbox.pending()
    const own = await window.log.outbox.pending(name)
    return [all, own].map((records) => records.map(({ valueText }) => valueText))
  }, other)
  expect(pending).toEqual([
    ['a0', 'a0!', 'a1', 'a1!'],
    ['a0!', 'a1!'],
  ])
  await proxy.down()
  await page.close()
  await context.setOffline(false)
  const next = await tab()
  await proxy.up()
  await flush(next)
  expect([await valuesOf(topic), await valuesOf(other)]).toEqual([
    ['online0', 'a0', 'a1'],
    ['online0!', 'a0!', 'a1!'],
  ])
  await waitForStatus(next, 'pending', [0])
})

test('a transaction is stored once when its responses are lost', async () => {
  const { topic, proxy, tab } = await stage.scene()
  const page = await tab()
  proxy.setRules({ path: TRANSACTIONS, method: 'POST', times: 2, fault: { kind: 'dropReply' } })
  const isQueued = await page.evaluate(async (name) => {
    const { queued, acked } = await window.log.transaction((tx) => tx.send(name, { value: 'once' }))
    await acked
    return queued
  }, topic)
  expect(isQueued).toBe(true)
  expect(await valuesOf(topic)).toEqual(['once'])
  expect(proxy.exchanges(TRANSACTIONS)).toHaveLength(3)
})

test('a rejected transaction is parked whole, and can be sent again or discarded', async () => {
  const { topic, tab } = await stage.scene({ config: { 'max.message.bytes': 1_000 } })
  const other = await otherTopic(topic)
  const page = await tab()
  const poison = 'x'.repeat(2_000)
  const code = await page.evaluate(
    async ([names, value]) => {
      const { acked } = await window.log.transaction((tx) => {
        tx.send(names[1], { value: 'good' })
        tx.send(names[0], { value })
      })
      return await acked.then(
        () => 'acked',
        (error: { code: string }) => error.code,
      )
    },
    [[topic, other], poison] as const,
  )
  expect(code).toBe('message_too_large')
  await queue(page, [topic, other], 'later')
  await flush(page)
  expect([await valuesOf(topic), await valuesOf(other)]).toEqual([['later0'], ['later0!']])
  const parked = await page.evaluate(async () =>
    (await window.log.outbox.parked()).map(({ id, record }) => [id, record.topic] as const),
  )
  expect(parked.map(([, name]) => name)).toEqual([other, topic])
  expect(new Set(parked.map(([id]) => id)).size).toBe(1)

  const config = { 'max.message.bytes': 3_000 }
  await stage.server.request('PATCH', `/v1/topics/${topic}`, { config })
  // The server's own copy of the config may be old for a while.
  await expect
    .poll(async () => {
      await page.evaluate(() => window.log.outbox.retry())
      await flush(page)
      return await page.evaluate(async () => (await window.log.outbox.parked()).length)
    })
    .toBe(0)
  expect([await valuesOf(topic), await valuesOf(other)]).toEqual([
    ['later0', poison],
    ['later0!', 'good'],
  ])
})

test('transactions of two tabs that both send are whole, once, and in the order of each tab', async () => {
  const { topic, context, tab } = await stage.scene()
  await context.addInitScript(() => {
    Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })
  })
  const pages = await Promise.all([tab(), tab()])
  for (const page of pages) await waitForStatus(page, 'isLeader', [true])
  await Promise.all(pages.map((page, index) => queue(page, [topic], `tab${index}-`, 5)))
  for (const page of pages) await flush(page)
  const values = await valuesOf(topic)
  for (const index of [0, 1]) {
    const own = values.filter((value) => value.startsWith(`tab${index}`))
    expect(own).toEqual([0, 1, 2, 3, 4].flatMap((n) => [`tab${index}-${n}`, `tab${index}-${n}!`]))
  }
  expect(values).toHaveLength(20)
})

test('a transaction whose function throws is not queued', async () => {
  const { topic, tab } = await stage.scene()
  const page = await tab()
  const message = await page.evaluate(async (name) => {
    const made = window.log.transaction(async (tx) => {
      await tx.send(name, { value: 'x' })
      throw new Error('on purpose')
    })
    return await made.catch((error: Error) => error.message)
  }, topic)
  expect(message).toBe('on purpose')
  expect(await statusOf(page)).toMatchObject({ pending: 0 })
})
