/** Restoring the records of another log at their offsets. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { assignOffset, holeBatch } from '../../../src/core/batch/record-batch.ts'
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import { type Result, unwrap } from '../../../src/core/errors.ts'
import type { RestoreResult } from '../../../src/core/log/partition-api.ts'
import { COMPACT, clock, compact, pairs, pairsOf, text, useClock } from './keyed-log.ts'
import {
  append,
  batch,
  checkAge,
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
  recordsOf,
  sameBytes,
  tryRead,
  valuesOf,
} from './partition-for-test.ts'

useClock()

const FOREVER = { 'retention.ms': '-1' }
const SOURCE = 'source-a'

/** Returns a batch as another log has it. */
function stored(baseOffset: number, values: readonly string[]): Uint8Array {
  const bytes = batch(values, { timestamp: 5_000 })
  assignOffset(bytes, 0, baseOffset, 0)
  return bytes
}

async function tryRestore(
  name: string,
  from: number,
  batches: readonly Uint8Array[],
  sourceId = SOURCE,
): Promise<Result<RestoreResult>> {
  const request = { sourceId, from, batches: concatenate(batches) }
  return (await partition(name).restore(request)) as Result<RestoreResult>
}

async function restore(...args: Parameters<typeof tryRestore>): Promise<RestoreResult> {
  return unwrap(await tryRestore(...args))
}

async function offsetsOf(name: string): Promise<number[]> {
  return (await recordsOf(await readAll(name))).map(({ offset }) => offset)
}

test('keeps log start, offsets and holes, also after an eviction', async () => {
  const name = await newPartition(FOREVER)
  expect(await restore(name, 100, [stored(103, ['a', 'b']), stored(110, ['c'])])).toMatchObject({
    logStartOffset: 100,
    highWatermark: 111,
  })
  await restore(name, 111, [stored(120, ['d']), holeBatch(121, 8)])
  for (const _ of range(2)) {
    expect(await offsetsOf(name)).toEqual([103, 104, 110, 120])
    expect(await read(name, { offset: 'earliest' })).toMatchObject({
      from: 100,
      to: 130,
      logStartOffset: 100,
      lastStableOffset: 130,
      highWatermark: 130,
    })
    expect(await valuesOf((await read(name, { offset: 105 })).batches)).toEqual(['c', 'd'])
    await evictDurableObject(partition(name))
  }
})

test('gives the rows of a restored log neither gaps nor overlaps', async () => {
  const name = await newPartition(FOREVER)
  const size = 700_000
  const large = [0, 1, 2].map((index) => {
    const bytes = largeBatch(size)
    assignOffset(bytes, 0, 1_000 * index + 10, 0)
    return bytes
  })
  await restore(name, 0, large)
  await restore(name, 2_011, [stored(2_500, ['last'])])
  await maintain(name)
  const rows = await chunkRows(name)
  expect(rows.length).toBeGreaterThan(1)
  expect(rows[0]?.baseOffset).toBe(0)
  for (const [index, row] of rows.entries()) {
    if (index > 0) expect(row.baseOffset).toBe(rows[index - 1]?.endOffset)
  }
  expect(rows.at(-1)?.endOffset).toBe(2_501)
})

test('restores a log whose start lies within a batch', async () => {
  const name = await newPartition(FOREVER)
  await restore(name, 5, [stored(3, ['3', '4', '5'])])
  expect(codeOf(await tryRead(name, { offset: 4 }))).toBe('offset_out_of_range')
  expect(await read(name, { offset: 'earliest' })).toMatchObject({ from: 5, to: 6 })
  expect(headersOf((await read(name, { offset: 5 })).batches)[0]).toMatchObject({ baseOffset: 3 })
})

test('gives an empty log the start of one whose records were all deleted', async () => {
  const name = await newPartition(FOREVER)
  await restore(name, 42, [])
  await evictDurableObject(partition(name))
  expect(unwrap(await partition(name).describe())).toMatchObject({
    logStartOffset: 42,
    highWatermark: 42,
  })
  expect(await append(name, batch(['next']))).toMatchObject({ baseOffsets: [42] })
})

test('appends new records behind those that were restored', async () => {
  const name = await newPartition(FOREVER)
  await restore(name, 7, [stored(9, ['old'])])
  const producer = { producerId: 1n, producerEpoch: 0, baseSequence: 0 }
  expect(await append(name, batch(['new'], producer))).toMatchObject({ baseOffsets: [10] })
  await evictDurableObject(partition(name))
  expect(await valuesOf(await readAll(name))).toEqual(['old', 'new'])
})

test('rejects a restore that is not at the end, and keeps the log', async () => {
  const name = await newPartition(FOREVER)
  await restore(name, 0, [stored(0, ['a', 'b'])])
  const before = await readAll(name)
  for (const from of [0, 1, 3]) {
    const result = await tryRestore(name, from, [stored(from, ['x'])])
    expect(result).toMatchObject({
      error: { code: 'expected_offset_mismatch', details: { nextOffset: 2 } },
    })
  }
  expect(sameBytes(await readAll(name), before)).toBe(true)
})

