import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import { findBatchByTimestamp, latestTimestamp, sliceChunk } from '../../../src/core/log/chunk.ts'
import { runs, SEEDED } from '../../support/seed.ts'
import { type BatchShape, chunkOf, NOW_MS, type PlacedShape, placeShapes } from './log-batches.ts'

const arbitraryShape: fc.Arbitrary<BatchShape> = fc.record({
  timestamps: fc.array(fc.integer({ min: -1, max: 40 }), { minLength: 1, maxLength: 6 }),
  valueBytes: fc.integer({ min: 0, max: 300 }),
})
const arbitraryShapes = fc.array(arbitraryShape, { minLength: 1, maxLength: 12 })
const arbitraryFirstOffset = fc.oneof(
  fc.nat(100),
  fc.constantFrom(2 ** 31, 2 ** 32 - 3, 2 ** 40, Number.MAX_SAFE_INTEGER - 1_000),
)

function endOf({ baseOffset, timestamps }: PlacedShape): number {
  return baseOffset + timestamps.length
}

/**
 * Question: does `sliceChunk` return the whole batches from the one that holds an offset, as far as they fit?
 * Contract: the first batch is returned whatever its size, the next ones only while all fit, in order
 * and byte for byte; past the end nothing is returned.
 * Model: the batches as a list, filtered and taken one by one.
 * Generated: an end for readers or none, 1 to 12 real batches of 1 to 6 records, offsets small, around 2^31 and
 * 2^32, and near 2^53; every offset of the chunk and beyond. Limits: uncompressed batches.
 */
test('sliceChunk() agrees with a list of batches', () => {
  fc.assert(
    fc.property(
      arbitraryShapes,
      arbitraryFirstOffset,
      fc.nat(60),
      fc.nat(3_000),
      fc.option(fc.nat(60), { nil: undefined }),
      (shapes, firstOffset, distance, maxBytes, endIndex) => {
        const placed = placeShapes(shapes, firstOffset)
        const fromOffset = firstOffset + distance
        const readableEnd =
          endIndex === undefined ? undefined : placed[endIndex % placed.length]?.baseOffset
        const wanted: PlacedShape[] = []
        let sizeBytes = 0
        let isCut = false
        for (const batch of placed.filter((one) => endOf(one) > fromOffset)) {
          if (batch.baseOffset >= (readableEnd ?? Number.POSITIVE_INFINITY)) break
          isCut = wanted.length > 0 && sizeBytes + batch.bytes.length > maxBytes
          if (isCut) break
          wanted.push(batch)
          sizeBytes += batch.bytes.length
        }
        const slice = sliceChunk(chunkOf(placed), fromOffset, maxBytes, readableEnd)
        const last = wanted.at(-1)
        if (last === undefined) expect(slice?.bytes.length ?? 0).toBe(0)
        else expect(slice).toEqual({ bytes: chunkOf(wanted), endOffset: endOf(last), isCut })
      },
    ),
    { ...SEEDED, numRuns: runs(300) },
  )
})

test('sliceChunk() reads a chunk to its end, for any maximum size', () => {
  fc.assert(
    fc.property(arbitraryShapes, fc.nat(2_000), (shapes, maxBytes) => {
      const chunk = chunkOf(placeShapes(shapes, 10))
      const parts: Uint8Array[] = []
      let offset = 10
      for (;;) {
        const slice = sliceChunk(chunk, offset, maxBytes)
        if (slice === undefined) break
        expect(slice.endOffset).toBeGreaterThan(offset)
        offset = slice.endOffset
        parts.push(slice.bytes)
      }
      expect(concatenate(parts)).toEqual(chunk)
    }),
    { ...SEEDED, numRuns: runs(200) },
  )
})

/**
 * Question: does `findBatchByTimestamp` find the first batch that reaches a timestamp?
 * Contract: the first, in the order of offsets, with a record at or after it; none if there is none.
 * Model: a search through the records' timestamps. Generated: timestamps that rise and fall, including -1.
 */
test('findBatchByTimestamp() agrees with a search through the records', () => {
  fc.assert(
    fc.property(arbitraryShapes, fc.integer({ min: -1, max: 42 }), (shapes, timestamp) => {
      const placed = placeShapes(shapes, 3)
      const wanted = placed.find(({ timestamps }) => timestamps.some((time) => time >= timestamp))
      const found = findBatchByTimestamp(chunkOf(placed), timestamp)
      expect(found).toEqual(wanted?.bytes)
    }),
    { ...SEEDED, numRuns: runs(300) },
  )
})

describe('a chunk that is a view into a larger buffer', () => {
  const placed = placeShapes(
    [
      { timestamps: [NOW_MS, NOW_MS + 5], valueBytes: 3 },
      { timestamps: [NOW_MS + 9], valueBytes: 3 },
    ],
    2 ** 33,
  )
  const buffer = concatenate([new Uint8Array(13).fill(0xff), chunkOf(placed), new Uint8Array(7)])
  const view = buffer.subarray(13, buffer.length - 7)

  test('is sliced correctly', () => {
    expect(sliceChunk(view, 2 ** 33 + 2, 1_000)?.bytes).toEqual(placed[1]?.bytes)
  })

  test('is searched by timestamp', () => {
    expect(findBatchByTimestamp(view, NOW_MS + 6)).toEqual(placed[1]?.bytes)
    expect(findBatchByTimestamp(view, NOW_MS + 10)).toBeUndefined()
  })
})

describe('latestTimestamp()', () => {
  test.each([
    [[3, 9, 5], 9],
    [[-1_000, 5], 5],
    [[-1_000, 0], 0],
    [[-1_000, -1_002, -1_001], -1_002],
  ])('returns for %j %d', (timestamps, latest) => {
    expect(latestTimestamp(timestamps)).toBe(latest)
  })
})

describe('concatenate()', () => {
  test('returns an empty array for no parts', () => {
    expect(concatenate([])).toEqual(new Uint8Array(0))
  })

  test('returns a single part itself', () => {
    const part = new Uint8Array([1, 2])
    expect(concatenate([part])).toBe(part)
  })

  test('returns many parts in order', () => {
    const parts = [new Uint8Array([1, 2]), new Uint8Array(0), new Uint8Array([3])]
    expect(concatenate(parts)).toEqual(new Uint8Array([1, 2, 3]))
  })
})
