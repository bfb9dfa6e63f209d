/** The limit of the size of all tables in a browser. */
import { afterEach, describe, expect, test } from 'vitest'
import {
  TABLE_FULL_MS,
  TABLE_IDLE_MS,
  TABLE_PAGE_ENTRIES,
  TABLES_BYTES_MAX,
} from '../../../client/browser/limits.ts'
import type { TableState } from '../../../client/browser/store/schema.ts'
import { planSpace } from '../../../client/browser/table/table-space.ts'
import {
  type CompactedLog,
  entriesOf,
  expectSize,
  follow,
  followToEnd,
  openTable,
  TableServer,
  type TableTab,
  TOPIC,
} from './table-for-test.ts'

const NOW_MS = 1_000 * TABLE_IDLE_MS

function stateOf(topic: string, sizeBytes: number, unusedMs: number): TableState {
  const shown = { generation: 1, position: 1, removals: 0, sizeBytes }
  const partition = { shown, build: null, goneBelow: 0, checkedOffset: 0 }
  const usedAtMs = NOW_MS - unusedMs
  return { topic, topicId: topic, usedAtMs, partitions: [partition, partition] }
}

describe('planSpace', () => {
  const plan = (...states: TableState[]) => planSpace(states, 'growing', NOW_MS, 100)

  test('drops nothing while all tables fit', () => {
    const states = [stateOf('growing', 25, 0), stateOf('idle', 25, TABLE_IDLE_MS)]
    expect(plan(...states)).toEqual({ dropped: [], isFull: false })
  })

  test('drops unused tables, the longest unused first, and no more than needed', () => {
    const idle = [1, 3, 2].map((times) => stateOf(`idle${times}`, 20, times * TABLE_IDLE_MS))
    const states = [stateOf('growing', 20, 0), ...idle]
    expect(plan(...states)).toEqual({ dropped: ['idle3', 'idle2'], isFull: false })
  })

  test('keeps the tables in use, and those without rows, and reports that the growing one is full', () => {
    const states = [
      stateOf('growing', 40, 5 * TABLE_IDLE_MS),
      stateOf('used', 30, TABLE_IDLE_MS - 1),
      stateOf('empty', 0, TABLE_IDLE_MS),
    ]
    expect(plan(...states)).toEqual({ dropped: [], isFull: true })
  })

  test('drops no unused table for one that does not fit even so', () => {
    const states = [stateOf('growing', 51, 0), stateOf('idle', 1, TABLE_IDLE_MS)]
    expect(plan(...states)).toEqual({ dropped: [], isFull: true })
  })

  test('counts the new copy of a table that is built again, and no size twice', () => {
    const { partitions, ...state } = stateOf('growing', 80, 0)
    const build = { generation: 2, position: 1, removals: 0, sizeBytes: 10, endOffset: 9 }
    const built = partitions.map((partition) => ({ ...partition, build }))
    expect(plan({ ...state, partitions: built })).toEqual({ dropped: [], isFull: false })
  })
})

const opened: TableTab[] = []

afterEach(async () => {
  for (const tab of opened.splice(0)) await tab.close()
})

function setUp(bytesMax: number) {
  const server = new TableServer()
  const tab = openTable(server, undefined, bytesMax)
  opened.push(tab)
  return { server, log: server.logs[0] as CompactedLog, tab }
}

async function countRows({ database }: TableTab): Promise<number> {
  return await database.read(['tableRows'], (tx) => tx.objectStore('tableRows').count())
}

/** Stores a table of one row that was used last some time ago. */
async function store({ writer, clock }: TableTab, topic: string, bytes: number, unusedMs = 0) {
  const place = { topic, topicId: topic, partition: 0 }
  await writer.keep({ topic, id: topic, partitions: 1 }, clock.now() - unusedMs)
  await writer.begin(place, { logStartOffset: 0, lastStableOffset: 1, goneBelow: 0 })
  const [key, value] = [new Uint8Array(1), new Uint8Array(bytes)]
  const records = [{ offset: 0, timestamp: 0, key, value, headers: [] }]
  return await writer.append(place, { from: 0, to: 1, logStartOffset: 0, records }, clock.now())
}

