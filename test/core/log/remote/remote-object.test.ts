import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concatenate } from '../../../../src/core/bytes/concatenate.ts'
import { crc32c } from '../../../../src/core/bytes/crc32c.ts'
import { EdgelogError } from '../../../../src/core/errors.ts'
import {
  checkFooter,
  cutChunks,
  decodeFooter,
  encodeFooter,
  footerBytesMax,
  footerBytesOf,
  type RemoteChunk,
  type RemoteFooter,
  segmentOf,
  TRAILER_BYTES,
} from '../../../../src/core/log/remote/remote-object.ts'
import {
  baseOffsetKey,
  objectKey,
  objectPrefix,
} from '../../../../src/core/log/remote/remote-segment.ts'
import { runs, SEEDED } from '../../../support/seed.ts'

const PARTITION = { topicId: '0b7a', partition: 3 }
const KEY = 'log/0b7a/3/0000000000000005-00ff'

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'ok'
  } catch (error) {
    if (error instanceof EdgelogError) return error.code
    throw error
  }
}

/** Makes neighbouring chunks of random bytes. */
const CHUNKS = fc
  .tuple(
    fc.nat({ max: 2 ** 40 }),
    fc.array(fc.tuple(fc.integer({ min: 1, max: 1_000 }), fc.uint8Array({ minLength: 1 })), {
      minLength: 1,
      maxLength: 20,
    }),
  )
  .map(([start, parts]) => {
    let baseOffset = start
    return parts.map(([count, bytes], index) => {
      const endOffset = baseOffset + count
      const span = { baseOffset, endOffset, maxTimestamp: 1_000 + index }
      baseOffset = endOffset
      return { bytes, chunk: { ...span, sizeBytes: bytes.length, crc: crc32c(bytes) } }
    })
  })

const ABORTED = fc.array(
  fc
    .tuple(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), fc.nat(), fc.nat())
    .map(([producerId, firstOffset, more]) => {
      return { producerId, firstOffset, lastOffset: firstOffset + more }
    }),
  { maxLength: 10 },
)

function footerOf(chunks: readonly RemoteChunk[], aborted: RemoteFooter['aborted'] = []) {
  return { partition: PARTITION, chunks, aborted }
}

const ONE: RemoteChunk = {
  baseOffset: 5,
  endOffset: 8,
  sizeBytes: 100,
  maxTimestamp: 7,
  crc: 0xffff_ffff,
}

describe('the footer of an object', () => {
  test('is read as it was written, and is not longer than its limit', () => {
    fc.assert(
      fc.property(CHUNKS, ABORTED, (parts, aborted) => {
        const footer = footerOf(
          parts.map(({ chunk }) => chunk),
          aborted,
        )
        const bytes = encodeFooter(footer)
        expect(decodeFooter(bytes, KEY)).toEqual(footer)
        expect(footerBytesOf(bytes.subarray(-TRAILER_BYTES), KEY)).toBe(bytes.length)
        expect(bytes.length).toBeLessThanOrEqual(footerBytesMax(parts.length, aborted.length))
      }),
      { ...SEEDED, numRuns: runs(200) },
    )
  })

  test('is refused if any of its bits is another, or bytes are missing', () => {
    const bytes = encodeFooter(footerOf([ONE], [{ producerId: 1n, firstOffset: 5, lastOffset: 7 }]))
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Uint8Array.from(bytes)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(codeOf(() => decodeFooter(changed, KEY))).toBe('remote_storage_damaged')
    }
    for (let length = 0; length < bytes.length; length++) {
      expect(codeOf(() => decodeFooter(bytes.slice(0, length), KEY))).toBe('remote_storage_damaged')
      expect(codeOf(() => decodeFooter(bytes.slice(-length), KEY))).toBe(
        length === 0 ? 'ok' : 'remote_storage_damaged',
      )
    }
  })

  test('is refused with chunks that overlap, or without any', () => {
    const overlapping = { ...ONE, baseOffset: 7, endOffset: 10 }
    for (const chunks of [[ONE, overlapping], []]) {
      expect(codeOf(() => decodeFooter(encodeFooter(footerOf(chunks)), KEY))).toBe(
        'remote_storage_damaged',
      )
    }
  })

  test('may have offsets without a record between its chunks', () => {
    const footer = footerOf([ONE, { ...ONE, baseOffset: 9, endOffset: 10 }])
    expect(decodeFooter(encodeFooter(footer), KEY)).toEqual(footer)
  })

  test('is refused for another partition, other offsets and another size', () => {
    const footer = footerOf([ONE])
    const segment = segmentOf(KEY, footer, 60)
    expect(codeOf(() => checkFooter(footer, segment, PARTITION))).toBe('ok')
    for (const [other, partition] of [
      [segment, { ...PARTITION, topicId: 'other' }],
      [segment, { ...PARTITION, partition: 4 }],
      [{ ...segment, baseOffset: 4 }, PARTITION],
      [{ ...segment, endOffset: 9 }, PARTITION],
      [{ ...segment, sizeBytes: 99 }, PARTITION],
    ] as const) {
      expect(codeOf(() => checkFooter(footer, other, partition))).toBe('remote_storage_damaged')
    }
  })
})

describe('the chunks of an object', () => {
  test('are cut where the footer says, and each is checked', () => {
    fc.assert(
      fc.property(CHUNKS, fc.nat(), (parts, position) => {
        const bytes = concatenate(parts.map((part) => part.bytes))
        const chunks = parts.map(({ chunk }) => chunk)
        expect(cutChunks(bytes, chunks, KEY)).toEqual(parts.map((part) => part.bytes))
        const changed = Uint8Array.from(bytes)
        const at = position % bytes.length
        changed[at] = (changed[at] ?? 0) ^ 1
        expect(codeOf(() => cutChunks(changed, chunks, KEY))).toBe('remote_storage_damaged')
        expect(codeOf(() => cutChunks(bytes.subarray(0, -1), chunks, KEY))).toBe(
          'remote_storage_damaged',
        )
      }),
      { ...SEEDED, numRuns: runs(200) },
    )
  })
})

describe('the name of an object', () => {
  test('begins with its partition and sorts by its base offset', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (one, other) => {
        const names = [one, other].map((offset) => objectKey(PARTITION, offset, 'ff'))
        expect(names[0]?.startsWith(objectPrefix(PARTITION))).toBe(true)
        expect(Math.sign(one - other)).toBe(
          names[0] === names[1] ? 0 : (names[0] ?? '') < (names[1] ?? '') ? -1 : 1,
        )
        expect(baseOffsetKey(PARTITION, one) < (names[0] ?? '')).toBe(true)
      }),
      { ...SEEDED, numRuns: runs(200) },
    )
  })
})
