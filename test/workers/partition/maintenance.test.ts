import {
  abortAllDurableObjects,
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { unwrap } from '../../../src/core/errors.ts'
import {
  CHECKPOINT_BYTES,
  CHUNK_BYTES_MAX,
  MAINTENANCE_ROWS_MAX,
  RETENTION_CHECK_INTERVAL_MS_DEFAULT,
  SEAL_DELAY_MS,
} from '../../../src/core/limits.ts'
import {
  alarmTime,
  append,
  appendTogether,
  batch,
  checkAge,
  chunkRows,
  codeOf,
  configure,
  countRows,
  headersOf,
  largeBatch,
  maintain,
  newPartition,
  partition,
  range,
  readAll,
  sameBytes,
  tryRead,
  valuesOf,
} from './partition-for-test.ts'

const OLD = 1_000_000_000_000

afterEach(async () => {
  vi.useRealTimers()
  await reset()
})

async function describeOf(name: string) {
  return unwrap(await partition(name).describe())
}

async function dueInMs(name: string): Promise<number> {
  return ((await alarmTime(name)) ?? Number.NaN) - Date.now()
}

describe('retention', () => {
  test('deletes by age, by alarm, up to the first chunk that must stay', async () => {
    const name = await newPartition({ 'retention.ms': '60000' })
    for (const value of ['a', 'b']) await append(name, batch([value], { timestamp: OLD }))
    await append(name, batch(['c']))
    await append(name, batch(['d'], { timestamp: OLD }))
    expect(await dueInMs(name)).toBeLessThanOrEqual(RETENTION_CHECK_INTERVAL_MS_DEFAULT)
    await evictDurableObject(partition(name))
    expect(await runDurableObjectAlarm(partition(name))).toBe(true)
    expect(await valuesOf(await readAll(name))).toEqual(['c', 'd'])
    expect(await describeOf(name)).toMatchObject({ logStartOffset: 2, highWatermark: 4 })
  })

  test('keeps records that were already old when they arrived until the next check, whatever alarms come before', async () => {
    const name = await newPartition({ 'retention.ms': '60000' })
    await append(name, batch(['a'], { timestamp: OLD }))
    const dueMs = await dueInMs(name)
    expect(dueMs).toBeGreaterThan(RETENTION_CHECK_INTERVAL_MS_DEFAULT - 60_000)
    for (const _ of range(3)) {
      await maintain(name)
      await append(name, batch(['b']))
      expect(await describeOf(name)).toMatchObject({ logStartOffset: 0 })
    }
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + RETENTION_CHECK_INTERVAL_MS_DEFAULT })
    await maintain(name)
    expect(await describeOf(name)).toMatchObject({ logStartOffset: 4 })
  })

  test('is not postponed by appends that wake the object', async () => {
    const name = await newPartition({ 'retention.ms': '60000' })
    await append(name, batch(['a'], { timestamp: OLD }))
    const firstDue = await alarmTime(name)
    for (const _ of range(3)) {
      await evictDurableObject(partition(name))
      await append(name, batch(['b']))
      expect(await alarmTime(name)).toBe(firstDue)
    }
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + RETENTION_CHECK_INTERVAL_MS_DEFAULT })
    expect(await runDurableObjectAlarm(partition(name))).toBe(true)
    expect(await describeOf(name)).toMatchObject({ logStartOffset: 4 })
  })

  test('deletes by size, and keeps at least retention.bytes', async () => {
    const sizeBytes = batch(['0']).length
    const name = await newPartition({ 'retention.bytes': String(3 * sizeBytes) })
    for (const n of range(3)) await append(name, batch([`${n}`]))
    await maintain(name)
    expect(await describeOf(name)).toMatchObject({ logStartOffset: 0 })
    for (const n of range(4)) await append(name, batch([`${n + 3}`]))
    expect(await runDurableObjectAlarm(partition(name))).toBe(true)
    expect(await describeOf(name)).toMatchObject({ logStartOffset: 4, sizeBytes: 3 * sizeBytes })
    expect(await valuesOf(await readAll(name))).toEqual(['4', '5', '6'])
  })

  test('only moves the log start up, and a read below it fails', async () => {
    const name = await newPartition({ 'retention.ms': '60000' })
    await append(name, batch(['a', 'b'], { timestamp: OLD }))
    await append(name, batch(['c']))
    await checkAge(name)
    for (const _ of range(3)) {
      expect(await tryRead(name, { offset: 1 })).toMatchObject({
        error: { code: 'offset_out_of_range', details: { logStartOffset: 2, highWatermark: 3 } },
      })
      expect(await describeOf(name)).toMatchObject({ logStartOffset: 2 })
      await evictDurableObject(partition(name))
    }
  })

  test('keeps the next offset after it has deleted everything, across evictions', async () => {
    const name = await newPartition({ 'retention.ms': '1' })
    await append(name, batch(['a', 'b'], { timestamp: OLD }))
    await checkAge(name)
    await evictDurableObject(partition(name))
    expect(await describeOf(name)).toEqual({
      partition: 0,
      logStartOffset: 2,
      lastStableOffset: 2,
      highWatermark: 2,
      sizeBytes: 0,
    })
    expect(codeOf(await tryRead(name, { offset: 0 }))).toBe('offset_out_of_range')
    expect(codeOf(await tryRead(name, { offset: 2 }))).toBe('ok')
    expect((await append(name, batch(['c']))).baseOffsets).toEqual([2])
    await evictDurableObject(partition(name))
    expect(await describeOf(name)).toMatchObject({ logStartOffset: 2, highWatermark: 3 })
  })

  test('uses the append time if records have no time', async () => {
    const name = await newPartition({ 'retention.ms': '60000' })
    await append(name, batch(['a'], { timestamp: -1 }))
    await checkAge(name)
    expect(await valuesOf(await readAll(name))).toEqual(['a'])
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 })
    await checkAge(name)
    expect(await countRows(name, 'chunk')).toBe(0)
  })

  test('uses the last append if records without a time were sealed into one row', async () => {
    const name = await newPartition({ 'retention.ms': '60000' })
    await append(name, largeBatch(50_000, { timestamp: -1 }))
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 50_000 })
    // Twenty fill a row, including the old one; two are left over.
    for (const _ of range(21)) await append(name, largeBatch(50_000, { timestamp: -1 }))
    await checkAge(name)
    expect(await countRows(name, 'chunk')).toBe(3)
    vi.setSystemTime(Date.now() + 50_000)
    await checkAge(name)
    expect(await countRows(name, 'chunk')).toBe(3)
    vi.setSystemTime(Date.now() + 11_000)
    await checkAge(name)
    expect(await countRows(name, 'chunk')).toBe(0)
  })

  test('waits for records with a future time', async () => {
    const name = await newPartition({ 'retention.ms': '60000' })
    await append(name, batch(['a'], { timestamp: Date.now() + 3_000_000 }))
    await append(name, batch(['b'], { timestamp: OLD }))
    await maintain(name)
    expect(await countRows(name, 'chunk')).toBe(2)
    expect(await dueInMs(name)).toBeGreaterThan(3_000_000)
  })

  test.each([
    ['9223372036854775807', 0],
    ['1000', 2 ** 53 - 1_000_000],
  ])('sets no early alarm with retention.ms=%s and a time of %d', async (retentionMs, time) => {
    const name = await newPartition({
      'retention.ms': retentionMs,
      'message.timestamp.after.max.ms': '9223372036854775807',
    })
    await append(name, batch(['a'], { timestamp: time || Date.now() }))
    await scheduler.wait(50)
    expect(await dueInMs(name)).toBeGreaterThan(60_000)
    await maintain(name)
    expect(await dueInMs(name)).toBeGreaterThan(60_000)
    expect(await valuesOf(await readAll(name))).toEqual(['a'])
  })

  test('applies a change of config', async () => {
    const name = await newPartition({ 'retention.ms': '-1' })
    await append(name, batch(['a'], { timestamp: OLD }))
    expect(await alarmTime(name)).toBeNull()
    await configure(name, { 'retention.ms': '60000' }, 2)
    expect(await dueInMs(name)).toBeLessThanOrEqual(RETENTION_CHECK_INTERVAL_MS_DEFAULT)
    await evictDurableObject(partition(name))
    await runDurableObjectAlarm(partition(name))
    expect(await countRows(name, 'chunk')).toBe(0)
  })

  test('resumes after everything was deleted', async () => {
    const name = await newPartition({ 'retention.ms': '60000' })
    await append(name, batch(['a'], { timestamp: OLD }))
    await evictDurableObject(partition(name))
    await runDurableObjectAlarm(partition(name))
    expect(await alarmTime(name)).toBeNull()
    await append(name, batch(['b']))
    expect(await dueInMs(name)).toBeLessThanOrEqual(RETENTION_CHECK_INTERVAL_MS_DEFAULT)
  })

  test('does not wait for the alarm that expires producers', async () => {
    const name = await newPartition({ 'retention.ms': '60000' })
    await append(name, batch(['a'], { timestamp: OLD, producerId: 1n }))
    await evictDurableObject(partition(name))
    await runDurableObjectAlarm(partition(name))
    expect(await dueInMs(name)).toBeGreaterThan(1_000_000)
    await append(name, batch(['b']))
    expect(await dueInMs(name)).toBeLessThanOrEqual(RETENTION_CHECK_INTERVAL_MS_DEFAULT)
  })

  test('runs even if the alarm was lost', async () => {
    const name = await newPartition({ 'retention.ms': '60000' })
    await append(name, batch(['a'], { timestamp: OLD }))
    await runInDurableObject(partition(name), (_, { storage }) => storage.deleteAlarm())
    await evictDurableObject(partition(name))
    await append(name, batch(['b']))
    await evictDurableObject(partition(name))
    expect(await runDurableObjectAlarm(partition(name))).toBe(true)
    expect(await valuesOf(await readAll(name))).toEqual(['b'])
  })

  test('deletes more rows than one turn may', async () => {
    const name = await newPartition({ 'retention.ms': '60000' })
    await append(name, batch(['a']))
    const bytes = await readAll(name)
    await runInDurableObject(partition(name), (_, { storage }) => {
      // Inserts the rows directly, instead of making as many commits.
      for (const n of range(MAINTENANCE_ROWS_MAX + 10)) {
        const copy = bytes.slice()
        new DataView(copy.buffer).setBigInt64(0, BigInt(n + 1))
        storage.sql.exec(
          'INSERT INTO chunk (base_offset, end_offset, max_timestamp, bytes) VALUES (?, ?, ?, ?)',
          n + 1,
          n + 2,
          OLD,
          copy,
        )
      }
      storage.sql.exec('UPDATE chunk SET max_timestamp = ?', OLD)
    })
    await evictDurableObject(partition(name))
    await maintain(name)
    expect(await describeOf(name)).toMatchObject({
      logStartOffset: MAINTENANCE_ROWS_MAX + 11,
      lastStableOffset: MAINTENANCE_ROWS_MAX + 11,
      highWatermark: MAINTENANCE_ROWS_MAX + 11,
      sizeBytes: 0,
    })
  })
})

