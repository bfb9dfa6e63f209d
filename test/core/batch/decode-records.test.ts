import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { checkOfRecords, NO_TIMESTAMP } from '../../../src/core/batch/batch-check.ts'
import { compressBatch } from '../../../src/core/batch/compress-batch.ts'
import { checkBatch, decodeBatch, readOneByOne } from '../../../src/core/batch/decode-records.ts'
import type { NewRecord } from '../../../src/core/batch/record.ts'
import {
  assignLogAppendTime,
  assignOffset,
  readBatchHeader,
  verifyCrc,
} from '../../../src/core/batch/record-batch.ts'
import { writeCrc } from '../../../src/core/batch/write-crc.ts'
import type { Codecs } from '../../../src/core/compression/codec.ts'
import { CODECS } from '../../../src/core/compression/codecs.ts'
import { runs, SEEDED } from '../../support/seed.ts'
import { fromHex, utf8 } from '../bytes/hex.ts'
import { arbitraryRecords } from './arbitrary-records.ts'
import { JAVA_BATCH, LIBRDKAFKA_BATCH } from './golden-batches.ts'

const COMPRESSIONS = ['gzip', 'snappy', 'lz4', 'zstd'] as const

function record(fields: Partial<NewRecord> = {}): NewRecord {
  return { timestamp: 1000, key: utf8('k'), value: utf8('v'), headers: [], ...fields }
}

function check(batch: Uint8Array) {
  return checkBatch(batch, readBatchHeader(batch), CODECS)
}

/** Returns a batch with a valid CRC after `change` has modified it. */
function forged(change: (view: DataView) => void, batch = encodeBatch([record(), record()])) {
  const copy = batch.slice()
  change(new DataView(copy.buffer))
  writeCrc(copy)
  return copy
}

/** Returns a batch with the records section `hex`. */
function withRecords(hex: string, recordsCount = 1): Uint8Array {
  const records = fromHex(hex)
  const batch = new Uint8Array(61 + records.length)
  batch.set(JAVA_BATCH.subarray(0, 61))
  batch.set(records, 61)
  return forged((view) => {
    view.setInt32(8, batch.length - 12)
    view.setInt32(23, recordsCount - 1)
    view.setInt32(57, recordsCount)
  }, batch)
}

function earliestOf(timestamps: readonly number[]): number {
  const given = timestamps.filter((timestamp) => timestamp !== NO_TIMESTAMP)
  return given.length === 0 ? NO_TIMESTAMP : Math.min(...given)
}

/*
 * Question: does a batch return the records it was built from, with every compression?
 * Contract: decodeBatch(compressBatch(encodeBatch(records))) equals the records, with offsets from the batch's
 *   baseOffset; checkBatch accepts the batch and its summary matches the records.
 * Model: the array of records. Generated: 1 to 60 records with null and empty keys and values, up to 4 headers
 *   of any text, timestamps before and after the first. Limits: large batches are tested separately.
 */
describe.each(['none', ...COMPRESSIONS] as const)('a batch with compression %s', (compression) => {
  it('returns its records', async () => {
    const property = fc.asyncProperty(
      arbitraryRecords,
      fc.integer({ min: 0, max: 2 ** 50 }),
      async (records, baseOffset) => {
        const batch = await compressBatch(encodeBatch(records), compression, CODECS)
        assignOffset(batch, 0, baseOffset, 3)
        const header = readBatchHeader(batch)
        expect(header).toMatchObject({ compression, sizeBytes: batch.length })
        const timestamps = records.map(({ timestamp }) => timestamp)
        const check = {
          hasNullKey: records.some(({ key }) => key === null),
          minTimestamp: earliestOf(timestamps),
          maxTimestamp: header.maxTimestamp,
        }
        expect(await checkBatch(batch, header, CODECS)).toEqual(check)
        expect(checkOfRecords(records)).toEqual(check)
        expect(await readOneByOne(batch, header, CODECS, (each) => [...each])).toEqual(
          await decodeBatch(batch, header, CODECS),
        )
        const decoded = await decodeBatch(batch, header, CODECS)
        expect(decoded).toEqual(
          records.map((each, index) => ({ ...each, offset: baseOffset + index })),
        )
      },
    )
    await fc.assert(property, { ...SEEDED, numRuns: runs(60) })
  })

  it('returns 20,000 records', async () => {
    const records = Array.from({ length: 20_000 }, (_, index) =>
      record({ timestamp: 10_000 - index, value: utf8(`value number ${index % 977}`) }),
    )
    const batch = await compressBatch(encodeBatch(records), compression, CODECS)
    const header = readBatchHeader(batch)
    await checkBatch(batch, header, CODECS)
    const decoded = await decodeBatch(batch, header, CODECS)
    expect(decoded).toHaveLength(20_000)
    expect(decoded.at(-1)).toEqual({ ...records.at(-1), offset: 19_999 })
  })
})

