/**
 * Question: does the cache of a browser have records of committed transactions only (T2, W4)?
 * Contract: docs/GUARANTEES.md. Model: what a committed fetch returns. A client that follows everything is found out.
 */
import { afterEach, expect, test } from 'vitest'
import { Follower } from '../../../client/browser/cache/follower.ts'
import { Sync } from '../../../client/browser/sync/sync.ts'
import { Channel } from '../../../client/browser/tabs/channel.ts'
import { systemClock } from '../../../client/clock.ts'
import { networkSource } from '../../../client/consumer/log-source.ts'
import { decodeBatch } from '../../../src/core/batch/decode-records.ts'
import { readBatchHeaders } from '../../../src/core/batch/record-batch.ts'
import { CODECS } from '../../../src/core/compression/codecs.ts'
import { TransactionClient } from '../../crash/transactions/transaction-client.ts'
import { sharedServerUrl, uniqueName } from '../../server/shared-server.ts'
import { until } from '../../support/until.ts'
import { openCache, rowsOf, type TestCache } from './cache-for-test.ts'
import { FakePage } from './fake-page.ts'

const closings: Array<() => unknown> = []

afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close()
})

/** Subscribes to all records, also those that no transaction has committed. */
class UncommittedSocket extends WebSocket {
  override send(message: string): void {
    const parsed = JSON.parse(message)
    const isolation = 'uncommitted'
    super.send(JSON.stringify(parsed.op === 'subscribe' ? { ...parsed, isolation } : parsed))
  }
}

/** Follows a topic into the cache of a tab. */
async function follow(url: string, topic: string, Socket: typeof WebSocket): Promise<TestCache> {
  const tab = openCache()
  await tab.cache.follow(topic)
  const connection = { url, token: undefined, fetch, clock: systemClock, random: Math.random }
  const load = async () => {
    const { id } = await (await fetch(`${url}/v1/topics/${topic}`)).json()
    const row = { topic, id, partitions: 1, maxMessageBytes: 1_048_576 }
    await tab.database.write(['topics'], (tx) => tx.objectStore('topics').put(row))
    return row
  }
  const follower: Follower = new Follower({
    ...{ cache: tab.cache, writer: tab.writer, channel: new Channel(tab.name, undefined) },
    ...{ connection, network: networkSource(connection) },
    topics: { load, request: load },
    changed: () => sync.changed(),
    failed: (error) => expect.fail(error.message),
  })
  const sink = {
    subscriptions: () => follower.subscriptions(),
    subscribed: follower.subscribed.bind(follower),
    frame: follower.frame.bind(follower),
    closed: follower.closed.bind(follower),
    changed: follower.changed.bind(follower),
  }
  const context = { connection, page: new FakePage(), WebSocket: Socket }
  const sync = new Sync(context, sink, { transports: ['websocket'] })
  sync.start()
  closings.push(
    () => tab.database.close(),
    () => sync.stop(),
  )
  return tab
}

async function cachedValues(tab: TestCache): Promise<string[]> {
  const values: string[] = []
  for (const { bytes } of await rowsOf(tab)) {
    for (const header of bytes.length === 0 ? [] : readBatchHeaders(bytes)) {
      const records = await decodeBatch(bytes, header, CODECS)
      values.push(...records.map(({ value }) => new TextDecoder().decode(value ?? undefined)))
    }
  }
  return values
}

/** Returns what a cache has stored of an aborted transaction, an open one and committed records. */
async function cachedOf(Socket: typeof WebSocket): Promise<string[]> {
  const client = new TransactionClient(sharedServerUrl())
  const topic = uniqueName('committed-cache')
  const place = { topic, partition: 0 }
  await client.createTopic(topic, 1)
  const tab = await follow(sharedServerUrl(), topic, Socket)
  const commit = (value: string) => client.oneShot({ records: [{ ...place, value }] })
  await commit('first')
  await until('the cache follows', async () => (await cachedValues(tab)).includes('first'))
  const producer = await client.init(topic, 60_000)
  if (producer.kind !== 'ok') throw new Error(JSON.stringify(producer))
  await client.send(topic, producer.value, place, 0, ['aborted'])
  const next = await client.end(topic, producer.value, 'abort')
  if (next.kind !== 'ok') throw new Error(JSON.stringify(next))
  await commit('second')
  await client.send(topic, next.value, place, 0, ['open'])
  await commit('behind the open one')
  let values: string[] = []
  await until('the cache follows on', async () => {
    values = await cachedValues(tab)
    return values.includes('second')
  })
  // A cache that has stored too much is cleared when it is noticed, so it is not read again.
  return values
}

test('stores no record of an aborted or open transaction', async () => {
  expect(await cachedOf(WebSocket)).toEqual(['first', 'second'])
})

test('detects a client that stores records of any transaction', async () => {
  expect(await cachedOf(UncommittedSocket)).toContain('aborted')
})
