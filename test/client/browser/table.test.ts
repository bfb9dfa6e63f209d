/** The table of a page: waiting for the first copy, changes, and reasons to drop or rebuild it. */
import { deleteDB, openDB } from 'idb'
import { afterEach, expect, test } from 'vitest'
import { TABLE_CHECK_MS, TABLE_WAIT_MS } from '../../../client/browser/limits.ts'
import type { TypedRecord } from '../../../client/typed-topic.ts'
import {
  type CompactedLog,
  entriesOf,
  follow,
  followToEnd,
  openTable,
  TableServer,
  type TableTab,
  TOPIC,
} from './table-for-test.ts'

const opened: TableTab[] = []

afterEach(async () => {
  for (const tab of opened.splice(0)) await tab.close()
})

function setUp(partitions = 1) {
  const server = new TableServer(partitions)
  const log = server.logs[0] as CompactedLog
  return { server, log, tab: open(server) }
}

function open(server: TableServer, name?: string): TableTab {
  const tab = openTable(server, name)
  opened.push(tab)
  return tab
}

type Watched = Pick<TypedRecord<string>, 'key' | 'value'>

/** Collects what a watcher yields. */
function watch(tab: TableTab, prefix = '') {
  const end = new AbortController()
  const seen: Watched[] = []
  const run = async () => {
    for await (const { key, value } of tab.view.watch({ prefix, signal: end.signal })) {
      seen.push({ key, value })
    }
  }
  const done = run().catch((error: unknown) => error)
  return { seen, done, end: () => end.abort(new Error('seen enough')) }
}

test('get() waits for the first copy of the table, and returns undefined for other keys', async () => {
  const { server, log, tab } = setUp()
  log.put('a', 'old')
  log.put('a', 'new')
  const found = tab.view.get('a')
  await expect.poll(() => tab.writer.states()).toHaveLength(1)
  await followToEnd(tab, server)
  expect(await found).toMatchObject({ topic: TOPIC, partition: 0, offset: 1, value: 'new' })
  expect(await tab.view.get('b')).toBeUndefined()
})

test('get() waits for an offset, and gives up in time', async () => {
  const { server, log, tab } = setUp()
  log.put('a', 'old')
  await tab.keep()
  await followToEnd(tab, server)
  const found = tab.view.get('a', { at: 1 })
  log.put('a', 'new')
  await followToEnd(tab, server)
  expect(await found).toMatchObject({ offset: 1, value: 'new' })
  const late = expect(tab.view.get('a', { at: 2 })).rejects.toMatchObject({ code: 'unavailable' })
  await expect.poll(() => tab.clock.pending).toBeGreaterThan(1)
  tab.clock.advance(TABLE_WAIT_MS)
  await late
})

test('a table is read without the network once this browser has it', async () => {
  const { server, log, tab } = setUp()
  log.put('a', 'kept')
  await tab.keep()
  await followToEnd(tab, server)
  server.isReachable = false
  const other = open(server, tab.name)
  expect(await other.view.get('a')).toMatchObject({ value: 'kept' })
  expect(await entriesOf(other)).toEqual(new Map([['a', 'kept']]))
})

test('a topic that is not compacted, or not there, is refused', async () => {
  const { server, tab } = setUp()
  server.policy = 'delete'
  await expect(tab.view.get('a')).rejects.toMatchObject({ code: 'table_not_enabled' })
  server.isGone = true
  await expect(tab.view.get('a')).rejects.toMatchObject({ code: 'unknown_topic_or_partition' })
  expect(await tab.writer.states()).toEqual([])
})

test.each([
  [{ at: -1 }, 'at: must be a whole number of at least 0, got -1'],
  [{ waitMs: 0.5 }, 'waitMs: must be a whole number of at least 0, got 0.5'],
  [{ partition: Number.NaN }, 'partition: must be a whole number of at least 0, got NaN'],
])('get() rejects %o', async (options, message) => {
  const { tab } = setUp()
  const error = { code: 'invalid_request', message }
  await expect(tab.view.get('a', options)).rejects.toMatchObject(error)
})

test('entries() yields more keys than one read of the database, in the order of their bytes', async () => {
  const { server, log, tab } = setUp()
  const keys = Array.from({ length: 2_100 }, (_, index) => `k${index}`)
  for (const key of keys) log.put(key, key)
  log.put('other', 'x')
  await tab.keep()
  await follow(tab, server)
  expect([...(await entriesOf(tab, 'k')).keys()]).toEqual(keys.toSorted())
})

test('a watcher in another tab gets the entries, each change, and each removal', async () => {
  const { server, log, tab } = setUp(2)
  log.put('a1', 'old')
  log.put('b1', 'other')
  await tab.keep()
  await followToEnd(tab, server)
  const watcher = watch(open(server, tab.name), 'a')
  const expected = [{ key: 'a1', value: 'old' }] as Watched[]
  await expect.poll(() => watcher.seen).toEqual(expected)
  log.put('b1', 'changed')
  log.put('a2', 'new')
  server.logs[1]?.put('a3', 'elsewhere')
  await followToEnd(tab, server)
  expected.push({ key: 'a2', value: 'new' }, { key: 'a3', value: 'elsewhere' })
  await expect.poll(() => watcher.seen).toEqual(expected)
  log.put('a1', null)
  await followToEnd(tab, server)
  expected.push({ key: 'a1', value: null })
  await expect.poll(() => watcher.seen).toEqual(expected)
  watcher.end()
  expect(await watcher.done).toMatchObject({ message: 'seen enough' })
})

