import { evictDurableObject, reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { unwrap } from '../../../src/core/errors.ts'
import { WAITERS_MAX } from '../../../src/core/limits.ts'
import {
  append,
  appendRequest,
  appendTogether,
  batch,
  chunkRows,
  codeOf,
  headersOf,
  largeBatch,
  maintain,
  newPartition,
  partition,
  range,
  read,
  readAll,
  sameBytes,
  tryRead,
  valuesOf,
} from './partition-for-test.ts'

afterEach(async () => {
  await reset()
})

async function describeOf(name: string) {
  return unwrap(await partition(name).describe())
}

describe('describe()', () => {
  test('returns both ends and the size', async () => {
    const name = await newPartition()
    expect(await describeOf(name)).toEqual({
      partition: 0,
      logStartOffset: 0,
      lastStableOffset: 0,
      highWatermark: 0,
      sizeBytes: 0,
    })
    await append(name, batch(['a', 'b']))
    const sizeBytes = (await readAll(name)).length
    expect(await describeOf(name)).toMatchObject({ highWatermark: 2, sizeBytes })
    await evictDurableObject(partition(name))
    expect(await describeOf(name)).toMatchObject({ highWatermark: 2, sizeBytes })
  })
})

describe('read()', () => {
  /** Makes twelve batches of three records in rows of one and of many batches; sealed or not. */
  async function filled(isSealed: boolean): Promise<string> {
    const name = await newPartition()
    const batches = range(12).map((n) => batch([`${n}a`, `${n}b`, `${n}c`]))
    await appendTogether(
      name,
      batches.slice(0, 5).map((bytes) => ({ batches: bytes })),
    )
    for (const bytes of batches.slice(5, 8)) await append(name, bytes)
    await append(name, batches.slice(8))
    if (isSealed) {
      // Large ones that do not fit close the group, and a checkpoint lets it be sealed.
      await append(name, largeBatch(900_000))
      await append(name, largeBatch(900_000))
      await maintain(name)
    }
    expect((await chunkRows(name)).length).toBe(isSealed ? 3 : 5)
    return name
  }

  describe.each([false, true])('from a log, sealed: %s', (isSealed) => {
    test('begins with the batch that holds the offset', async () => {
      const name = await filled(isSealed)
      for (const offset of range(36)) {
        const result = await read(name, { offset, maxBytes: 1 })
        expect(result).toMatchObject({ from: offset, logStartOffset: 0, topicVersion: 1 })
        const [header, ...others] = headersOf(result.batches)
        expect(others).toEqual([])
        expect(header?.baseOffset).toBe(offset - (offset % 3))
        expect(result.to).toBe(offset - (offset % 3) + 3)
      }
    })

    test('returns as many whole batches as fit', async () => {
      const name = await filled(isSealed)
      const sizeBytes = batch(['0a', '0b', '0c']).length
      const counts: number[] = []
      for (const maxBytes of [1, sizeBytes, 2 * sizeBytes - 1, 2 * sizeBytes, 4 * sizeBytes]) {
        const { batches } = await read(name, { offset: 0, maxBytes })
        counts.push(headersOf(batches).length)
      }
      expect(counts).toEqual([1, 1, 1, 2, 4])
    })

    test('returns the same bytes in steps of any size', async () => {
      const name = await filled(isSealed)
      const whole = await readAll(name)
      for (const maxBytes of [1, 250, 1_000, 1_000_000]) {
        expect(sameBytes(await readAll(name, maxBytes), whole)).toBe(true)
      }
    })
  })

  test('returns the batches of many small chunks at once, with the bytes last', async () => {
    const name = await newPartition()
    const values = range(150).map(String)
    for (const value of values) await append(name, batch([value]))
    expect((await chunkRows(name)).length).toBe(150)
    const result = await read(name)
    expect(await valuesOf(result.batches)).toEqual(values)
    expect(Object.keys(result).at(-1)).toBe('batches')
    expect(await valuesOf((await read(name, { offset: 140 })).batches)).toEqual(values.slice(140))
  })

  test('leaves a first batch that does not fit, if allowed', async () => {
    const name = await newPartition()
    await append(name, [batch(['a']), largeBatch(10_000)])
    const sizeBytes = batch(['a']).length
    const next: number[] = []
    for (const maxBytes of [0, sizeBytes - 1, sizeBytes, 9_000, 20_000]) {
      const { to, batches } = await read(name, { maxBytes, mayLeaveFirst: true })
      expect(headersOf(batches).length).toBe(to)
      next.push(to)
    }
    expect(next).toEqual([0, 0, 1, 1, 2])
  })

  test('returns only the buffer of its batches', async () => {
    const name = await newPartition()
    await append(name, [largeBatch(10_000), batch(['a'])])
    const { batches } = await read(name, { offset: 1 })
    expect(batches.buffer.byteLength).toBe(batches.byteLength)
  })

  test('resolves earliest and latest', async () => {
    const name = await newPartition()
    await append(name, batch(['a', 'b']))
    expect(await read(name, { offset: 'earliest' })).toMatchObject({ from: 0, to: 2 })
    const latest = await read(name, { offset: 'latest' })
    expect(latest).toMatchObject({ from: 2, to: 2, highWatermark: 2 })
    expect(latest.batches.length).toBe(0)
  })

  test('is empty at the end, and fails beyond it with both ends', async () => {
    const name = await newPartition()
    await append(name, batch(['a', 'b']))
    expect((await read(name, { offset: 2 })).batches.length).toBe(0)
    expect(await tryRead(name, { offset: 3 })).toMatchObject({
      error: { code: 'offset_out_of_range', details: { logStartOffset: 0, highWatermark: 2 } },
    })
  })

  test.each([-1, Number.NaN])('rejects the offset %d', async (offset) => {
    const name = await newPartition()
    await append(name, batch(['a']))
    expect(codeOf(await tryRead(name, { offset }))).toBe('offset_out_of_range')
  })
})

describe('findTimestamp()', () => {
  async function baseOffsetAt(name: string, timestamp: number | 'max'): Promise<number | null> {
    const { batches } = unwrap(await partition(name).findTimestamp(timestamp))
    expect(batches.length).toBeLessThanOrEqual(1)
    const [found] = batches
    return found === undefined ? null : (headersOf(found)[0]?.baseOffset ?? -1)
  }

  test('finds the first batch that reaches the time', async () => {
    const name = await newPartition({ 'retention.ms': '-1' })
    const times = [1_000, 3_000, 2_000, 5_000]
    for (const timestamp of times) await append(name, batch(['a', 'b'], { timestamp }))
    const wanted = [0, 1_000, 1_001, 2_500, 3_000, 3_001, 5_000, 5_001]
    const found = await Promise.all(wanted.map((time) => baseOffsetAt(name, time)))
    expect(found).toEqual([0, 0, 2, 2, 2, 6, 6, null])
  })

  test('finds the first of the batches with the latest time', async () => {
    const name = await newPartition({ 'retention.ms': '-1' })
    expect(await baseOffsetAt(name, 'max')).toBeNull()
    await append(name, batch(['no time'], { timestamp: -1 }))
    expect(await baseOffsetAt(name, 'max')).toBeNull()
    await append(
      name,
      [1_000, 3_000, 2_000, 3_000].map((timestamp) => batch(['a'], { timestamp })),
    )
    await append(name, batch(['a'], { timestamp: 3_000 }))
    expect(await baseOffsetAt(name, 'max')).toBe(2)
    await append(name, batch(['a'], { timestamp: 3_001 }))
    expect(await baseOffsetAt(name, 'max')).toBe(6)
  })

  test('returns only the buffer of the batch', async () => {
    const name = await newPartition()
    await append(name, [largeBatch(10_000, { timestamp: Date.now() - 10 }), batch(['a'])])
    const [found] = unwrap(await partition(name).findTimestamp('max')).batches
    expect(found?.buffer.byteLength).toBe(batch(['a']).length)
  })

  test('skips records without a time', async () => {
    const name = await newPartition({ 'retention.ms': '-1' })
    await append(name, batch(['no time'], { timestamp: -1 }))
    await append(name, batch(['a'], { timestamp: 1_000 }))
    expect(await baseOffsetAt(name, 0)).toBe(1)
  })

  test('returns both ends', async () => {
    const name = await newPartition()
    await append(name, batch(['a']))
    expect(unwrap(await partition(name).findTimestamp(0))).toMatchObject({
      highWatermark: 1,
      logStartOffset: 0,
    })
  })
})

/** Longer than a test may take, so that a poll that waits for its deadline fails the test. */
const FOR_EVER_MS = 600_000

describe('a long poll', () => {
  let name: string
  beforeEach(async () => {
    name = await newPartition()
  })

  test('wakes on an append', async () => {
    const polled = read(name, { maxWaitMs: FOR_EVER_MS })
    await scheduler.wait(20)
    await append(name, batch(['a']))
    expect(await valuesOf((await polled).batches)).toEqual(['a'])
  })

  test('returns on an append, without records if they do not fit', async () => {
    const polled = read(name, { maxBytes: 0, mayLeaveFirst: true, maxWaitMs: 20_000 })
    await scheduler.wait(20)
    await append(name, batch(['a']))
    expect(await polled).toMatchObject({ to: 0, highWatermark: 1 })
  })

  test('waits from the end at the time of its request', async () => {
    await append(name, batch(['a']))
    const polled = read(name, { offset: 'latest', maxWaitMs: 20_000 })
    await scheduler.wait(20)
    await append(name, batch(['b']))
    expect(await polled).toMatchObject({ from: 1, to: 2, highWatermark: 2 })
  })

  test('waits for minBytes', async () => {
    const sizeBytes = batch(['a']).length
    let isSettled = false
    const polled = read(name, { minBytes: 3 * sizeBytes, maxWaitMs: 20_000 }).then((result) => {
      isSettled = true
      return result
    })
    for (const value of ['a', 'b']) await append(name, batch([value]))
    await scheduler.wait(30)
    expect(isSettled).toBe(false)
    await append(name, batch(['c']))
    expect(await valuesOf((await polled).batches)).toEqual(['a', 'b', 'c'])
  })

  test('does not wait for more than maxBytes allows', async () => {
    const sizeBytes = batch(['a']).length
    await append(name, [batch(['a']), batch(['b']), batch(['c'])])
    const result = await read(name, {
      minBytes: 2.5 * sizeBytes,
      maxBytes: 2.5 * sizeBytes,
      maxWaitMs: FOR_EVER_MS,
    })
    expect(result.to).toBe(2)
  })

  test('returns at its deadline with what was read', async () => {
    await append(name, batch(['a']))
    const before = Date.now()
    const result = await read(name, { minBytes: 1_000, maxWaitMs: 100 })
    expect(await valuesOf(result.batches)).toEqual(['a'])
    expect(Date.now() - before).toBeGreaterThanOrEqual(95)
    expect((await read(name, { offset: 1, maxWaitMs: 50 })).batches.length).toBe(0)
  })

  test('ends with the partition', async () => {
    const polled = tryRead(name, { maxWaitMs: 20_000 })
    await scheduler.wait(20)
    await partition(name).destroy()
    expect(codeOf(await polled)).toBe('unknown_topic_or_partition')
  })

  test('returns at once if WAITERS_MAX are waiting', async () => {
    await runInDurableObject(partition(name), async (instance) => {
      const poll = (maxWaitMs: number) =>
        instance.read({ offset: 0, maxBytes: 1, minBytes: 1, maxWaitMs, isolation: 'committed' })
      const waiting = range(WAITERS_MAX).map(() => poll(FOR_EVER_MS))
      expect(await poll(FOR_EVER_MS)).toMatchObject({ ok: { highWatermark: 0 } })
      await instance.append(appendRequest(batch(['a'])))
      const results = await Promise.all(waiting)
      expect(results.every((result) => 'ok' in result && result.ok.to === 1)).toBe(true)
    })
  })
})
