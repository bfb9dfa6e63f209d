import { evictDurableObject, reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test } from 'vitest'
import { unwrap } from '../../../src/core/errors.ts'
import { resolveTopicConfig } from '../../../src/core/topic/topic-config.ts'
import {
  alarmTime,
  append,
  batch,
  codeOf,
  configure,
  largeBatch,
  newPartition,
  partition,
  readAll,
  tableNames,
  tryAppend,
  tryRead,
  valuesOf,
} from './partition-for-test.ts'

const OLD = 1_000_000_000_000

afterEach(async () => {
  await reset()
})

async function isUnknown(name: string): Promise<boolean> {
  const results = [
    await tryAppend(name, batch(['a'])),
    await tryRead(name),
    await tryRead(name, { offset: 'earliest', maxWaitMs: 1_000 }),
    await partition(name).findTimestamp(0),
    await partition(name).describe(),
  ]
  return results.every((result) => codeOf(result) === 'unknown_topic_or_partition')
}

async function versionOf(name: string): Promise<number> {
  return unwrap(await tryRead(name, { offset: 'latest' })).topicVersion
}

describe('a partition that was never configured', () => {
  test('rejects every call, and stores nothing', async () => {
    const name = 'never/0'
    expect(await isUnknown(name)).toBe(true)
    await runInDurableObject(partition(name), (instance) => instance.alarm())
    expect(await tableNames(name)).toEqual([])
    expect(await alarmTime(name)).toBeNull()
    await evictDurableObject(partition(name))
    expect(await isUnknown(name)).toBe(true)
  })
})

describe('configure()', () => {
  test('is idempotent', async () => {
    const name = await newPartition()
    await append(name, batch(['a']))
    for (const _ of [1, 2, 3]) await configure(name)
    expect(await valuesOf(await readAll(name))).toEqual(['a'])
    expect(await versionOf(name)).toBe(1)
  })

  test('never replaces a newer version by an older one, nor by another one with the same number', async () => {
    const name = await newPartition()
    await configure(name, { 'max.message.bytes': '300' }, 5)
    await configure(name, { 'max.message.bytes': '3000' }, 4)
    await configure(name, { 'max.message.bytes': '3000' }, 5)
    for (const _ of [1, 2]) {
      expect(await versionOf(name)).toBe(5)
      expect(codeOf(await tryAppend(name, largeBatch(500)))).toBe('message_too_large')
      await evictDurableObject(partition(name))
    }
    await configure(name, { 'max.message.bytes': '3000' }, 6)
    expect(codeOf(await tryAppend(name, largeBatch(500)))).toBe('ok')
  })

  test('leaves nothing or everything after a crash', async () => {
    await expect(
      (async () =>
        await runInDurableObject(partition('torn/0'), (instance, state) => {
          void instance.configure({
            topicId: 'torn',
            topic: 'torn',
            partition: 0,
            version: 1,
            config: resolveTopicConfig({}),
          })
          state.abort()
        }))(),
    ).rejects.toThrow()
    expect(await tableNames('torn/0')).toEqual([])
    await configure('torn/0')
    await append('torn/0', batch(['a']))
  })
})

describe('destroy()', () => {
  test('leaves nothing: no tables, no alarm, no responses', async () => {
    const name = await newPartition({ 'retention.ms': '60000' })
    await append(name, largeBatch(900_000, { producerId: 1n }))
    await append(name, largeBatch(900_000, { producerId: 1n, baseSequence: 1 }))
    // Leaves a cursor in the middle of the rows.
    await tryRead(name, { maxBytes: 1 })
    expect(await alarmTime(name)).not.toBeNull()
    await partition(name).destroy()
    for (const _ of [1, 2]) {
      expect(await tableNames(name)).toEqual([])
      expect(await alarmTime(name)).toBeNull()
      expect(await isUnknown(name)).toBe(true)
      await evictDurableObject(partition(name))
    }
    expect(await tableNames(name)).toEqual([])
  })

  test('is idempotent, also for a partition that never existed', async () => {
    const name = await newPartition()
    for (const _ of [1, 2]) await partition(name).destroy()
    await partition('never/1').destroy()
    expect(await tableNames(name)).toEqual([])
    expect(await tableNames('never/1')).toEqual([])
  })

  test('fails pending appends, and stores nothing afterwards', async () => {
    const name = await newPartition()
    const appends = Array.from({ length: 50 }, () => tryAppend(name, batch(['a'])))
    await partition(name).destroy()
    const codes = new Set((await Promise.all(appends)).map(codeOf))
    codes.delete('ok')
    codes.delete('unknown_topic_or_partition')
    expect([...codes]).toEqual([])
    expect(await tableNames(name)).toEqual([])
  })

  test('ends a running alarm', async () => {
    const name = await newPartition()
    for (let n = 0; n < 12; n++) await append(name, largeBatch(200_000))
    await runInDurableObject(partition(name), async (instance) => {
      const alarm = instance.alarm()
      await instance.destroy()
      await alarm
    })
    expect(await tableNames(name)).toEqual([])
    expect(await alarmTime(name)).toBeNull()
  })

  test('makes room for a new log with its own alarm', async () => {
    const name = await newPartition({ 'retention.ms': '60000' })
    await append(name, batch(['a'], { timestamp: OLD }))
    await partition(name).destroy()
    await configure(name, { 'retention.ms': '60000' })
    expect((await append(name, batch(['b'], { timestamp: OLD }))).baseOffsets).toEqual([0])
    expect(await alarmTime(name)).not.toBeNull()
  })
})
