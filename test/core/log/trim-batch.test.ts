import { expect, test } from 'vitest'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { compressBatch } from '../../../src/core/batch/compress-batch.ts'
import { createCodecs } from '../../../src/core/batch/compression/codecs.ts'
import { checkBatch, decodeBatch } from '../../../src/core/batch/decode-records.ts'
import type { NewRecord } from '../../../src/core/batch/record.ts'
import { readBatchHeader } from '../../../src/core/batch/record-batch.ts'
import { trimBatch } from '../../../src/core/log/trim-batch.ts'

const codecs = createCodecs()
const text = (value: string) => new TextEncoder().encode(value)

const RECORDS: NewRecord[] = [
  { timestamp: 900, key: text('a'), value: text('0'), headers: [] },
  { timestamp: 5, key: null, value: text('1'), headers: [] },
  { timestamp: 10_000, key: text('b'), value: null, headers: [{ key: 'h', value: text('v') }] },
  { timestamp: 7, key: text(''), value: text(''), headers: [{ key: 'n', value: null }] },
]
const PRODUCER = { producerId: 99n, producerEpoch: 3, baseSequence: 2 ** 31 - 2 }

async function recordsOf(bytes: Uint8Array) {
  const header = readBatchHeader(bytes)
  await checkBatch(bytes, header, codecs)
  const records = await decodeBatch(bytes, header, codecs)
  return records.map(({ timestamp, key, value, headers }) => ({ timestamp, key, value, headers }))
}

test.each([
  ['none', 1, 2 ** 31 - 1],
  ['none', 2, 0],
  ['gzip', 2, 0],
  ['lz4', 3, 1],
] as const)(
  'a batch with compression %s loses its first %d records and nothing else',
  async (compression, recordsCount, baseSequence) => {
    const plain = encodeBatch(RECORDS, PRODUCER)
    const batch = compression === 'none' ? plain : await compressBatch(plain, compression, codecs)
    const options = { recordsCount, batchBytesMax: 10_000, codecs }
    const [rest, ...more] = await trimBatch(batch, readBatchHeader(batch), options)
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

test('what is left of a batch is cut where it would be too large, in sequence', async () => {
  const batch = encodeBatch(RECORDS, PRODUCER)
  const options = { recordsCount: 1, batchBytesMax: 61, codecs }
  const parts = await trimBatch(batch, readBatchHeader(batch), options)
  expect(parts.map((part) => readBatchHeader(part).baseSequence)).toEqual([2 ** 31 - 1, 0, 1])
  const records = await Promise.all(parts.map(recordsOf))
  expect(records.flat()).toEqual(RECORDS.slice(1))
})

test('records without a time stay without one', async () => {
  const batch = encodeBatch(
    RECORDS.map((record) => ({ ...record, timestamp: -1 })),
    PRODUCER,
  )
  const options = { recordsCount: 2, batchBytesMax: 10_000, codecs }
  const [rest] = await trimBatch(batch, readBatchHeader(batch), options)
  expect(readBatchHeader(rest as Uint8Array)).toMatchObject({
    baseTimestamp: -1,
    maxTimestamp: -1,
  })
})
