import { describe, expect, it } from 'vitest'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import {
  assignLogAppendTime,
  assignOffset,
  readBatchHeader,
  readBatchHeaders,
  verifyCrc,
} from '../../../src/core/batch/record-batch.ts'
import { BATCH_BYTES_MAX } from '../../../src/core/limits.ts'
import { toHex, utf8 } from '../bytes/hex.ts'
import { JAVA_BATCH, LIBRDKAFKA_BATCH } from './golden-batches.ts'

/** Returns the golden batch after `change`, with its CRC unchanged. */
function changed(change: (view: DataView) => void, batch = JAVA_BATCH): Uint8Array<ArrayBuffer> {
  const copy = batch.slice()
  change(new DataView(copy.buffer))
  return copy
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

describe('readBatchHeader()', () => {
  it('reads a header of the Java client', () => {
    expect(readBatchHeader(JAVA_BATCH)).toEqual({
      position: 0,
      sizeBytes: 78,
      baseOffset: 0,
      partitionLeaderEpoch: -1,
      crc: 0xb26d6706,
      compression: 'none',
      timestampType: 'CreateTime',
      isTransactional: false,
      isControl: false,
      hasDeleteHorizon: false,
      lastOffsetDelta: 0,
      baseTimestamp: 0x1a202acd4bb,
      maxTimestamp: 0x1a202acd4bb,
      producerId: 1000n,
      producerEpoch: 0,
      baseSequence: 0,
      recordsCount: 1,
    })
  })

  it('reads a header of librdkafka, in the middle of other bytes', () => {
    const bytes = concat(JAVA_BATCH, LIBRDKAFKA_BATCH)
    expect(readBatchHeader(bytes, 78)).toMatchObject({
      position: 78,
      sizeBytes: LIBRDKAFKA_BATCH.length,
      producerId: -1n,
      producerEpoch: -1,
      baseSequence: -1,
    })
  })

  it.each([
    [1, 'gzip'],
    [2, 'snappy'],
    [3, 'lz4'],
    [4, 'zstd'],
  ])('reads the attributes: compression %d is %s', (code, compression) => {
    const bytes = changed((view) => view.setInt16(21, 0x78 | code))
    expect(readBatchHeader(bytes)).toMatchObject({
      compression,
      timestampType: 'LogAppendTime',
      isTransactional: true,
      isControl: true,
      hasDeleteHorizon: true,
    })
  })

  const refusals: [string, Uint8Array, string][] = [
    ['nothing', new Uint8Array(), 'corrupt_message'],
    ['16 bytes', JAVA_BATCH.slice(0, 16), 'corrupt_message'],
    ['a truncated header', JAVA_BATCH.slice(0, 60), 'corrupt_message'],
    ['a batch truncated by one byte', JAVA_BATCH.slice(0, 77), 'corrupt_message'],
    ['text', utf8('this is not a record batch at all'), 'invalid_record'],
    ['magic 1', changed((view) => view.setInt8(16, 1)), 'invalid_record'],
    ['a length below its header', changed((view) => view.setInt32(8, 48)), 'corrupt_message'],
    ['a negative length', changed((view) => view.setInt32(8, -1)), 'corrupt_message'],
    ['an excessive length', changed((view) => view.setInt32(8, 0x7fffffff)), 'corrupt_message'],
    ['compression 5', changed((view) => view.setInt16(21, 5)), 'unsupported_compression_type'],
    ['a negative offset', changed((view) => view.setBigInt64(0, -1n)), 'corrupt_message'],
    ['offset 2^53', changed((view) => view.setBigInt64(0, 2n ** 53n)), 'corrupt_message'],
    ['lastOffsetDelta -1', changed((view) => view.setInt32(23, -1)), 'corrupt_message'],
    ['recordsCount -1', changed((view) => view.setInt32(57, -1)), 'corrupt_message'],
    ['500,001 records', changed((view) => view.setInt32(57, 500_001)), 'invalid_record'],
    [
      'an excessive base timestamp',
      changed((view) => view.setBigInt64(27, 2n ** 53n)),
      'invalid_timestamp',
    ],
    [
      'an excessive max timestamp',
      changed((view) => view.setBigInt64(35, -(2n ** 63n))),
      'invalid_timestamp',
    ],
  ]
  it.each(refusals)('refuses %s', (_, bytes, code) => {
    expect(() => readBatchHeader(bytes)).toThrow(expect.objectContaining({ code }))
  })

  it('refuses a whole batch above the limit as too large', () => {
    const bytes = new Uint8Array(BATCH_BYTES_MAX + 1)
    bytes.set(JAVA_BATCH)
    new DataView(bytes.buffer).setInt32(8, bytes.length - 12)
    expect(() => readBatchHeader(bytes)).toThrow(
      expect.objectContaining({ code: 'message_too_large' }),
    )
  })

  it.each([-1, 79, 1000, Number.NaN])('refuses position %d', (position) => {
    expect(() => readBatchHeader(JAVA_BATCH, position)).toThrow(
      expect.objectContaining({ code: 'corrupt_message' }),
    )
  })
})

describe('readBatchHeaders()', () => {
  it('reads to the last byte', () => {
    const headers = readBatchHeaders(concat(JAVA_BATCH, LIBRDKAFKA_BATCH, JAVA_BATCH))
    expect(headers.map((header) => header.position)).toEqual([0, 78, 78 + LIBRDKAFKA_BATCH.length])
  })

  it('refuses empty input, and trailing bytes', () => {
    expect(() => readBatchHeaders(new Uint8Array())).toThrow(
      expect.objectContaining({ code: 'invalid_record' }),
    )
    expect(() => readBatchHeaders(concat(JAVA_BATCH, new Uint8Array(1)))).toThrow(
      expect.objectContaining({ code: 'corrupt_message' }),
    )
  })
})

describe('assignOffset()', () => {
  it('changes twelve bytes, all outside the CRC', () => {
    const bytes = concat(LIBRDKAFKA_BATCH, JAVA_BATCH)
    const position = LIBRDKAFKA_BATCH.length
    assignOffset(bytes, position, 2 ** 53 - 1, 7)
    const header = readBatchHeader(bytes, position)
    expect(header).toMatchObject({ baseOffset: 2 ** 53 - 1, partitionLeaderEpoch: 7 })
    verifyCrc(bytes, header)
    expect(toHex(bytes.subarray(0, position))).toBe(toHex(LIBRDKAFKA_BATCH))
    expect(toHex(bytes.subarray(position + 16))).toBe(toHex(JAVA_BATCH.subarray(16)))
  })
})

describe('assignLogAppendTime()', () => {
  it('sets the attribute bit, the timestamp and a valid CRC', () => {
    const bytes = concat(LIBRDKAFKA_BATCH, JAVA_BATCH)
    assignLogAppendTime(bytes, readBatchHeader(bytes, LIBRDKAFKA_BATCH.length), 1_800_000_000_000)
    const [first, second] = readBatchHeaders(bytes)
    expect(first).toEqual(readBatchHeader(LIBRDKAFKA_BATCH))
    expect(second).toMatchObject({
      timestampType: 'LogAppendTime',
      maxTimestamp: 1_800_000_000_000,
      baseTimestamp: 0x1a202acd4bb,
    })
    verifyCrc(bytes, readBatchHeader(bytes, LIBRDKAFKA_BATCH.length))
  })
})

describe('verifyCrc()', () => {
  it('accepts the CRCs of other clients', () => {
    for (const batch of [JAVA_BATCH, LIBRDKAFKA_BATCH]) verifyCrc(batch, readBatchHeader(batch))
  })

  it('detects every single flipped bit', () => {
    const value = new Uint8Array(200).map((_, index) => index * 7)
    const batch = encodeBatch([{ timestamp: 5, key: utf8('k'), value, headers: [] }])
    const header = readBatchHeader(batch)
    for (let bit = 21 * 8; bit < batch.length * 8; bit++) {
      const flipped = batch.slice()
      flipped[bit >>> 3] = (flipped[bit >>> 3] as number) ^ (1 << (bit & 7))
      expect(() => verifyCrc(flipped, header)).toThrow(
        expect.objectContaining({ code: 'corrupt_message' }),
      )
    }
  })
})
