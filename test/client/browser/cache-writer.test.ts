/**
 * The writer of the cache: the cached part is a range of the log
 * without a hole, whatever arrives and whichever tab writes.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { CACHE_ROW_BYTES } from '../../../client/browser/limits.ts'
import { expectDense, openCache, refuseToStore, rowsOf, TestLog, TOPIC } from './cache-for-test.ts'

const MIB = 1024 * 1024

async function setUp(limits?: { bytesMax?: number; recordsMax?: number; ageMsMax?: number }) {
  const tab = openCache()
  await tab.cache.follow(TOPIC, limits)
  return { tab, log: new TestLog() }
}

let refusal: ReturnType<typeof refuseToStore> | undefined

afterEach(() => {
  refusal?.end()
  refusal = undefined
})

describe('append()', () => {
  test('merges single batches into few rows, and rewrites few bytes', async () => {
    const { tab, log } = await setUp()
    const { put } = IDBObjectStore.prototype
    let writtenBytes = 0
    IDBObjectStore.prototype.put = function (this: IDBObjectStore, ...given: [unknown]) {
      const { bytes } = given[0] as { bytes?: Uint8Array }
      writtenBytes += bytes?.length ?? 0
      return put.apply(this, given)
    } as typeof put
    for (let index = 0; index < 600; index++) {
      log.append(1, 1_000)
      await tab.writer.append([log.arrival(index)])
    }
    IDBObjectStore.prototype.put = put
    await expectDense(tab, log)
    const [cursor] = await tab.cache.cursors()
    expect((await rowsOf(tab)).length).toBeLessThan(20)
    expect(writtenBytes / (cursor?.sizeBytes ?? 0)).toBeLessThan(11)
  })

  test('keeps rows near their target size, even after a large arrival', async () => {
    const { tab, log } = await setUp()
    for (let index = 0; index < 30; index++) log.append(100, 500)
    await tab.writer.append([log.arrival(0)])
    await expectDense(tab, log)
    const sizes = (await rowsOf(tab)).map(({ bytes }) => bytes.length)
    expect(sizes.length).toBeGreaterThan(4)
    expect(Math.max(...sizes)).toBeLessThan(CACHE_ROW_BYTES + 60_000)
  })

  test('does not store a topic that is not followed', async () => {
    const tab = openCache()
    const log = new TestLog()
    log.append(1)
    expect(await tab.writer.append([log.arrival(0)])).toEqual(['unfollowed'])
    expect(await tab.cache.cursors()).toEqual([])
  })

  test('begins at the batch that contains the requested offset', async () => {
    const { tab, log } = await setUp()
    log.append(10)
    expect(
      await tab.writer.append([
        { ...log.arrival(5), bytes: new Uint8Array(), headers: [], endOffset: 5 },
        log.arrival(5),
      ]),
    ).toEqual(['stored', 'stored'])
    expect(await tab.cache.cursors()).toMatchObject([{ startOffset: 0, endOffset: 10 }])
    await expectDense(tab, log)
  })

  test('rejects an arrival behind a gap, and one of another topic', async () => {
    const { tab, log } = await setUp()
    log.append(3)
    log.append(3)
    log.append(3)
    expect(await tab.writer.append([log.arrival(0, 1), log.arrival(6)])).toEqual(['stored', 'gap'])
    const other = new TestLog()
    other.append(9)
    expect(await tab.writer.append([other.arrival(3)])).toEqual(['recreated'])
    await expectDense(tab, log)
    expect(await tab.cache.cursors()).toMatchObject([{ startOffset: 0, endOffset: 3 }])
  })

  test('ignores a late response that is older than the cache', async () => {
    const { tab, log } = await setUp()
    log.append(3)
    const late = log.arrival(0)
    log.append(3)
    expect(await tab.writer.append([log.arrival(0), late])).toEqual(['stored', 'stored'])
    expect(await tab.cache.cursors()).toMatchObject([{ endOffset: 6, highWatermark: 6 }])
    await expectDense(tab, log)
  })

  test('drops rows that the log no longer has', async () => {
    const { tab, log } = await setUp()
    for (let index = 0; index < 5; index++) log.append(2)
    await tab.writer.append([log.arrival(0)])
    log.truncateTo(4)
    expect(await tab.writer.append([log.arrival(10)])).toEqual(['truncated'])
    expect(await tab.cache.cursors()).toEqual([])
    await tab.writer.append([log.arrival(0)])
    log.append(10)
    log.append(10)
    log.deleteTo(20)
    expect(await tab.writer.append([log.arrival(20)])).toEqual(['logStartMoved'])
    expect(await rowsOf(tab)).toEqual([])
  })
})

describe('limits', () => {
  test('hold for bytes and records to within a row, over all partitions of a topic', async () => {
    const { tab, log } = await setUp({ bytesMax: MIB, recordsMax: 3_000 })
    const other = new TestLog()
    for (let index = 0; index < 40; index++) {
      log.append(100, 500)
      other.append(50, 200)
      other.id = log.id
      await tab.writer.append([log.arrival(index * 100), other.arrival(index * 50, undefined, 1)])
      const cursors = await tab.cache.cursors()
      expect(cursors.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBeLessThan(MIB)
    }
    await expectDense(tab, log)
    await expectDense(tab, other, 1)
    expect(await tab.cache.cursors()).toMatchObject([{ endOffset: 4_000 }, { endOffset: 2_000 }])
    const [first, second] = await tab.cache.cursors()
    expect((first?.recordsCount ?? 0) + (second?.recordsCount ?? 0)).toBeGreaterThan(1_000)
  })

  test('keep the newest row despite its records, and evict it if it alone exceeds the bytes', async () => {
    const { tab, log } = await setUp({ bytesMax: MIB, recordsMax: 5 })
    log.append(100)
    await tab.writer.append([log.arrival(0)])
    expect(await tab.cache.cursors()).toMatchObject([{ recordsCount: 100 }])
    log.append(1, MIB)
    await tab.writer.append([log.arrival(100)])
    expect(await tab.cache.cursors()).toMatchObject([
      { recordsCount: 0, sizeBytes: 0, startOffset: 101, endOffset: 101 },
    ])
    await expectDense(tab, log)
  })

  test('evict old rows, and rows that the log has deleted', async () => {
    const { tab, log } = await setUp({ ageMsMax: 1_000 })
    log.append(1, CACHE_ROW_BYTES, 0, 998_000)
    log.append(1, CACHE_ROW_BYTES, 0, 998_000)
    log.append(1, CACHE_ROW_BYTES, 0, 999_500)
    log.append(1, CACHE_ROW_BYTES, 0, 998_000)
    await tab.writer.append([log.arrival(0)])
    await tab.writer.evict()
    expect(await tab.cache.cursors()).toMatchObject([{ startOffset: 2, endOffset: 4 }])
    log.deleteTo(3)
    await tab.writer.append([log.arrival(4)])
    await tab.writer.evict()
    expect(await tab.cache.cursors()).toMatchObject([{ startOffset: 3, endOffset: 4 }])
    await expectDense(tab, log)
  })

  test('evict the oldest half once when storage is full', async () => {
    const { tab, log } = await setUp()
    for (let index = 0; index < 8; index++) log.append(1, CACHE_ROW_BYTES)
    await tab.writer.append([log.arrival(0)])
    refusal = refuseToStore(1)
    log.append(1)
    expect(await tab.writer.append([log.arrival(8)])).toEqual(['stored'])
    expect(await tab.cache.cursors()).toMatchObject([{ startOffset: 4, endOffset: 9 }])
    await expectDense(tab, log)
    refusal.end()
    refusal = refuseToStore(2)
    log.append(1)
    await expect(tab.writer.append([log.arrival(9)])).rejects.toMatchObject({
      code: 'storage_full',
    })
    await expectDense(tab, log)
  })
})