describe('decodeBatch()', () => {
  it('gives all records the time of the append if the log assigned it', async () => {
    const batch = encodeBatch([record({ timestamp: 1 }), record({ timestamp: 2 })])
    assignLogAppendTime(batch, readBatchHeader(batch), 77)
    const records = await decodeBatch(batch, readBatchHeader(batch), CODECS)
    expect(records.map(({ timestamp }) => timestamp)).toEqual([77, 77])
  })

  it('keeps the offsets of a compacted batch, whose records have gaps', async () => {
    const batch = forged(
      (view) => {
        view.setInt32(23, 9)
        // The second record's offsetDelta, 1, becomes 5.
        view.setUint8(61 + 9 + 3, 10)
      },
      encodeBatch([record({ key: utf8('k') }), record()]),
    )
    assignOffset(batch, 0, 100, 0)
    const records = await decodeBatch(batch, readBatchHeader(batch), CODECS)
    expect(records.map(({ offset }) => offset)).toEqual([100, 105])
  })

  it('accepts an empty batch, which compaction leaves', async () => {
    const batch = forged(
      (view) => {
        view.setInt32(8, 49)
        view.setInt32(57, 0)
      },
      JAVA_BATCH.slice(0, 61),
    )
    expect(await decodeBatch(batch, readBatchHeader(batch), CODECS)).toEqual([])
  })

  it('turns any error of an injected codec into corrupt_message', async () => {
    const fails = () => {
      throw new TypeError('defect')
    }
    const codecs = { ...CODECS, zstd: { compress: fails, decompress: fails } }
    const batch = forged((view) => view.setInt16(21, 4))
    await expect(decodeBatch(batch, readBatchHeader(batch), codecs)).rejects.toMatchObject({
      code: 'corrupt_message',
    })
  })
})

