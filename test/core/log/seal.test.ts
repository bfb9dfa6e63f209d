import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CHUNK_BYTES_MAX, SEAL_CHUNKS_MAX } from '../../../src/core/limits.ts'
import type { ChunkSpan } from '../../../src/core/log/chunk.ts'
import { planSeal, SEALED_CHUNK_BYTES_MIN } from '../../../src/core/log/seal.ts'
import { runs, SEEDED } from '../../support/seed.ts'

/** Returns neighbouring chunks of one record each. */
function spans(sizes: readonly number[], firstOffset = 0): ChunkSpan[] {
  return sizes.map((sizeBytes, index) => ({
    baseOffset: firstOffset + index,
    endOffset: firstOffset + index + 1,
    maxTimestamp: index % 7,
    sizeBytes,
  }))
}

function sizesOf(chunks: readonly ChunkSpan[] | undefined): number[] | undefined {
  return chunks?.map(({ sizeBytes }) => sizeBytes)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

const LARGE = SEALED_CHUNK_BYTES_MIN
const SMALL = LARGE / 2
const SMALL_PER_CHUNK = CHUNK_BYTES_MAX / SMALL

describe('planSeal()', () => {
  test('waits for more chunks while a group can still grow', () => {
    const plan = planSeal(spans([SMALL, SMALL, SMALL], 5), 5)
    expect(plan).toEqual({ group: undefined, sealedOffset: 5 })
  })

  test('closes a group if the next chunk does not fit', () => {
    const full = new Array(SMALL_PER_CHUNK).fill(SMALL)
    const plan = planSeal(spans([...full, 1]), 0)
    expect(sizesOf(plan.group)).toEqual(full)
    expect(plan.sealedOffset).toBe(SMALL_PER_CHUNK)
  })

  test('closes a group before a large chunk', () => {
    const plan = planSeal(spans([1, 2, LARGE, 3]), 0)
    expect(sizesOf(plan.group)).toEqual([1, 2])
    expect(plan.sealedOffset).toBe(2)
  })

  test('does not change large chunks, nor a single small one between them', () => {
    expect(planSeal(spans([LARGE, 5, LARGE, LARGE]), 0)).toEqual({
      group: undefined,
      sealedOffset: 4,
    })
  })

  test('advances past chunks that need no merge, up to an open tail', () => {
    expect(planSeal(spans([LARGE, LARGE, 5, 6]), 0)).toEqual({ group: undefined, sealedOffset: 2 })
  })

  test('does not advance if there is nothing to seal', () => {
    expect(planSeal([], 42)).toEqual({ group: undefined, sealedOffset: 42 })
  })

  test('merges a limited number of chunks, and continues with the result', () => {
    const plan = planSeal(spans(new Array(SEAL_CHUNKS_MAX + 1).fill(1)), 0)
    expect(plan.group?.length).toBe(SEAL_CHUNKS_MAX)
    expect(plan.sealedOffset).toBe(0)
  })

  test('reads no further than the group it found', () => {
    let read = 0
    function* counted() {
      for (const span of spans([1, 2, LARGE, 4, 5, 6])) {
        read += 1
        yield span
      }
    }
    planSeal(counted(), 0)
    expect(read).toBe(3)
  })
})

/**
 * Question: does repeated sealing terminate, with a good result?
 * Contract: no chunk is lost, changed or moved; no merged row is larger than `CHUNK_BYTES_MAX`; sealed chunks
 * stay sealed, except that a group limited by its number of chunks continues to grow; at the end
 * no two neighbours below the sealed offset are both small and fit together, and the open tail fits into
 * one row. Model: the list of chunks, merged as planned. Generated: up to 60 chunks of 1 byte to the
 * largest, in runs of small and of large ones, and runs longer than `SEAL_CHUNKS_MAX`; chunks that
 * arrive between two rounds. Limits: no retention in between.
 */
const arbitrarySize = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.integer({ min: 1, max: CHUNK_BYTES_MAX / 4 }),
  fc.integer({ min: 1, max: SEALED_CHUNK_BYTES_MIN + 2 }),
  fc.integer({ min: SEALED_CHUNK_BYTES_MIN - 2, max: CHUNK_BYTES_MAX * 2 }),
)
/** A run of equal chunks, in a short form for the output of a failed test. */
interface Run {
  readonly count: number
  readonly sizeBytes: number
}
const arbitraryRun: fc.Arbitrary<Run> = fc.oneof(
  { weight: 15, arbitrary: fc.record({ count: fc.constant(1), sizeBytes: arbitrarySize }) },
  {
    weight: 1,
    arbitrary: fc.record({
      count: fc.integer({ min: SEAL_CHUNKS_MAX - 1, max: SEAL_CHUNKS_MAX * 3 }),
      sizeBytes: fc.integer({ min: 1, max: 300 }),
    }),
  },
)
const arbitraryRound = fc.array(arbitraryRun, { maxLength: 30 })

