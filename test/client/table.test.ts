/** The table of a compacted topic through the client. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, connect, type TypedRecord } from '../../client/index.ts'
import { sharedServerUrl, uniqueName } from '../server/shared-server.ts'

interface Customer {
  readonly name: string
}

let log: Client
const made: string[] = []

beforeAll(() => {
  log = connect({ url: sharedServerUrl() })
})

afterAll(async () => {
  for (const name of made) await log.admin.deleteTopic(name)
  await log.close()
})

async function newTable(partitions = 1): Promise<string> {
  const name = uniqueName('table')
  const config = { 'cleanup.policy': 'compact', 'edgelog.table.enable': true }
  await log.admin.createTopic(name, { partitions, config })
  made.push(name)
  return name
}

test('get() returns the latest value, and the writer its own one', async () => {
  const name = await newTable(3)
  const customers = log.table<Customer>(name)
  for (const version of ['Ada', 'Ada L.', 'Ada Lovelace']) {
    const { offset, partition } = await log.send(name, { key: '1/7', value: { name: version } })
    const found = await customers.get('1/7', { at: offset })
    expect(found).toMatchObject({
      topic: name,
      partition,
      offset,
      key: '1/7',
      value: { name: version },
    })
  }
  await log.send(name, { key: '1/7', value: null })
  expect(await customers.get('1/7')).toBeUndefined()
  expect(await customers.get('other')).toBeUndefined()
})

test('get() finds keys of bytes, in the partition that it is given, with an own codec', async () => {
  const name = await newTable(2)
  const key = new Uint8Array([255, 0, 251])
  await log.send(name, { key, value: new Uint8Array([1, 2]), partition: 1, timestamp: 7 })
  const bytes = log.table(name, { deserialize: (value) => [...value] })
  expect(await bytes.get(key, { partition: 1 })).toMatchObject({
    partition: 1,
    value: [1, 2],
    timestamp: 7,
  })
  expect(await bytes.get(key, { partition: 0 })).toBeUndefined()
})

test('entries() yields more keys than a page has', async () => {
  const name = await newTable(2)
  const keys = Array.from({ length: 2_100 }, (_, index) => `k${index}`)
  await log.sendBatch(
    name,
    keys.map((key) => ({ key, value: { name: key } })),
  )
  await log.send(name, { key: 'other', value: { name: 'x' } })
  const seen: string[] = []
  for await (const { key, value } of log.table<Customer>(name).entries({ prefix: 'k' })) {
    expect(value?.name).toBe(key)
    seen.push(String(key))
  }
  expect(seen.sort()).toEqual(keys.sort())
})

test('watch() yields the entries, and then each change of a key with the prefix', async () => {
  const name = await newTable(2)
  await log.send(name, { key: 'a1', value: { name: 'old' } })
  await log.send(name, { key: 'a1', value: { name: 'first' } })
  const seen: Array<TypedRecord<Customer>> = []
  const signal = AbortSignal.timeout(60_000)
  for await (const record of log.table<Customer>(name).watch({ prefix: 'a', signal })) {
    seen.push(record)
    if (seen.length === 1) {
      await log.send(name, { key: 'b1', value: { name: 'not watched' } })
      await log.send(name, { key: 'a2', value: { name: 'second' } })
    }
    if (seen.length === 2) await log.send(name, { key: 'a1', value: null })
    if (seen.length === 3) break
  }
  expect(seen.map(({ key, value }) => [key, value?.name ?? null])).toEqual([
    ['a1', 'first'],
    ['a2', 'second'],
    ['a1', null],
  ])
})

test('a topic without a table is refused', async () => {
  const name = uniqueName('plain')
  await log.admin.createTopic(name)
  made.push(name)
  await expect(log.table(name).get('a')).rejects.toMatchObject({ code: 'table_not_enabled' })
  await expect(log.table(name).entries().next()).rejects.toMatchObject({
    code: 'table_not_enabled',
  })
})