describe('checkBatch()', () => {
  it('accepts batches of other clients, at any offset', async () => {
    for (const golden of [JAVA_BATCH, LIBRDKAFKA_BATCH]) {
      const batch = golden.slice()
      assignOffset(batch, 0, 1234, 0)
      expect(await check(batch)).toMatchObject({ hasNullKey: false })
    }
  })

  it('reports the earliest timestamp of the records that have one', async () => {
    const record = { key: null, value: null, headers: [] }
    const earliest = async (...timestamps: readonly number[]) =>
      (await check(encodeBatch(timestamps.map((timestamp) => ({ ...record, timestamp })))))
        .minTimestamp
    expect(await earliest(NO_TIMESTAMP, 9, 5, NO_TIMESTAMP, 7)).toBe(5)
    expect(await earliest(7, NO_TIMESTAMP)).toBe(7)
    expect(await earliest(NO_TIMESTAMP, NO_TIMESTAMP)).toBe(NO_TIMESTAMP)
  })

  it('refuses a wrong CRC', async () => {
    const batch = encodeBatch([record()])
    batch[batch.length - 2] = 0
    await expect(check(batch)).rejects.toMatchObject({ code: 'corrupt_message' })
  })

  const refusals: [string, (view: DataView) => void, string][] = [
    ['no records', (view) => view.setInt32(57, 0), 'invalid_record'],
    ['a gap in the offsets', (view) => view.setInt32(23, 2), 'invalid_record'],
    ['a control batch', (view) => view.setInt16(21, 0x20), 'invalid_record'],
    ['a delete horizon', (view) => view.setInt16(21, 0x40), 'invalid_record'],
    ['LogAppendTime', (view) => view.setInt16(21, 0x08), 'invalid_timestamp'],
    ['a transaction without producer', (view) => view.setInt16(21, 0x10), 'invalid_record'],
    ['a producer without sequence', (view) => view.setBigInt64(43, 5n), 'invalid_record'],
    ['producerId -2', (view) => view.setBigInt64(43, -2n), 'invalid_record'],
    [
      'a sequence without epoch',
      (view) => {
        view.setBigInt64(43, 5n)
        view.setInt32(53, 0)
      },
      'invalid_record',
    ],
    [
      'a count above the number of records',
      (view) => {
        view.setInt32(23, 2)
        view.setInt32(57, 3)
      },
      'corrupt_message',
    ],
    [
      'a count below the number of records',
      (view) => {
        view.setInt32(23, 0)
        view.setInt32(57, 1)
      },
      'corrupt_message',
    ],
    ['a compression flag on uncompressed data', (view) => view.setInt16(21, 2), 'corrupt_message'],
  ]
  it.each(refusals)('refuses %s', async (_, change, code) => {
    await expect(check(forged(change))).rejects.toMatchObject({ code })
  })

  it.each([
    ['a length that is too short', '0e 00 00 00 02 6b 02 76 00'],
    ['a length that is too long', '12 00 00 00 02 6b 02 76 00'],
    ['a negative length', '01 00 00 00 02 6b 02 76 00'],
    ['offsetDelta 1 first', '10 00 00 02 02 6b 02 76 00'],
    ['keyLength -2', '10 00 00 00 03 6b 02 76 00'],
    ['keyLength beyond the end', '10 00 00 00 7e 6b 02 76 00'],
    ['valueLength -2', '10 00 00 00 02 6b 03 76 00'],
    ['valueLength beyond the end', '10 00 00 00 02 6b 7e 76 00'],
    ['headersCount -1', '10 00 00 00 02 6b 02 76 01'],
    ['1,001 headers', `e00f 00 00 00 01 01 d20f ${'0001'.repeat(1001)}`],
    ['a header key of null', '14 00 00 00 02 6b 02 76 02 01 01'],
    ['a header value of length -2', '14 00 00 00 02 6b 02 76 02 00 03'],
    ['a timestamp beyond 2^53', '1e 00 fcffffffffffff1f 00 02 6b 02 76 00'],
    ['a byte after the last record', '10 00 00 00 02 6b 02 76 00 00'],
  ])('refuses %s, also in decodeBatch()', async (_, hex) => {
    const batch = withRecords(hex)
    await expect(check(batch)).rejects.toMatchObject({ code: 'corrupt_message' })
    await expect(decodeBatch(batch, readBatchHeader(batch), CODECS)).rejects.toMatchObject({
      code: 'corrupt_message',
    })
  })

  it('accepts the record that these are variations of', async () => {
    expect(await check(withRecords('10 00 00 00 02 6b 02 76 00'))).toMatchObject({
      hasNullKey: false,
    })
  })
})

/**
 * Returns codecs that decompress into the same memory each time, which is allowed because each batch is read before
 * the next one is decompressed.
 */
function sharingMemory(): Codecs {
  const memory = new Uint8Array(1_000)
  const decompress = (bytes: Uint8Array) => {
    const decompressed = gunzipSync(bytes)
    memory.set(decompressed)
    return memory.subarray(0, decompressed.length)
  }
  return { ...CODECS, gzip: { compress: gzipSync, decompress } }
}

describe('batches that are read concurrently', () => {
  const compressed = async () =>
    await Promise.all(
      ['a', null, 'b'].map((key) =>
        compressBatch(
          encodeBatch([record({ key: key === null ? null : utf8(key) })]),
          'gzip',
          CODECS,
        ),
      ),
    )

  it('are checked one after the other', async () => {
    const codecs = sharingMemory()
    const batches = await compressed()
    const checks = batches.map((batch) => checkBatch(batch, readBatchHeader(batch), codecs))
    const hasNullKeys = (await Promise.all(checks)).map(({ hasNullKey }) => hasNullKey)
    expect(hasNullKeys).toEqual([false, true, false])
  })

  it('are read one after the other', async () => {
    const codecs = sharingMemory()
    const batches = await compressed()
    const readings = batches.map((batch) =>
      readOneByOne(batch, readBatchHeader(batch), codecs, (records) =>
        [...records].map(({ key }) => key?.slice() ?? null),
      ),
    )
    expect(await Promise.all(readings)).toEqual([[utf8('a')], [null], [utf8('b')]])
  })
})

describe('compressBatch()', () => {
  it('returns the batch itself for none, and refuses a compressed batch', async () => {
    const batch = encodeBatch([record()])
    expect(await compressBatch(batch, 'none', CODECS)).toBe(batch)
    const compressed = await compressBatch(batch, 'snappy', CODECS)
    verifyCrc(compressed, readBatchHeader(compressed))
    await expect(compressBatch(compressed, 'gzip', CODECS)).rejects.toMatchObject({
      code: 'invalid_record',
    })
  })
})
