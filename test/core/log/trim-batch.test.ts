import { expect, test } from 'vitest'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { compressBatch } from '../../../src/core/batch/compress-batch.ts'
import { checkBatch, decodeBatch } from '../../../src/core/batch/decode-records.ts'
import type { NewRecord } from '../../../src/core/batch/record.ts'
import { readBatchHeader } from '../../../src/core/batch/record-batch.ts'
import { CODECS } from '../../../src/core/compression/codecs.ts'
import { type TrimmedBatch, type TrimOptions, trimBatch } from '../../../src/core/log/trim-batch.ts'

const text = (value: string) => new TextEncoder().encode(value)

const RECORDS: NewRecord[] = [
  { timestamp: 900, key: text('a'), value: text('0'), headers: [] },
  { timestamp: 5, key: null, value: text('1'), headers: [] },
  { timestamp: 10_000, key: text('b'), value: null, headers: [{ key: 'h', value: text('v') }] },
  { timestamp: 7, key: text(''), value: text(''), headers: [{ key: 'n', value: null }] },
]
const PRODUCER = { producerId: 99n, producerEpoch: 3, baseSequence: 2 ** 31 - 2 }

async function trim(batch: Uint8Array, options: Partial<TrimOptions>) {
  const defaults = { recordsCount: 1, batchBytesMax: 10_000, bytesMax: 10_000, codecs: CODECS }
  return await trimBatch(batch, readBatchHeader(batch), { ...defaults, ...options })
}

function bytesOf(parts: readonly TrimmedBatch[] = []): Uint8Array[] {
  return parts.map(({ bytes }) => bytes)
}

async function recordsOf(bytes: Uint8Array) {
  const header = readBatchHeader(bytes)
  await checkBatch(bytes, header, CODECS)
  const records = await decodeBatch(bytes, header, CODECS)
  return records.map(({ timestamp, key, value, headers }) => ({ timestamp, key, value, headers }))
}

test.each([
  ['none', 1, 2 ** 31 - 1],
  ['none', 2, 0],
  ['gzip', 2, 0],
  ['lz4', 3, 1],
] as const)(
  'trimBatch() removes, with compression %s, exactly the first %d records',
  async (compression, recordsCount, baseSequence) => {
    const plain = encodeBatch(RECORDS, PRODUCER)
    const batch = compression === 'none' ? plain : await compressBatch(plain, compression, CODECS)
    const [rest, ...more] = bytesOf(await trim(batch, { recordsCount }))
    expect(more).toEqual([])
    const left = RECORDS.slice(recordsCount)
    expect(await recordsOf(rest as Uint8Array)).toEqual(left)
    expect(readBatchHeader(rest as Uint8Array)).toMatchObject({
      ...PRODUCER,
      baseSequence,
      compression: 'none',
      recordsCount: left.length,
      maxTimestamp: Math.max(...left.map(({ timestamp }) => timestamp)),
    })
  },
)

test('trimBatch() splits remaining records that are too large for a batch, in sequence', async () => {
  const batch = encodeBatch(RECORDS, PRODUCER)
  const parts = bytesOf(await trim(batch, { batchBytesMax: 61 }))
  expect(parts.map((part) => readBatchHeader(part).baseSequence)).toEqual([2 ** 31 - 1, 0, 1])
  const records = await Promise.all(parts.map(recordsOf))
  expect(records.flat()).toEqual(RECORDS.slice(1))
})

test('trimBatch() returns each batch with the check of its own records', async () => {
  const batch = encodeBatch(RECORDS, PRODUCER)
  for (const options of [{ batchBytesMax: 61 }, { recordsCount: 2 }]) {
    const parts = (await trim(batch, options)) ?? []
    expect(parts.length).toBeGreaterThan(0)
    for (const { bytes, check } of parts) {
      expect(check).toEqual(await checkBatch(bytes, readBatchHeader(bytes), CODECS))
    }
  }
})

test('trimBatch() keeps records without a timestamp', async () => {
  const batch = encodeBatch(
    RECORDS.map((record) => ({ ...record, timestamp: -1 })),
    PRODUCER,
  )
  const [rest] = bytesOf(await trim(batch, { recordsCount: 2 }))
  expect(readBatchHeader(rest as Uint8Array)).toMatchObject({
    baseTimestamp: -1,
    maxTimestamp: -1,
  })
})

test('trimBatch() returns undefined if a record needs its compression', async () => {
  const large = { timestamp: 1, key: null, value: new Uint8Array(5_000), headers: [] }
  const plain = encodeBatch([...RECORDS, large], PRODUCER)
  const gzip = await compressBatch(plain, 'gzip', CODECS)
  expect(await trim(gzip, { batchBytesMax: 4_000 })).toBeUndefined()
  expect((await trim(gzip, { batchBytesMax: 6_000 }))?.length).toBe(1)
  // An uncompressed record of this size is refused in any batch.
  expect((await trim(plain, { batchBytesMax: 4_000 }))?.length).toBe(2)
})

test('trimBatch() never exceeds the total limit, in any number of batches', async () => {
  const records = Array.from({ length: 50 }, () => ({ ...RECORDS[0], value: new Uint8Array(100) }))
  const gzip = await compressBatch(encodeBatch(records as NewRecord[], PRODUCER), 'gzip', CODECS)
  for (const batchBytesMax of [200, 1_000, 10_000]) {
    const batches = bytesOf(await trim(gzip, { batchBytesMax, bytesMax: 20_000 }))
    const sizeBytes = batches.reduce((sum, { length }) => sum + length, 0)
    expect(batches.length).toBeGreaterThan(0)
    expect(await trim(gzip, { batchBytesMax, bytesMax: sizeBytes - 1 })).toBeUndefined()
  }
})