function sizesIn(runs: readonly Run[]): number[] {
  return runs.flatMap(({ count, sizeBytes }) => new Array<number>(count).fill(sizeBytes))
}

interface SealedLog {
  readonly chunks: ChunkSpan[]
  readonly sealedOffset: number
  readonly merges: number
}

function sealToTheEnd(before: SealedLog): SealedLog {
  let { chunks, sealedOffset, merges } = before
  for (;;) {
    const first = chunks.findIndex(({ endOffset }) => endOffset > sealedOffset)
    const plan = planSeal(first < 0 ? [] : chunks.slice(first), sealedOffset)
    expect(plan.sealedOffset).toBeGreaterThanOrEqual(sealedOffset)
    sealedOffset = plan.sealedOffset
    if (plan.group === undefined) return { chunks, sealedOffset, merges }
    chunks = merged(chunks, plan.group)
    merges += 1
  }
}

function merged(chunks: readonly ChunkSpan[], group: readonly ChunkSpan[]): ChunkSpan[] {
  const at = chunks.findIndex(({ baseOffset }) => baseOffset === group[0]?.baseOffset)
  expect(chunks.slice(at, at + group.length)).toEqual(group)
  expect(group.length).toBeGreaterThan(1)
  expect(group.length).toBeLessThanOrEqual(SEAL_CHUNKS_MAX)
  const sizeBytes = sum(group.map((chunk) => chunk.sizeBytes))
  expect(sizeBytes).toBeLessThanOrEqual(CHUNK_BYTES_MAX)
  const one = {
    baseOffset: group[0]?.baseOffset ?? -1,
    endOffset: group.at(-1)?.endOffset ?? -1,
    maxTimestamp: Math.max(...group.map(({ maxTimestamp }) => maxTimestamp)),
    sizeBytes,
  }
  return [...chunks.slice(0, at), one, ...chunks.slice(at + group.length)]
}

test('planSeal() terminates, and leaves no neighbours that would fit together', () => {
  fc.assert(
    fc.property(fc.array(arbitraryRound, { minLength: 1, maxLength: 3 }), (rounds) => {
      let log: SealedLog = { chunks: [], sealedOffset: 0, merges: 0 }
      let arrived = 0
      for (const runs of rounds) {
        const sizes = sizesIn(runs)
        const chunks = [...log.chunks, ...spans(sizes, arrived)]
        arrived += sizes.length
        log = sealToTheEnd({ ...log, chunks })
        expectWellSealed(log, arrived)
      }
      expect(log.merges).toBeLessThanOrEqual(arrived)
      expect(sum(log.chunks.map(({ sizeBytes }) => sizeBytes))).toBe(sum(sizesIn(rounds.flat())))
    }),
    { ...SEEDED, numRuns: runs(60) },
  )
})

function expectWellSealed({ chunks, sealedOffset }: SealedLog, endOffset: number): void {
  let next = 0
  for (const chunk of chunks) {
    expect(chunk.baseOffset).toBe(next)
    next = chunk.endOffset
  }
  expect(next).toBe(endOffset)
  const sealed = chunks.filter((chunk) => chunk.endOffset <= sealedOffset)
  for (const [index, { sizeBytes }] of sealed.entries()) {
    const following = sealed[index + 1]?.sizeBytes ?? Number.POSITIVE_INFINITY
    const areSmall = sizeBytes < SEALED_CHUNK_BYTES_MIN && following < SEALED_CHUNK_BYTES_MIN
    expect(areSmall && sizeBytes + following <= CHUNK_BYTES_MAX).toBe(false)
  }
  const tail = chunks.filter((chunk) => chunk.endOffset > sealedOffset)
  expect(sum(tail.map(({ sizeBytes }) => sizeBytes))).toBeLessThanOrEqual(CHUNK_BYTES_MAX)
  expect(tail.every(({ sizeBytes }) => sizeBytes < SEALED_CHUNK_BYTES_MIN)).toBe(true)
}
