/** Compaction, and the table of a compacted topic, as PROTOCOL.md promises them. */
import { expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { expectError, useTarget } from './target.ts'

const target = useTarget()
const { request, topic } = target

/** Compacted as soon as the server can. */
const HASTY = {
  'cleanup.policy': 'compact',
  'segment.ms': 1,
  'min.cleanable.dirty.ratio': 0,
}
const TABLE = { ...HASTY, 'edgelog.table.enable': true }

interface Entry {
  readonly partition: number
  readonly offset: number
  readonly key?: string
  readonly keyBase64?: string
  readonly value?: string
}

interface Page {
  readonly entries: Entry[]
  readonly tableOffsets: Array<{ partition: number; offset: number }>
  readonly cursor?: string
}

async function produce(name: string, records: ReadonlyArray<Record<string, unknown>>) {
  const response = await request('POST', `/v1/topics/${name}/records`, { json: { records } })
  expect(response.status, await response.clone().text()).toBe(200)
  return (await response.json()).offsets
}

async function get(name: string, key: string, query = ''): Promise<Entry> {
  const response = await request(
    'GET',
    `/v1/topics/${name}/table/${encodeURIComponent(key)}${query}`,
  )
  expect(response.status, await response.clone().text()).toBe(200)
  return await response.json<Entry>()
}

async function scan(name: string, query = ''): Promise<Page> {
  const response = await request('GET', `/v1/topics/${name}/table${query}`)
  expect(response.status, await response.clone().text()).toBe(200)
  return await response.json<Page>()
}

async function offsetsOf(name: string): Promise<number[]> {
  const path = `/v1/topics/${name}/partitions/0/records`
  const offsets: number[] = []
  for (let offset = 0; ; ) {
    const page = await (await request('GET', `${path}?offset=${offset}`)).json<{
      offset: number
      nextOffset: number
      highWatermark: number
      records: Entry[]
    }>()
    expect(page.offset).toBe(offset)
    offsets.push(...page.records.map((record) => record.offset))
    offset = page.nextOffset
    if (offset >= page.highWatermark) return offsets
  }
}

test('a compacted topic keeps the latest record of each key, and readers go over the holes', async () => {
  const name = await topic({ config: HASTY })
  for (const round of [1, 2, 3]) {
    await produce(
      name,
      ['a', 'b', 'c'].map((key) => ({ key, value: `${key}${round}` })),
    )
  }
  await produce(name, [
    { key: 'a', value: null },
    { key: 'd', value: 'd' },
  ])
  await until('the log is compacted', async () => (await offsetsOf(name)).length === 4)
  expect(await offsetsOf(name)).toEqual([7, 8, 9, 10])
})

test('a reader learns that tombstones are gone', async () => {
  const name = await topic({ config: { ...HASTY, 'delete.retention.ms': 0 } })
  await produce(name, [
    { key: 'a', value: '1' },
    { key: 'a', value: null },
  ])
  await produce(name, [{ key: 'b', value: '1' }])
  await until('the tombstone is gone', async () => (await offsetsOf(name)).join() === '2')
  const response = await request('GET', `/v1/topics/${name}/partitions/0/records?offset=0`)
  expect(response.headers.get('edgelog-tombstones-gone-below')).toBe('2')
  expect(await response.json()).toMatchObject({ tombstonesGoneBelow: 2, nextOffset: 3 })
})

test('the table has the latest value of each key at once', async () => {
  const name = await topic({ config: TABLE, partitions: 3 })
  const offsets = await produce(
    name,
    ['a', 'b/ü', 'c', 'a'].map((key, index) => ({ key, value: `v${index}`, headers: { h: 'x' } })),
  )
  const { timestamp: _, ...found } = (await get(name, 'a')) as Entry & { timestamp: number }
  expect(found).toEqual({ ...offsets[3], key: 'a', value: 'v3', headers: { h: 'x' } })
  expect(await get(name, 'b/ü')).toMatchObject({ ...offsets[1], value: 'v1' })
  await produce(name, [{ key: 'a', value: null }])
  const gone = await request('GET', `/v1/topics/${name}/table/a`)
  await expectError(gone, 404, 'key_not_found')
  expect((await scan(name)).entries.map(({ key }) => key).sort()).toEqual(['b/ü', 'c'])
})

test('keys that are not text are read in base64', async () => {
  const name = await topic({ config: TABLE })
  await produce(name, [{ keyBase64: '/+//', value: 'bytes' }])
  const response = await request('GET', `/v1/topics/${name}/table/_-__?encoding=base64`)
  expect(await response.json()).toMatchObject({ keyBase64: '/+//', value: 'bytes' })
  expect((await scan(name, '?prefix=_-8&encoding=base64')).entries).toHaveLength(1)
  const bad = await request('GET', `/v1/topics/${name}/table/!?encoding=base64`)
  expect((await expectError(bad, 400, 'invalid_request')).message).toMatch(/^key: not valid base64/)
})

test('pages have all keys with a prefix, in the order of their bytes, over all partitions', async () => {
  const name = await topic({ config: TABLE, partitions: 3 })
  const keys = Array.from({ length: 25 }, (_, index) => `user-${String(index).padStart(2, '0')}`)
  await produce(
    name,
    ['use', 'user.', 'z'].concat(keys).map((key) => ({ key, value: key })),
  )
  const seen: Entry[] = []
  const tableOffsets = new Map<number, number>()
  let pages = 0
  for (let cursor: string | undefined = ''; cursor !== undefined; pages++) {
    const page: Page = await scan(name, `?prefix=user-&limit=4${cursor && `&cursor=${cursor}`}`)
    expect(page.entries.length).toBeLessThanOrEqual(4)
    seen.push(...page.entries)
    for (const { partition, offset } of page.tableOffsets) tableOffsets.set(partition, offset)
    cursor = page.cursor
  }
  expect(pages).toBeGreaterThanOrEqual(7)
  expect(seen.map(({ key }) => key).sort()).toEqual(keys)
  for (const partition of [0, 1, 2]) {
    const inPartition = seen.filter((one) => one.partition === partition).map(({ key }) => key)
    expect(inPartition).toEqual([...inPartition].sort())
  }
  expect([...tableOffsets.values()].reduce((sum, offset) => sum + offset)).toBe(28)
})

test('a call waits for the offset that it names', async () => {
  const name = await topic({ config: TABLE })
  await produce(name, [{ key: 'a', value: '1' }])
  const waiting = get(name, 'a', '?at=1')
  await produce(name, [{ key: 'a', value: '2' }])
  expect(await waiting).toMatchObject({ offset: 1, value: '2' })
  const late = await request('GET', `/v1/topics/${name}/table/a?at=2&waitMs=0`)
  expect((await expectError(late, 503, 'unavailable')).message).toContain('below 2')
})

test('a value that is larger than a row is read from the log', async () => {
  const config = { ...TABLE, 'max.message.bytes': 1_990_000 }
  const name = await topic({ config })
  const value = 'x'.repeat(1_950_000)
  await produce(name, [{ key: 'large', value }])
  expect((await get(name, 'large')).value).toBe(value)
  expect((await scan(name)).entries).toMatchObject([{ key: 'large', value }])
})

test('a topic without a table says so', async () => {
  const name = await topic({ config: HASTY })
  for (const path of ['/a', '']) {
    const empty = await request('GET', `/v1/topics/${name}/table${path}`)
    expect((await expectError(empty, 409, 'table_not_enabled')).message).toContain(name)
  }
  await produce(name, [{ key: 'a', value: '1' }])
  const response = await request('GET', `/v1/topics/${name}/table/a`)
  await expectError(response, 409, 'table_not_enabled')
  const missing = await request('GET', '/v1/topics/no-such-topic/table/a')
  await expectError(missing, 404, 'unknown_topic_or_partition')
})

test('a table that is enabled later has everything, and one that is enabled again nothing old', async () => {
  const name = await topic({ config: HASTY })
  await produce(name, [
    { key: 'a', value: '1' },
    { key: 'b', value: '1' },
  ])
  const enable = async (isEnabled: boolean) => {
    const config = { 'edgelog.table.enable': isEnabled }
    expect((await request('PATCH', `/v1/topics/${name}`, { json: { config } })).status).toBe(200)
  }
  await enable(true)
  expect((await scan(name)).entries).toMatchObject([{ key: 'a' }, { key: 'b' }])
  await enable(false)
  await produce(name, [{ key: 'a', value: null }])
  await enable(true)
  expect((await scan(name)).entries).toMatchObject([{ key: 'b', value: '1' }])
})

test.each([
  ['?limit=0', 'limit'],
  ['?limit=1001', 'limit'],
  ['?cursor=x', 'cursor'],
  ['?cursor=0.%21', 'cursor'],
  ['?encoding=hex', 'encoding'],
  ['?at=1', 'at'],
])('refuses a page with %s', async (query, field) => {
  const name = await topic({ config: TABLE })
  const response = await request('GET', `/v1/topics/${name}/table${query}`)
  expect((await expectError(response, 400, 'invalid_request')).message).toContain(field)
})
