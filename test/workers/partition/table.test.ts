/** The table of a partition: it follows the log, whatever is compacted, aborted or evicted meanwhile. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { unwrap } from '../../../src/core/errors.ts'
import { recordOfEntry } from '../../../src/core/log/table-api.ts'
import { resolveTopicConfig } from '../../../src/core/topic/topic-config.ts'
import { runs, SEEDED } from '../../support/seed.ts'
import { COMPACT, clock, compact, DAY_MS, pairs, pairsOf, text, useClock } from './keyed-log.ts'
import { append, configure, newPartition, partition, range } from './partition-for-test.ts'

const TABLE = { ...COMPACT, 'edgelog.table.enable': 'true', 'delete.retention.ms': '0' }
const REQUEST = { maxWaitMs: 1_000 }

useClock()

async function scan(name: string, limit = 1_000): Promise<Record<string, string>> {
  const request = { ...REQUEST, prefix: new Uint8Array(0), limit }
  const { entries } = unwrap(await partition(name).tableScan(request))
  return Object.fromEntries(
    entries.map((entry) => {
      const { key, value } = recordOfEntry(entry, entry.rest as Uint8Array)
      return [text.decode.decode(key as Uint8Array), text.decode.decode(value as Uint8Array)]
    }),
  )
}

/** An object that sleeps cannot be evicted. */
async function evict(name: string): Promise<void> {
  await partition(name).describe()
  await evictDurableObject(partition(name))
}

async function countEntries(name: string): Promise<number> {
  return await runInDurableObject(
    partition(name),
    (_, { storage }) =>
      storage.sql.exec<{ count: number }>('SELECT count(*) AS count FROM table_entry').one().count,
  )
}

test('a tombstone reaches the table before compaction may remove it', async () => {
  const name = await newPartition(TABLE)
  await append(
    name,
    pairs([
      ['a', '1'],
      ['b', '1'],
    ]),
  )
  expect(await scan(name)).toEqual({ a: '1', b: '1' })
  await append(name, pairs([['a', null]]))
  await append(name, pairs([['c', '1']]))
  for (const _ of range(3)) await compact(name)
  expect(await pairsOf(name)).toEqual(['1 b=1', '3 c=1'])
  await evictDurableObject(partition(name))
  expect(await scan(name)).toEqual({ b: '1', c: '1' })
})

test('records of open transactions are not in it yet, and aborted ones never', async () => {
  const name = await newPartition(TABLE)
  const tag = { coordinator: 'id/t', transactionalId: 't', version: 2 } as const
  const producer = { producerId: 7n, isTransactional: true }
  const end = { producerId: 7n, producerEpoch: 0, version: 2 } as const
  await append(name, pairs([['a', 'old']]))
  for (const [number, outcome, value] of [
    [1, 'abort', 'aborted'],
    [2, 'commit', 'committed'],
  ] as const) {
    await append(name, pairs([['a', value]], { ...producer, baseSequence: number - 1 }), {
      transaction: { ...tag, number },
      producerRules: 'kafka',
    })
    expect(await scan(name)).toEqual({ a: 'old' })
    unwrap(await partition(name).endTransaction({ ...end, number, outcome }))
  }
  expect(await scan(name)).toEqual({ a: 'committed' })
})

test('retention of compact,delete also counts in the table', async () => {
  const policy = { 'cleanup.policy': 'compact,delete', 'retention.ms': `${DAY_MS}` }
  const name = await newPartition({ ...TABLE, ...policy })
  await append(name, pairs([['a', '1']]))
  expect(await scan(name)).toEqual({ a: '1' })
  clock.pass(2 * DAY_MS)
  await append(name, pairs([['b', '1']]))
  await evictDurableObject(partition(name))
  await runDurableObjectAlarm(partition(name))
  expect(await scan(name)).toEqual({ b: '1' })
})

test('a table that is disabled leaves no row, by alarm', async () => {
  const name = await newPartition(TABLE)
  await append(
    name,
    pairs([
      ['a', '1'],
      ['b', '2'],
    ]),
  )
  await scan(name)
  expect(await countEntries(name)).toBe(2)
  await configure(name, { 'cleanup.policy': 'delete' }, 2)
  expect(await runDurableObjectAlarm(partition(name))).toBe(true)
  expect(await countEntries(name)).toBe(0)
})

test('a table that is disabled and enabled again while it follows has everything', async () => {
  const name = await newPartition(TABLE)
  const keys = range(2_000).map((key) => `k${key}`)
  await append(name, pairs(keys.map((key) => [key, '1'])))
  const [topicId = ''] = name.split('/')
  await runInDurableObject(partition(name), async (instance) => {
    const request = { ...REQUEST, prefix: new Uint8Array(0), limit: 1 }
    const scanning = instance.tableScan(request)
    await new Promise((resolve) => setTimeout(resolve, 0))
    const version = { topicId, topic: topicId, partition: 0 }
    const disabled = resolveTopicConfig(COMPACT)
    await instance.configure({ ...version, version: 2, config: disabled })
    await instance.alarm()
    await instance.configure({ ...version, version: 3, config: resolveTopicConfig(TABLE) })
    await scanning
  })
  expect(Object.keys(await scan(name))).toHaveLength(1_000)
  expect(await countEntries(name)).toBe(keys.length)
})

test('a key that changes often costs one row each time the table follows', async () => {
  const name = await newPartition(TABLE)
  await append(name, pairs([['hot', 'first']]))
  await scan(name)
  for (const index of range(50)) await append(name, pairs([['hot', `${index}`]]))
  const rowsWritten = await runInDurableObject(partition(name), async (instance, { storage }) => {
    const exec = storage.sql.exec.bind(storage.sql)
    let count = 0
    storage.sql.exec = ((...args: Parameters<typeof exec>) => {
      const cursor = exec(...args)
      count += cursor.rowsWritten
      return cursor
    }) as typeof storage.sql.exec
    await instance.tableGet({ ...REQUEST, key: text.encode.encode('hot') })
    return count
  })
  expect(rowsWritten).toBeLessThanOrEqual(2)
  expect(await scan(name)).toEqual({ hot: '49' })
})

/**
 * Question: is the table the latest value of each key, whatever happens meanwhile? Model: a `Map`. Generated: up to 30
 * steps of appends of values and tombstones of 6 keys, reads, alarms after a minute, evictions. Limits: no
 * transactions, which have a test of their own.
 */
test('the table agrees with a Map', async () => {
  const pair = fc.tuple(
    fc.constantFrom('a', 'b', 'c', 'd', 'e', ''),
    fc.option(fc.string({ maxLength: 2 })),
  )
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.array(pair, { minLength: 1, maxLength: 5 }) },
    { weight: 4, arbitrary: fc.constantFrom('compact', 'evict', 'read') },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), async (steps) => {
      const name = await newPartition(TABLE)
      const model = new Map<string, string>()
      for (const act of steps) {
        if (act === 'compact') await compact(name)
        else if (act === 'evict') await evict(name)
        else if (act === 'read') expect(await scan(name)).toEqual(Object.fromEntries(model))
        else {
          const list = act as Array<[string, string | null]>
          await append(name, pairs(list))
          for (const [key, value] of list) {
            if (value === null) model.delete(key)
            else model.set(key, value)
          }
        }
      }
      expect(await scan(name)).toEqual(Object.fromEntries(model))
    }),
    { ...SEEDED, numRuns: runs(50) },
  )
})