describe('sealing', () => {
  test('runs by alarm, shortly after a checkpoint', async () => {
    const name = await newPartition()
    for (const _ of range(22)) await append(name, largeBatch(CHECKPOINT_BYTES / 22))
    expect(await dueInMs(name)).toBeLessThanOrEqual(SEAL_DELAY_MS)
    expect(await dueInMs(name)).toBeGreaterThan(SEAL_DELAY_MS - 1_000)
  })

  test('changes no byte, and leaves few rows of about CHUNK_BYTES_MAX', async () => {
    const name = await newPartition()
    for (const round of range(26)) {
      await append(name, [batch([`a${round}`, `b${round}`]), largeBatch(4_000)])
      await appendTogether(
        name,
        range(10).map((n) => ({ batches: largeBatch(4_000 + n) })),
      )
    }
    const before = await readAll(name)
    const { sizeBytes } = await describeOf(name)
    const rowsBefore = (await chunkRows(name)).length
    expect(await runDurableObjectAlarm(partition(name))).toBe(true)
    const rows = await chunkRows(name)
    expect(rows.length).toBeLessThan(rowsBefore / 3)
    expect(rows.every((row) => row.sizeBytes <= CHUNK_BYTES_MAX)).toBe(true)
    expect(rows[0]?.sizeBytes).toBeGreaterThan(CHUNK_BYTES_MAX * 0.9)
    expect(rows.at(-1)?.endOffset).toBe(338)
    expect(sameBytes(await readAll(name), before)).toBe(true)
    expect(sameBytes(await readAll(name, 50_000), before)).toBe(true)
    await evictDurableObject(partition(name))
    expect(sameBytes(await readAll(name), before)).toBe(true)
    expect(await describeOf(name)).toMatchObject({ sizeBytes, highWatermark: 338 })
  })

  test('continues where it was stopped', async () => {
    const name = await newPartition()
    for (const _ of range(160)) await append(name, largeBatch(50_000))
    const before = await readAll(name)
    const rowCounts = [160]
    for (let turn = 0; turn < 8; turn++) {
      // One turn of the alarm, then the object is evicted.
      await runInDurableObject(partition(name), (instance) => {
        void instance.alarm().catch(() => undefined)
      })
      await abortAllDurableObjects()
      expect(sameBytes(await readAll(name), before)).toBe(true)
      rowCounts.push((await chunkRows(name)).length)
    }
    expect(rowCounts).toEqual([160, 141, 122, 103, 84, 65, 46, 27, 27])
    expect(headersOf(before).map(({ baseOffset }) => baseOffset)).toEqual(range(160))
  })

  test('runs twice without harm', async () => {
    const name = await newPartition()
    for (const _ of range(60)) await append(name, largeBatch(40_000))
    const before = await readAll(name)
    await Promise.all([maintain(name), maintain(name), append(name, batch(['meanwhile']))])
    await maintain(name)
    expect(sameBytes((await readAll(name)).subarray(0, before.length), before)).toBe(true)
    expect((await readAll(name)).length).toBe(before.length + batch(['meanwhile']).length)
  })
})
