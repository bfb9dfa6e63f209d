import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChunkSpan } from '../../../src/core/log/chunk.ts'
import {
  decideDeleteRecords,
  expiresAtMs,
  isExpired,
  planRetention,
} from '../../../src/core/log/retention.ts'
import { runs, SEEDED } from '../../support/seed.ts'
import { NOW_MS } from './log-batches.ts'

function span(fields: Partial<ChunkSpan> = {}): ChunkSpan {
  return { baseOffset: 0, endOffset: 10, maxTimestamp: NOW_MS, sizeBytes: 100, ...fields }
}

function keeping(fields: Partial<Parameters<typeof isExpired>[2]> = {}) {
  return { cleanupPolicy: ['delete'] as const, retentionMs: -1, retentionBytes: -1, ...fields }
}

describe('isExpired()', () => {
  test.each([
    [1_000, false],
    [1_001, true],
  ])('decides with retention.ms=1000 at an age of %d ms: %s', (age, expired) => {
    const chunk = span({ maxTimestamp: NOW_MS - age })
    expect(isExpired(chunk, 100, keeping({ retentionMs: 1_000 }), NOW_MS)).toBe(expired)
  })

  test.each([
    [1_099, false],
    [1_100, true],
  ])('decides with retention.bytes=1000 in a log of %d bytes: %s', (sizeBytes, expired) => {
    expect(isExpired(span(), sizeBytes, keeping({ retentionBytes: 1_000 }), NOW_MS)).toBe(expired)
  })

  test('uses the time of the append if no record has a timestamp', () => {
    const chunk = span({ maxTimestamp: -NOW_MS })
    const rules = keeping({ retentionMs: 1_000 })
    expect(isExpired(chunk, 100, rules, NOW_MS + 1_000)).toBe(false)
    expect(isExpired(chunk, 100, rules, NOW_MS + 1_001)).toBe(true)
    expect(expiresAtMs(chunk, rules)).toBe(NOW_MS + 1_001)
  })

  test('returns false with both limits at -1', () => {
    expect(isExpired(span({ maxTimestamp: 0 }), 1e15, keeping(), NOW_MS)).toBe(false)
  })

  test('expires with retention.ms=0 after a millisecond, with retention.bytes=0 at once', () => {
    expect(isExpired(span(), 100, keeping({ retentionMs: 0 }), NOW_MS)).toBe(false)
    expect(isExpired(span(), 100, keeping({ retentionMs: 0 }), NOW_MS + 1)).toBe(true)
    expect(isExpired(span(), 100, keeping({ retentionBytes: 0 }), NOW_MS)).toBe(true)
  })

  test('returns false with cleanup.policy=compact, and decides normally with compact,delete', () => {
    const old = span({ maxTimestamp: 0 })
    const rules = { retentionMs: 1, retentionBytes: 1 }
    const compact = keeping({ ...rules, cleanupPolicy: ['compact'] })
    const both = keeping({ ...rules, cleanupPolicy: ['compact', 'delete'] })
    expect(isExpired(old, 1e6, compact, NOW_MS)).toBe(false)
    expect(isExpired(old, 1e6, both, NOW_MS)).toBe(true)
  })
})

describe('planRetention()', () => {
  test('keeps a chunk with a future timestamp and all chunks after it', () => {
    const chunks = [
      span({ maxTimestamp: 0 }),
      span({ baseOffset: 10, endOffset: 20, maxTimestamp: NOW_MS + 1e9 }),
      span({ baseOffset: 20, endOffset: 30, maxTimestamp: 0 }),
    ]
    const log = { sizeBytes: 300, logStartOffset: 0 }
    expect(planRetention(chunks, log, keeping({ retentionMs: 5 }), NOW_MS)).toEqual({
      count: 1,
      sizeBytes: 100,
      endOffset: 10,
      logStartOffset: 10,
    })
  })

  test('deletes chunks below the log start under any policy, but not the chunk that contains it', () => {
    const chunks = [0, 10, 20].map((baseOffset) => span({ baseOffset, endOffset: baseOffset + 10 }))
    const log = { sizeBytes: 300, logStartOffset: 15 }
    for (const cleanupPolicy of [['delete'], ['compact']] as const) {
      expect(planRetention(chunks, log, keeping({ cleanupPolicy }), NOW_MS)).toEqual({
        count: 1,
        sizeBytes: 100,
        endOffset: 10,
        logStartOffset: 15,
      })
    }
  })

  test('leaves an empty log unchanged', () => {
    const log = { sizeBytes: 0, logStartOffset: 70 }
    expect(planRetention([], log, keeping({ retentionBytes: 0 }), NOW_MS)).toEqual({
      count: 0,
      sizeBytes: 0,
      endOffset: 0,
      logStartOffset: 70,
    })
  })
})

