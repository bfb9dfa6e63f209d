import { describe, expect, it } from 'vitest'
import { BatchBuilder, encodeBatch, stampProducer } from '../../../src/core/batch/batch-builder.ts'
import { decodeBatch } from '../../../src/core/batch/decode-records.ts'
import type { NewRecord } from '../../../src/core/batch/record.ts'
import { assignOffset, readBatchHeader, verifyCrc } from '../../../src/core/batch/record-batch.ts'
import { CODECS } from '../../../src/core/compression/codecs.ts'
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX } from '../../../src/core/limits.ts'
import { toHex, utf8 } from '../bytes/hex.ts'
import { JAVA_BATCH, LIBRDKAFKA_BATCH } from './golden-batches.ts'

function record(fields: Partial<NewRecord> = {}): NewRecord {
  return { timestamp: 1000, key: null, value: utf8('v'), headers: [], ...fields }
}

describe('BatchBuilder', () => {
  it('encodes the same bytes as the Java client', async () => {
    const header = readBatchHeader(JAVA_BATCH)
    const records = await decodeBatch(JAVA_BATCH, header, CODECS)
    expect(records).toEqual([
      {
        offset: 0,
        timestamp: 0x1a202acd4bb,
        key: utf8('key1'),
        value: utf8('value1'),
        headers: [],
      },
    ])
    expect(toHex(encodeBatch(records, header))).toBe(toHex(JAVA_BATCH))
  })

  it('encodes the same bytes as librdkafka', async () => {
    const header = readBatchHeader(LIBRDKAFKA_BATCH)
    const records = await decodeBatch(LIBRDKAFKA_BATCH, header, CODECS)
    expect(records).toEqual([
      {
        offset: 0,
        timestamp: 0x1a202acd535,
        key: utf8('k'),
        value: utf8('v'),
        headers: [{ key: 'h1', value: utf8('x') }],
      },
    ])
    const batch = encodeBatch(records)
    assignOffset(batch, 0, 0, 0)
    expect(toHex(batch)).toBe(toHex(LIBRDKAFKA_BATCH))
  })

  it('starts a new batch after finish(), and does not change the returned one', () => {
    const builder = new BatchBuilder()
    builder.append(record({ timestamp: 5000 }))
    builder.append(record({ timestamp: 4000 }))
    const first = builder.finish()
    const before = toHex(first)
    expect(builder.recordsCount).toBe(0)
    expect(builder.sizeBytes).toBe(61)
    builder.append(record({ timestamp: 1 }))
    const second = builder.finish()
    expect(toHex(first)).toBe(before)
    expect(readBatchHeader(first)).toMatchObject({
      recordsCount: 2,
      lastOffsetDelta: 1,
      baseTimestamp: 5000,
      maxTimestamp: 5000,
      partitionLeaderEpoch: -1,
    })
    expect(readBatchHeader(second)).toMatchObject({ baseTimestamp: 1, maxTimestamp: 1 })
  })

  it('reports correct values of recordSizeBytesMax() and sizeBytes', () => {
    const builder = new BatchBuilder()
    const records = [
      record(),
      record({ timestamp: 2 ** 53 - 1 - 1000 }),
      record({ key: utf8('ключ'), value: null }),
      record({
        headers: [
          { key: 'ä', value: null },
          { key: '', value: new Uint8Array(300) },
        ],
      }),
    ]
    for (const each of records) {
      const before = builder.sizeBytes
      builder.append(each)
      const added = builder.sizeBytes - before
      expect(added).toBeLessThanOrEqual(BatchBuilder.recordSizeBytesMax(each))
    }
    const { sizeBytes } = builder
    expect(builder.finish()).toHaveLength(sizeBytes)
  })

  it('refuses an empty batch in finish()', () => {
    expect(() => new BatchBuilder().finish()).toThrow(
      expect.objectContaining({ code: 'invalid_record' }),
    )
  })

  const tooManyHeaders = Array.from({ length: 1001 }, () => ({ key: 'h', value: null }))
  const refusals: [string, Partial<NewRecord>, string][] = [
    ['a fractional timestamp', { timestamp: 1.5 }, 'invalid_timestamp'],
    ['a timestamp beyond 2^53', { timestamp: 2 ** 53 }, 'invalid_timestamp'],
    ['an excessive timestamp delta', { timestamp: -(2 ** 53) + 1 }, 'invalid_timestamp'],
    ['1,001 headers', { headers: tooManyHeaders }, 'invalid_record'],
    ['a value above the limit', { value: new Uint8Array(BATCH_BYTES_MAX) }, 'message_too_large'],
    [
      'a header above the limit',
      { headers: [{ key: 'h', value: new Uint8Array(BATCH_BYTES_MAX) }] },
      'message_too_large',
    ],
  ]
  it.each(refusals)('refuses %s and remains unchanged', (_, fields, code) => {
    const builder = new BatchBuilder()
    builder.append(record())
    expect(() => builder.append(record(fields))).toThrow(expect.objectContaining({ code }))
    builder.append(record())
    expect(toHex(builder.finish())).toBe(toHex(encodeBatch([record(), record()])))
  })

  it('refuses one record, or one byte, more than the limit', () => {
    const builder = new BatchBuilder()
    const empty = record({ value: null })
    expect(() => {
      for (;;) builder.append(empty)
    }).toThrow(expect.objectContaining({ code: 'message_too_large' }))
    expect(builder.sizeBytes).toBeLessThanOrEqual(BATCH_BYTES_MAX)
    expect(builder.recordsCount).toBeLessThanOrEqual(BATCH_RECORDS_MAX)
    readBatchHeader(builder.finish())
  })
})

describe('stampProducer()', () => {
  it('renumbers a batch as if it had been built with these numbers', () => {
    const batch = encodeBatch([record()], { producerId: 1n, producerEpoch: 2, baseSequence: 3 })
    const producer = { producerId: 2n ** 62n, producerEpoch: 7, baseSequence: 0 }
    stampProducer(batch, producer)
    verifyCrc(batch, readBatchHeader(batch))
    expect(toHex(batch)).toBe(toHex(encodeBatch([record()], producer)))
  })
})