test('a table that missed a tombstone is built again, and shows the former one meanwhile', async () => {
  const { server, log, tab } = setUp()
  for (const key of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']) log.put(key, key)
  await tab.keep()
  await followToEnd(tab, server)
  const before = await entriesOf(tab)
  const watcher = watch(tab)
  await expect.poll(() => watcher.seen).toHaveLength(9)
  log.put('a', null)
  log.put('b', 'new')
  log.compact(log.endOffset, true)
  tab.clock.sleepThrough(TABLE_CHECK_MS)
  await follow(tab, server, 5)
  expect(await entriesOf(tab)).toEqual(before)
  await followToEnd(tab, server)
  expect(await entriesOf(tab)).toEqual(log.latest())
  const changes = [
    { key: 'b', value: 'new' },
    { key: 'a', value: null },
  ]
  await expect.poll(() => watcher.seen.slice(9)).toEqual(changes)
  const rows = await tab.database.read(['tableRows'], (tx) => tx.objectStore('tableRows').count())
  expect(rows).toBe(log.latest().size)
  watcher.end()
})

test('a table that has seen each tombstone stays when compaction removes them', async () => {
  const { server, log, tab } = setUp()
  log.put('a', 'x')
  log.put('a', null)
  log.put('b', 'y')
  await tab.keep()
  await followToEnd(tab, server)
  tab.clock.advance(TABLE_CHECK_MS)
  await followToEnd(tab, server)
  log.compact(log.endOffset, true)
  expect(log.goneBelow).toBe(2)
  tab.clock.advance(TABLE_CHECK_MS)
  await followToEnd(tab, server)
  const [state] = await tab.writer.states()
  expect(state?.partitions[0]?.shown?.generation).toBe(1)
})

test('a partition is followed anew when a late look finds that it missed a tombstone', async () => {
  const { server, log, tab } = setUp()
  log.put('a', 'x')
  await tab.keep()
  await followToEnd(tab, server)
  log.put('a', null)
  log.put('b', 'y')
  log.put('c', 'z')
  log.compact(log.endOffset, true)
  await follow(tab, server)
  expect((await entriesOf(tab)).get('a')).toBe('x')
  const { changed } = tab.counts
  tab.clock.advance(TABLE_CHECK_MS)
  await expect.poll(() => tab.counts.changed).toBeGreaterThan(changed)
  // The sync subscribes again only to what it was without once.
  expect(await tab.follower.subscriptions()).toEqual([])
  await followToEnd(tab, server)
  expect(await entriesOf(tab)).toEqual(log.latest())
})

test('a partition is followed anew when a new connection finds that it missed a tombstone', async () => {
  const { server, log, tab } = setUp()
  log.put('a', 'x')
  await tab.keep()
  await followToEnd(tab, server)
  log.put('a', null)
  log.put('b', 'y')
  log.compact(log.endOffset, true)
  tab.clock.sleepThrough(TABLE_CHECK_MS)
  const { changed } = tab.counts
  // The sync subscribes again only to what it was without once.
  expect(await tab.follower.subscriptions()).toEqual([])
  expect(tab.counts.changed).toBe(changed + 1)
  expect(await tab.follower.subscriptions()).toMatchObject([{ partition: 0, offset: 0 }])
})

test('a recreated topic, and a deleted one, drop the table', async () => {
  const { server, log, tab } = setUp()
  log.put('a', 'x')
  await tab.keep()
  await followToEnd(tab, server)
  server.recreate()
  server.logs[0]?.put('b', 'y')
  await followToEnd(tab, server)
  expect(await entriesOf(tab)).toEqual(new Map([['b', 'y']]))
  server.isGone = true
  expect(await tab.follower.subscriptions()).toEqual([])
  const rows = await tab.database.read(['tableRows'], (tx) => tx.objectStore('tableRows').count())
  expect(rows).toBe(0)
  await expect(tab.view.get('b')).rejects.toMatchObject({ code: 'unknown_topic_or_partition' })
})

test('two tabs that follow the same table write each record once', async () => {
  const { server, log, tab } = setUp()
  await tab.keep()
  await followToEnd(tab, server)
  const other = open(server, tab.name)
  for (let round = 0; round < 20; round++) {
    log.put(`k${round % 3}`, `${round}`)
    if (round % 4 === 0) log.put(`k${(round + 1) % 3}`, null)
    await Promise.all([follow(tab, server, 1), follow(other, server, 2)])
  }
  await followToEnd(tab, server)
  expect(await entriesOf(other)).toEqual(log.latest())
})

test('a database of the version without tables is opened, and keeps its data', async () => {
  const { server, log } = setUp()
  const name = 'table-upgrade'
  await deleteDB(name)
  const old = await openDB(name, 1, {
    upgrade: (db) => {
      for (const store of ['meta', 'topics', 'follows', 'producers', 'outbox', 'parked']) {
        db.createObjectStore(store, store === 'meta' ? {} : { keyPath: 'topic' })
      }
      for (const store of ['batches', 'cursors']) db.createObjectStore(store, { keyPath: 'topic' })
    },
  })
  await old.put('meta', 'kept', 'clientId')
  old.close()
  const tab = open(server, name)
  log.put('a', 'x')
  await tab.keep()
  await followToEnd(tab, server)
  expect(await entriesOf(tab)).toEqual(log.latest())
  const kept = await tab.database.read(['meta'], (tx) => tx.objectStore('meta').get('clientId'))
  expect(kept).toBe('kept')
})