describe('decideDeleteRecords()', () => {
  const log = { logStartOffset: 5, highWatermark: 9 }

  test.each([
    [0, 5],
    [5, 5],
    [6, 6],
    [9, 9],
    ['highWatermark' as const, 9],
  ])('moves for %s the log start to %d', (before, logStartOffset) => {
    expect(decideDeleteRecords(before, log, keeping())).toBe(logStartOffset)
  })

  test.each([-1, 10, Number.NaN])('refuses offset %d', (before) => {
    expect(() => decideDeleteRecords(before, log, keeping())).toThrow(
      expect.objectContaining({ code: 'offset_out_of_range', details: log }),
    )
  })

  test('refuses a topic that is only compacted', () => {
    const compact = keeping({ cleanupPolicy: ['compact'] })
    expect(() => decideDeleteRecords(6, log, compact)).toThrow(
      expect.objectContaining({ code: 'policy_violation' }),
    )
  })
})

describe('expiresAtMs()', () => {
  test('returns the first moment at which the chunk is expired', () => {
    const rules = keeping({ retentionMs: 1_000 })
    const atMs = expiresAtMs(span(), rules) ?? 0
    expect(isExpired(span(), 100, rules, atMs - 1)).toBe(false)
    expect(isExpired(span(), 100, rules, atMs)).toBe(true)
  })

  test('returns undefined if age does not count', () => {
    expect(expiresAtMs(span(), keeping())).toBeUndefined()
    const compact = keeping({ retentionMs: 5, cleanupPolicy: ['compact'] })
    expect(expiresAtMs(span(), compact)).toBeUndefined()
  })
})

/**
 * Question: does a plan delete the same as Kafka, if each chunk is a segment?
 * Contract: Kafka deletes by time the longest run of oldest segments that are all too old, then by size
 * the longest run such that the rest still has `retention.bytes`; together, until neither deletes more.
 * Model: those two rules, each on the whole list, applied in turn until nothing changes.
 * Generated: up to 12 chunks with ages and sizes around the limits, -1 and 0 among the limits, future
 * timestamps. Limits: one `now`.
 */
test("planRetention() agrees with Kafka's two rules", () => {
  const arbitraryChunk = fc.record({
    age: fc.integer({ min: -5, max: 12 }),
    sizeBytes: fc.integer({ min: 1, max: 5 }),
    records: fc.integer({ min: 1, max: 3 }),
  })
  fc.assert(
    fc.property(
      fc.array(arbitraryChunk, { maxLength: 12 }),
      fc.constantFrom(-1, 0, 1, 5, 10),
      fc.constantFrom(-1, 0, 1, 5, 20),
      fc.nat(50),
      (shapes, retentionMs, retentionBytes, logStartOffset) => {
        let baseOffset = logStartOffset
        const chunks = shapes.map(({ age, sizeBytes, records }) => {
          const endOffset = baseOffset + records
          const chunk = { baseOffset, endOffset, maxTimestamp: NOW_MS - age, sizeBytes }
          baseOffset = endOffset
          return chunk
        })
        const sizeBytes = sum(chunks)
        const rules = keeping({ retentionMs, retentionBytes })
        const plan = planRetention(chunks, { sizeBytes, logStartOffset }, rules, NOW_MS)
        const kept = keptByKafka(chunks, retentionMs, retentionBytes)
        expect(chunks.slice(plan.count)).toEqual(kept)
        expect(plan.sizeBytes).toBe(sizeBytes - sum(kept))
        expect(plan.logStartOffset).toBe(kept[0]?.baseOffset ?? baseOffset)
      },
    ),
    { ...SEEDED, numRuns: runs(500) },
  )
})

function sum(chunks: readonly ChunkSpan[]): number {
  return chunks.reduce((total, { sizeBytes }) => total + sizeBytes, 0)
}

function keptByKafka(
  chunks: readonly ChunkSpan[],
  retentionMs: number,
  retentionBytes: number,
): readonly ChunkSpan[] {
  let kept = chunks
  for (;;) {
    const before = kept.length
    if (retentionMs >= 0) {
      const first = kept.findIndex(({ maxTimestamp }) => NOW_MS - maxTimestamp <= retentionMs)
      kept = first < 0 ? [] : kept.slice(first)
    }
    if (retentionBytes >= 0) {
      let surplus = sum(kept) - retentionBytes
      const first = kept.findIndex(({ sizeBytes }) => {
        surplus -= sizeBytes
        return surplus < 0
      })
      kept = first < 0 ? [] : kept.slice(first)
    }
    if (kept.length === before) return kept
  }
}
