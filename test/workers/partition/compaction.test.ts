/** Compaction of a partition's rows: turns, alarms, evictions, and readers over the holes that it leaves. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { decodeBatch } from '../../../src/core/batch/decode-records.ts'
import { CODECS } from '../../../src/core/compression/codecs.ts'
import { unwrap } from '../../../src/core/errors.ts'
import { ACTIVE_MS_MAX } from '../../../src/core/log/compaction/limits.ts'
import { resolveTopicConfig } from '../../../src/core/topic/topic-config.ts'
import {
  COMPACT,
  clock,
  compact,
  DAY_MS,
  type Pair,
  pairs,
  pairsOf,
  useClock,
} from './keyed-log.ts'
import {
  alarmTime,
  append,
  chunkRows,
  configure,
  headersOf,
  newPartition,
  partition,
  range,
  read,
  readAll,
} from './partition-for-test.ts'

useClock()

async function sizeOf(name: string): Promise<number> {
  return unwrap(await partition(name).describe()).sizeBytes
}

test('keeps the latest record of each key, and its offset', async () => {
  const name = await newPartition(COMPACT)
  for (const index of range(20)) {
    await append(
      name,
      pairs([
        [`k${index % 3}`, `v${index}`],
        ['hot', `${index}`],
      ]),
    )
  }
  await compact(name)
  expect(await pairsOf(name)).toEqual(['34 k2=v17', '36 k0=v18', '38 k1=v19', '39 hot=19'])
  expect(await chunkRows(name)).toHaveLength(1)
  const bytes = await readAll(name)
  expect(await sizeOf(name)).toBe(bytes.length)
  await evictDurableObject(partition(name))
  expect(await sizeOf(name)).toBe(bytes.length)
})

test('leaves records alone that are younger than a minute, and looks again when they are not', async () => {
  const name = await newPartition(COMPACT)
  await append(
    name,
    pairs([
      ['a', '1'],
      ['a', '2'],
    ]),
  )
  expect(await alarmTime(name)).toBe(clock.nowMs + ACTIVE_MS_MAX)
  clock.pass(ACTIVE_MS_MAX)
  await runDurableObjectAlarm(partition(name))
  expect(await pairsOf(name)).toEqual(['0 a=1', '1 a=2'])
  expect(await alarmTime(name)).toBe(clock.nowMs + ACTIVE_MS_MAX)
  await evictDurableObject(partition(name))
  clock.pass(ACTIVE_MS_MAX)
  await runDurableObjectAlarm(partition(name))
  expect(await pairsOf(name)).toEqual(['1 a=2'])
  expect(await alarmTime(name)).toBeNull()
})

test('readers go over holes, from any offset and by any size', async () => {
  const name = await newPartition(COMPACT)
  for (const index of range(30)) await append(name, pairs([['a', `${index}`]]))
  await append(name, pairs([['b', 'x'.repeat(100_000)]]))
  await compact(name)
  for (const index of range(10)) await append(name, pairs([['c', `${index}`]]))
  await compact(name)
  await append(name, pairs([['d', 'end']]))
  const expected = [29, 30, 40, 41]
  for (const maxBytes of [1, 150, 200_000]) {
    for (const from of range(42)) {
      const seen: number[] = []
      for (let offset = from; offset < 42; ) {
        const result = await read(name, { offset, maxBytes })
        expect(result.from).toBe(offset)
        expect(result.to).toBeGreaterThan(offset)
        for (const header of headersOf(result.batches)) {
          for (const record of await decodeBatch(result.batches, header, CODECS)) {
            if (record.offset >= offset) seen.push(record.offset)
          }
        }
        offset = result.to
      }
      expect(seen).toEqual(expected.filter((offset) => offset >= from))
    }
  }
})

test('an evicted pass begins again, and a full log is compacted over several alarms', async () => {
  const name = await newPartition(COMPACT)
  for (const round of range(8)) {
    await append(name, pairs(range(20).map((key) => [`k${key}`, `${round} ${'x'.repeat(40_000)}`])))
  }
  await runDurableObjectAlarm(partition(name))
  clock.pass(ACTIVE_MS_MAX)
  const whole = await sizeOf(name)
  // The pass is lost after it has replaced some chunks.
  await runInDurableObject(partition(name), async (instance) => {
    const done = instance.alarm()
    while (unwrap(await instance.describe()).sizeBytes === whole)
      await new Promise((r) => setTimeout(r, 0))
    void done.catch(() => undefined)
  })
  await evictDurableObject(partition(name))
  await runDurableObjectAlarm(partition(name))
  const list = await pairsOf(name)
  expect(list).toHaveLength(20)
  expect(list.every((pair) => pair.includes('=7 '))).toBe(true)
  expect(await sizeOf(name)).toBe((await readAll(name)).length)
})

test('tombstones leave a log that gets no more records', async () => {
  const name = await newPartition({ ...COMPACT, 'delete.retention.ms': `${DAY_MS}` })
  await append(
    name,
    pairs([
      ['a', '1'],
      ['b', '1'],
    ]),
  )
  await append(name, pairs([['a', null]]))
  await append(name, pairs([['end', '1']]))
  await compact(name)
  expect(await pairsOf(name)).toEqual(['1 b=1', '2 a=null', '3 end=1'])
  expect(await alarmTime(name)).toBe(clock.nowMs + DAY_MS)
  await evictDurableObject(partition(name))
  clock.pass(DAY_MS)
  await runDurableObjectAlarm(partition(name))
  expect(await pairsOf(name)).toEqual(['1 b=1', '3 end=1'])
  expect(await alarmTime(name)).toBeNull()
})

test("aborted records go, and Kafka's readers are not left to wait for a marker", async () => {
  const name = await newPartition({ ...COMPACT, 'delete.retention.ms': '0' })
  const tag = { coordinator: 'id/t', transactionalId: 't', number: 1, version: 2 } as const
  const of = (list: readonly Pair[], baseSequence: number) =>
    pairs(list, { producerId: 7n, baseSequence, isTransactional: true })
  await append(name, pairs([['a', 'old']]))
  await append(name, of([['a', 'aborted']], 0), { transaction: tag, producerRules: 'kafka' })
  const end = { producerId: 7n, producerEpoch: 0, version: 2 } as const
  unwrap(await partition(name).endTransaction({ ...end, number: 1, outcome: 'abort' }))
  await append(name, of([['b', 'committed']], 1), {
    transaction: { ...tag, number: 2 },
    producerRules: 'kafka',
  })
  unwrap(await partition(name).endTransaction({ ...end, number: 2, outcome: 'commit' }))
  await append(name, pairs([['c', 'end']]))
  for (const _ of range(3)) await compact(name)
  expect(await pairsOf(name)).toEqual(['0 a=old', '3 b=committed', '5 c=end'])
  const stored = await read(name, { content: 'stored' })
  expect(stored.abortedTransactions).toBeUndefined()
  expect(headersOf(stored.batches).map(({ baseOffset }) => baseOffset)).toEqual([0, 3, 4, 5])
})

test('a topic that turns to another policy is left as it is, in the middle of a pass', async () => {
  const name = await newPartition(COMPACT)
  for (const round of range(8)) {
    await append(name, pairs(range(20).map((key) => [`k${key}`, `${round} ${'x'.repeat(40_000)}`])))
  }
  await runDurableObjectAlarm(partition(name))
  clock.pass(ACTIVE_MS_MAX)
  const whole = await sizeOf(name)
  await runInDurableObject(partition(name), async (instance) => {
    const done = instance.alarm()
    while (unwrap(await instance.describe()).sizeBytes === whole) {
      await new Promise((resolve) => setTimeout(resolve, 0))
    }
    const [topicId = ''] = name.split('/')
    const config = resolveTopicConfig({})
    await instance.configure({ topicId, topic: topicId, partition: 0, version: 2, config })
    await done
  })
  const list = await pairsOf(name)
  expect(list.length).toBeGreaterThan(20)
  // The last round is whole.
  expect(list.filter((pair) => pair.includes('=7 '))).toHaveLength(20)
})

test('a topic that turns to compaction drops records without a key', async () => {
  const name = await newPartition()
  const keyless = encodeBatch([{ timestamp: clock.nowMs, key: null, value: null, headers: [] }])
  await append(name, keyless)
  await append(name, pairs([['a', '1']]))
  await configure(name, COMPACT, 2)
  expect(await alarmTime(name)).not.toBeNull()
  await compact(name)
  expect(await pairsOf(name)).toEqual(['1 a=1'])
})

test('compact,delete also deletes old chunks', async () => {
  const name = await newPartition({
    ...COMPACT,
    'cleanup.policy': 'compact,delete',
    'retention.ms': `${DAY_MS}`,
  })
  await append(name, pairs([['a', '1']]))
  await compact(name)
  clock.pass(2 * DAY_MS)
  await append(name, pairs([['b', '1']]))
  await evictDurableObject(partition(name))
  await compact(name)
  expect(await pairsOf(name)).toEqual(['1 b=1'])
})