test('rejects a restore of a log that has other records, or is restored from another topic', async () => {
  const appended = await newPartition(FOREVER)
  await append(appended, batch(['a']))
  expect(codeOf(await tryRestore(appended, 1, [stored(1, ['x'])]))).toBe('policy_violation')
  const restored = await newPartition(FOREVER)
  await restore(restored, 0, [stored(0, ['a'])])
  expect(codeOf(await tryRestore(restored, 1, [stored(1, ['x'])], 'source-b'))).toBe(
    'policy_violation',
  )
  await append(restored, batch(['b']))
  await evictDurableObject(partition(restored))
  expect(codeOf(await tryRestore(restored, 2, [stored(2, ['x'])]))).toBe('policy_violation')
})

test('rejects batches that overlap, and those that end before the log start', async () => {
  const name = await newPartition(FOREVER)
  const overlapping = [stored(3, ['a', 'b']), stored(4, ['x'])]
  expect(codeOf(await tryRestore(name, 0, overlapping))).toBe('invalid_record')
  expect(codeOf(await tryRestore(name, 9, [stored(3, ['a'])]))).toBe('invalid_record')
  expect(unwrap(await partition(name).describe())).toMatchObject({ highWatermark: 0 })
})

test('wakes a long poll', async () => {
  const name = await newPartition(FOREVER)
  await restore(name, 0, [stored(0, ['a'])])
  const waiting = read(name, { offset: 1, maxWaitMs: 30_000 })
  await restore(name, 1, [stored(4, ['b'])])
  expect(await valuesOf((await waiting).batches)).toEqual(['b'])
})

test('stores nothing of a deleted partition', async () => {
  const name = await newPartition(FOREVER)
  await partition(name).destroy()
  expect(codeOf(await tryRestore(name, 0, [stored(0, ['a'])]))).toBe('unknown_topic_or_partition')
  await runInDurableObject(partition(name), (_, { storage }) => {
    const tables = storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'chunk'")
    expect(tables.toArray()).toEqual([])
  })
})

test('compacts a restored log, and keeps its table, also over holes', async () => {
  const name = await newPartition({ ...COMPACT, 'edgelog.table.enable': 'true' })
  const at = (baseOffset: number, ...list: Parameters<typeof pairs>[0]) => {
    const bytes = pairs(list)
    assignOffset(bytes, 0, baseOffset, 0)
    return bytes
  }
  await restore(name, 10, [at(12, ['a', '1'], ['b', '1']), at(20, ['a', '2']), holeBatch(21, 8)])
  await restore(name, 30, [at(31, ['c', '1']), at(35, ['b', null])])
  for (const _ of range(3)) await compact(name)
  expect(await pairsOf(name)).toEqual(['20 a=2', '31 c=1', '35 b=null'])
  const request = { maxWaitMs: 1_000, prefix: new Uint8Array(0), limit: 9 }
  const { entries } = unwrap(await partition(name).tableScan(request))
  expect(entries.map(({ key, offset }) => `${offset} ${text.decode.decode(key)}`)).toEqual([
    '20 a',
    '31 c',
  ])
  expect(await restore(name, 36, [at(40, ['d', '1'])])).toMatchObject({ highWatermark: 41 })
  expect(await append(name, pairs([['e', '1']]))).toMatchObject({ baseOffsets: [41] })
})

test('deletes restored records by their age, and lets the restore go on', async () => {
  const name = await newPartition({ 'retention.ms': '1000' })
  await restore(name, 0, [stored(0, ['old'])])
  clock.pass(3_600_000)
  await checkAge(name)
  expect(unwrap(await partition(name).describe())).toMatchObject({
    logStartOffset: 1,
    highWatermark: 1,
  })
  expect(await restore(name, 1, [stored(4, ['older'])])).toMatchObject({ highWatermark: 5 })
})

test('copies a restored log to R2, whatever holes it has', async () => {
  const name = await newPartition({
    ...FOREVER,
    'remote.storage.enable': 'true',
    'local.retention.bytes': '1',
    'segment.bytes': '1048576',
  })
  const part = (baseOffset: number) => {
    const bytes = largeBatch(900_000)
    assignOffset(bytes, 0, baseOffset, 0)
    return bytes
  }
  await restore(name, 5, [part(10), part(20), part(30)])
  await restore(name, 31, [part(40), holeBatch(41, 8)])
  for (const _ of range(8)) {
    clock.pass(60_000)
    await maintain(name)
  }
  const listing = unwrap(await partition(name).listRemote(0, 9))
  expect(listing.segments.length).toBeGreaterThan(1)
  expect(listing.segments[0]).toMatchObject({ baseOffset: 5 })
  for (const [index, { baseOffset }] of listing.segments.entries()) {
    if (index > 0) expect(baseOffset).toBe(listing.segments[index - 1]?.endOffset)
  }
})

test('leaves nothing of a restore that is aborted in its turn', async () => {
  const name = await newPartition(FOREVER)
  await restore(name, 3, [stored(4, ['before'])])
  await expect(
    (async () =>
      await runInDurableObject(partition(name), (instance, state) => {
        const request = { sourceId: SOURCE, from: 5, batches: stored(7, ['lost']) }
        void instance.restore(request)
        state.abort()
      }))(),
  ).rejects.toThrow()
  expect(await valuesOf(await readAll(name))).toEqual(['before'])
  expect(await restore(name, 5, [stored(7, ['kept'])])).toMatchObject({ highWatermark: 8 })
})
