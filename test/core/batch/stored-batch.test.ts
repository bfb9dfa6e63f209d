/** Checking batches that another log stored, which compaction may have changed. */
import { expect, test } from 'vitest'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { checkBatch, checkStoredBatch } from '../../../src/core/batch/decode-records.ts'
import {
  ATTRIBUTE_CONTROL,
  ATTRIBUTES_POSITION,
  LAST_OFFSET_DELTA_POSITION,
  RECORDS_COUNT_POSITION,
} from '../../../src/core/batch/header-layout.ts'
import {
  holeBatch,
  readBatchHeader,
  removeProducer,
  verifyCrc,
} from '../../../src/core/batch/record-batch.ts'
import { writeCrc } from '../../../src/core/batch/write-crc.ts'
import { CODECS } from '../../../src/core/compression/codecs.ts'

const records = [7, 9, 8].map((timestamp) => {
  return { timestamp, key: null, value: new Uint8Array(3), headers: [] }
})

/** Returns a batch of three records with another header. */
function changed(change: (view: DataView) => void): Uint8Array {
  const bytes = encodeBatch(records)
  change(new DataView(bytes.buffer, bytes.byteOffset))
  writeCrc(bytes)
  return bytes
}

const check = (bytes: Uint8Array) => checkStoredBatch(bytes, readBatchHeader(bytes), CODECS)

test('accepts offsets without records, which a producer may not send', async () => {
  const compacted = changed((view) => view.setInt32(LAST_OFFSET_DELTA_POSITION, 9))
  expect(await check(compacted)).toEqual({ hasNullKey: true, minTimestamp: 7, maxTimestamp: 9 })
  await expect(checkBatch(compacted, readBatchHeader(compacted), CODECS)).rejects.toMatchObject({
    code: 'invalid_record',
  })
})

test('accepts a batch without records, which covers its offsets', async () => {
  const bytes = holeBatch(40, 9)
  expect(readBatchHeader(bytes)).toMatchObject({ baseOffset: 40, lastOffsetDelta: 9 })
  expect(await check(bytes)).toEqual({ hasNullKey: false, minTimestamp: -1, maxTimestamp: -1 })
})

test('rejects records behind the last offset, wrong counts, and control batches', async () => {
  const cases = [
    [changed((view) => view.setInt32(LAST_OFFSET_DELTA_POSITION, 1)), 'corrupt_message'],
    [changed((view) => view.setInt32(RECORDS_COUNT_POSITION, 2)), 'corrupt_message'],
    [changed((view) => view.setInt16(ATTRIBUTES_POSITION, ATTRIBUTE_CONTROL)), 'invalid_record'],
  ] as const
  for (const [bytes, code] of cases) await expect(check(bytes)).rejects.toMatchObject({ code })
  const damaged = encodeBatch(records)
  damaged[65] = (damaged[65] as number) ^ 1
  await expect(check(damaged)).rejects.toMatchObject({ code: 'corrupt_message' })
})

test('removes the producer and its transaction, and nothing else', () => {
  const producer = { producerId: 5n, producerEpoch: 2, baseSequence: 7 }
  const bytes = encodeBatch(records, { ...producer, isTransactional: true })
  removeProducer(bytes, readBatchHeader(bytes))
  verifyCrc(bytes, readBatchHeader(bytes))
  expect(bytes).toEqual(encodeBatch(records))
})