test('a table that is too large is deleted, and each use of it fails for a day', async () => {
  const { server, log, tab } = setUp(2_000)
  log.put('a', 'x')
  await tab.keep()
  await followToEnd(tab, server)
  expect(await entriesOf(tab)).toEqual(log.latest())
  log.put('b', 'x'.repeat(3_000))
  await follow(tab, server)
  expect(await countRows(tab)).toBe(0)
  expect(await tab.follower.subscriptions()).toEqual([])
  expect(tab.failures).toEqual(['storage_full'])
  const limit = `${TABLES_BYTES_MAX / 2 ** 20} MiB`
  const message = `${TOPIC}: this table does not fit; all tables of a browser may have ${limit} together`
  const error = { code: 'storage_full', message }
  await expect(tab.view.get('a')).rejects.toMatchObject(error)
  await expect(entriesOf(tab)).rejects.toMatchObject(error)
  log.put('b', null)
  log.compact(log.endOffset, true)
  await expect(tab.view.get('a')).rejects.toMatchObject(error)
  tab.clock.sleepThrough(TABLE_FULL_MS)
  const found = tab.view.get('a')
  await expect.poll(() => tab.follower.subscriptions()).toHaveLength(1)
  await followToEnd(tab, server)
  expect(await found).toMatchObject({ value: 'x' })
})

test('a topic that is recreated has a table again, although the former one was too large', async () => {
  const { server, log, tab } = setUp(2_000)
  log.put('b', 'x'.repeat(3_000))
  await tab.keep()
  await follow(tab, server)
  await expect(entriesOf(tab)).rejects.toMatchObject({ code: 'storage_full' })
  server.recreate()
  server.logs[0]?.put('a', 'x')
  await followToEnd(tab, server)
  expect(await entriesOf(tab)).toEqual(new Map([['a', 'x']]))
})

test('a table that is unused makes room for another one, and one in use does not', async () => {
  const { tab } = setUp(2_000)
  await store(tab, 'used', 500, TABLE_IDLE_MS - 1)
  await store(tab, 'unused', 1_000, TABLE_IDLE_MS)
  const replacing = await store(tab, 'new', 900)
  expect(replacing).toEqual({ outcome: 'stored', dropped: ['unused'] })
  expect((await tab.writer.states()).map(({ topic }) => topic)).toEqual(['new', 'used'])
  expect(await store(tab, 'other', 900)).toEqual({ outcome: 'full', dropped: [] })
  expect(await countRows(tab)).toBe(2)
})

test('the size of a table stays that of its rows, also if it was stored without one', async () => {
  const { server, log, tab } = setUp(TABLES_BYTES_MAX)
  const count = 2 * TABLE_PAGE_ENTRIES + 1
  for (let index = 0; index < count; index++) log.put(`k${index}`, 'x')
  await tab.keep()
  await followToEnd(tab, server)
  const sizeBytes = await expectSize(tab)
  await tab.database.write(['tables'], async (tx) => {
    const state = (await tx.objectStore('tables').get(TOPIC)) as TableState
    const partitions = state.partitions.map(({ shown, ...partition }) => {
      const { sizeBytes: _stored, ...copy } = shown ?? { generation: 0, position: 0, removals: 0 }
      return { ...partition, shown: copy }
    })
    await tx.objectStore('tables').put({ ...state, partitions })
  })
  log.put('k1', 'xyz')
  log.put('k2', null)
  log.put('k2', 'xy')
  await followToEnd(tab, server)
  expect(await expectSize(tab)).toBe(sizeBytes + 3)
  log.deleteTo(TABLE_PAGE_ENTRIES + 50)
  log.put('k3', null)
  await followToEnd(tab, server)
  expect(await expectSize(tab)).toBeLessThan(sizeBytes * 0.6)
})
