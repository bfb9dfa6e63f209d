import { describe, expect, it } from 'vitest'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import {
  decodeTransactionMarker,
  encodeTransactionMarker,
} from '../../../src/core/batch/control-record.ts'
import { readBatchHeader, verifyCrc } from '../../../src/core/batch/record-batch.ts'
import { toHex } from '../bytes/hex.ts'

const PRODUCER = { producerId: 4000n, producerEpoch: 3 }

describe('encodeTransactionMarker()', () => {
  it.each([
    ['commit', '200000000800000001' + '0c00000000000000'],
    ['abort', '200000000800000000' + '0c00000000000000'],
  ] as const)('encodes a %s in the same way as Kafka', (type, records) => {
    const batch = encodeTransactionMarker({ type, coordinatorEpoch: 0 }, PRODUCER, 1234)
    const header = readBatchHeader(batch)
    verifyCrc(batch, header)
    expect(toHex(batch.subarray(61))).toBe(records)
    expect(toHex(batch.subarray(21, 23))).toBe('0030')
    expect(header).toMatchObject({
      ...PRODUCER,
      baseSequence: -1,
      lastOffsetDelta: 0,
      recordsCount: 1,
      baseTimestamp: 1234,
      maxTimestamp: 1234,
    })
  })
})

describe('decodeTransactionMarker()', () => {
  it.each(['commit', 'abort'] as const)('reads back a %s', (type) => {
    const batch = encodeTransactionMarker({ type, coordinatorEpoch: 77 }, PRODUCER, 1234)
    expect(decodeTransactionMarker(batch, readBatchHeader(batch))).toEqual({
      type,
      coordinatorEpoch: 77,
    })
  })

  it('returns null for a control record of another type', () => {
    const batch = encodeTransactionMarker({ type: 'abort', coordinatorEpoch: 0 }, PRODUCER, 0)
    batch[61 + 8] = 2
    expect(decodeTransactionMarker(batch, readBatchHeader(batch))).toBeNull()
  })

  it('refuses a data batch, and a truncated marker', () => {
    const data = encodeBatch([{ timestamp: 0, key: null, value: null, headers: [] }])
    const marker = encodeTransactionMarker({ type: 'abort', coordinatorEpoch: 0 }, PRODUCER, 0)
    marker[61 + 4] = 1
    for (const batch of [data, marker]) {
      expect(() => decodeTransactionMarker(batch, readBatchHeader(batch))).toThrow(
        expect.objectContaining({ code: 'corrupt_message' }),
      )
    }
  })
})
