import {
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test'
import { afterEach, expect, test } from 'vitest'
import { unwrap } from '../../../src/core/errors.ts'
import { CHUNK_BYTES_MAX, MAINTENANCE_ROWS_MAX } from '../../../src/core/limits.ts'
import {
  append,
  batch,
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
  read,
  readAll,
  tryAppend,
  tryRead,
  valuesOf,
} from './partition-for-test.ts'

afterEach(async () => {
  await reset()
})

async function deleteBefore(name: string, offset: number | 'highWatermark'): Promise<number> {
  return unwrap(await partition(name).deleteRecords(offset)).logStartOffset
}

async function describeOf(name: string) {
  return unwrap(await partition(name).describe())
}

/** Makes four chunks of three records each; the third has two batches. */
async function filled(overrides: Record<string, string> = {}): Promise<string> {
  const name = await newPartition(overrides)
  await append(name, batch(['0', '1', '2'], { timestamp: 9_000 }))
  await append(name, batch(['3', '4', '5'], { timestamp: 2_000 }))
  await append(name, [batch(['6', '7'], { timestamp: 8_000 }), batch(['8'], { timestamp: 3_000 })])
  await append(name, batch(['9', '10', '11'], { timestamp: 5_000 }))
  return name
}

const FOREVER = { 'retention.ms': '-1' }

test('moves the log start up, never down, and permanently', async () => {
  const name = await filled(FOREVER)
  expect(await deleteBefore(name, 4)).toBe(4)
  expect(await deleteBefore(name, 0)).toBe(4)
  expect(await deleteBefore(name, 4)).toBe(4)
  for (const _ of range(2)) {
    expect(await describeOf(name)).toMatchObject({ logStartOffset: 4, highWatermark: 12 })
    expect(await tryRead(name, { offset: 3 })).toMatchObject({
      error: { code: 'offset_out_of_range', details: { logStartOffset: 4, highWatermark: 12 } },
    })
    // The batch that holds the log start is returned whole; readers skip to the log start.
    const result = await read(name, { offset: 'earliest', maxBytes: 1 })
    expect(result).toMatchObject({ from: 4, to: 6 })
    expect(headersOf(result.batches).map(({ baseOffset }) => baseOffset)).toEqual([3])
    await maintain(name)
    await evictDurableObject(partition(name))
  }
})

test('deletes the chunks below, and keeps the one that holds the log start', async () => {
  const name = await filled(FOREVER)
  const sizes = (await chunkRows(name)).map(({ sizeBytes }) => sizeBytes)
  await deleteBefore(name, 7)
  expect((await chunkRows(name)).map(({ baseOffset }) => baseOffset)).toEqual([6, 9])
  const sizeBytes = (sizes[2] ?? 0) + (sizes[3] ?? 0)
  expect(await describeOf(name)).toMatchObject({ logStartOffset: 7, sizeBytes })
  await evictDurableObject(partition(name))
  expect(await describeOf(name)).toMatchObject({ logStartOffset: 7, sizeBytes })
  // The next deletion removes it too.
  await deleteBefore(name, 10)
  expect((await chunkRows(name)).map(({ baseOffset }) => baseOffset)).toEqual([9])
  expect(await valuesOf(await readAll(name))).toEqual(['9', '10', '11'])
})

test('leaves an empty log that continues, if called with the high watermark', async () => {
  const name = await filled()
  expect(await deleteBefore(name, 'highWatermark')).toBe(12)
  expect(await countRows(name, 'chunk')).toBe(0)
  await evictDurableObject(partition(name))
  expect(await describeOf(name)).toMatchObject({
    logStartOffset: 12,
    highWatermark: 12,
    sizeBytes: 0,
  })
  expect((await append(name, batch(['a']))).baseOffsets).toEqual([12])
  await evictDurableObject(partition(name))
  expect(await valuesOf(await readAll(name))).toEqual(['a'])
})

test.each([-1, 13, Number.NaN])('rejects the offset %d, with both ends', async (offset) => {
  const name = await filled(FOREVER)
  await deleteBefore(name, 2)
  expect(await partition(name).deleteRecords(offset)).toMatchObject({
    error: { code: 'offset_out_of_range', details: { logStartOffset: 2, highWatermark: 12 } },
  })
  expect(await describeOf(name)).toMatchObject({ logStartOffset: 2 })
})

test('fails if cleanup.policy does not include delete', async () => {
  const name = await newPartition({ 'cleanup.policy': 'compact' })
  expect(codeOf(await partition(name).deleteRecords(0))).toBe('policy_violation')
  const both = await newPartition({ 'cleanup.policy': 'compact,delete' })
  expect(await deleteBefore(both, 0)).toBe(0)
})

test('fails for a partition that does not exist, and stores nothing', async () => {
  expect(codeOf(await partition('none/0').deleteRecords(0))).toBe('unknown_topic_or_partition')
})

test('keeps the state of producers', async () => {
  const name = await newPartition(FOREVER)
  const producer = { producerId: 7n, producerEpoch: 0 }
  const first = batch(['a', 'b'], { ...producer, baseSequence: 0 })
  await append(name, first.slice())
  await deleteBefore(name, 'highWatermark')
  await evictDurableObject(partition(name))
  expect((await append(name, first.slice())).baseOffsets).toEqual([0])
  const ahead = batch(['d'], { ...producer, baseSequence: 3 })
  expect(codeOf(await tryAppend(name, ahead))).toBe('out_of_order_sequence_number')
  const next = batch(['c'], { ...producer, baseSequence: 2 })
  expect((await append(name, next)).baseOffsets).toEqual([2])
})

test('deletes a bounded number of chunks at once and the rest by alarm, even if the policy changes', async () => {
  const name = await newPartition(FOREVER)
  await append(name, batch(['0']))
  const bytes = await readAll(name)
  const count = MAINTENANCE_ROWS_MAX + 10
  await runInDurableObject(partition(name), (_, { storage }) => {
    // Inserts the rows directly, instead of making as many commits.
    for (const offset of range(count).slice(1)) {
      const copy = bytes.slice()
      new DataView(copy.buffer).setBigInt64(0, BigInt(offset))
      storage.sql.exec(
        'INSERT INTO chunk (base_offset, end_offset, max_timestamp, bytes) VALUES (?, ?, ?, ?)',
        offset,
        offset + 1,
        1_000,
        copy,
      )
    }
  })
  await evictDurableObject(partition(name))
  expect(await deleteBefore(name, count - 1)).toBe(count - 1)
  expect(await countRows(name, 'chunk')).toBe(10)
  expect(codeOf(await tryRead(name, { offset: count - 2 }))).toBe('offset_out_of_range')
  await configure(name, { 'cleanup.policy': 'compact' }, 2)
  expect(await runDurableObjectAlarm(partition(name))).toBe(true)
  expect((await chunkRows(name)).map(({ baseOffset }) => baseOffset)).toEqual([count - 1])
  expect(await describeOf(name)).toMatchObject({ logStartOffset: count - 1, highWatermark: count })
  expect((await describeOf(name)).sizeBytes).toBe(bytes.length)
})

test('does not stop sealing around the chunk that holds the log start', async () => {
  const name = await newPartition(FOREVER)
  for (const n of range(5)) await append(name, batch([`${n}a`, `${n}b`]))
  await deleteBefore(name, 3)
  const size = CHUNK_BYTES_MAX * 0.9
  for (const _ of range(2)) await append(name, largeBatch(size))
  const before = await valuesOf(await readAll(name))
  await maintain(name)
  expect((await chunkRows(name)).map(({ baseOffset }) => baseOffset)).toEqual([2, 10, 11])
  expect(await valuesOf(await readAll(name))).toEqual(before)
  expect(await describeOf(name)).toMatchObject({ logStartOffset: 3, highWatermark: 12 })
})

test('limits look-ups by time to records above the log start, within its batch and its chunk', async () => {
  const name = await filled(FOREVER)
  const found = async (timestamp: number | 'max') => {
    const { batches } = unwrap(await partition(name).findTimestamp(timestamp))
    return batches.map((one) => headersOf(one)[0]?.baseOffset)
  }
  expect(await found('max')).toEqual([0])
  await deleteBefore(name, 1)
  expect(await found('max')).toEqual([0, 6])
  expect(await found(8_500)).toEqual([0])
  await deleteBefore(name, 7)
  expect(await found('max')).toEqual([6, 9])
  expect(await found(2_500)).toEqual([6, 8])
  await deleteBefore(name, 8)
  expect(await found('max')).toEqual([9])
  expect(await found(2_500)).toEqual([8, 9])
  expect(await found(8_000)).toEqual([])
  await deleteBefore(name, 12)
  expect(await found('max')).toEqual([])
})
