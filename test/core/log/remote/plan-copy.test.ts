import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { REMOTE_OBJECT_BYTES_MAX, REMOTE_OBJECT_CHUNKS_MAX } from '../../../../src/core/limits.ts'
import type { ChunkSpan } from '../../../../src/core/log/chunk.ts'
import {
  isLocallyExpired,
  locallyExpiresAtMs,
} from '../../../../src/core/log/remote/local-retention.ts'
import { planCopy } from '../../../../src/core/log/remote/plan-copy.ts'
import { runs, SEEDED } from '../../../support/seed.ts'
import { config, NOW_MS } from '../log-batches.ts'

const MIB = 1024 * 1024

function tiered(overrides: Record<string, string> = {}) {
  return config({ 'remote.storage.enable': 'true', ...overrides })
}

function spansOf(sizes: readonly number[], maxTimestamp = NOW_MS): ChunkSpan[] {
  return sizes.map((sizeBytes, index) => {
    return { baseOffset: index * 10, endOffset: index * 10 + 10, maxTimestamp, sizeBytes }
  })
}

describe('planCopy()', () => {
  test('takes whole chunks up to 16 MiB, and waits for more if there are fewer', () => {
    const spans = spansOf(Array.from({ length: 20 }, () => MIB))
    expect(planCopy(spans, tiered(), NOW_MS).chunks).toEqual(spans.slice(0, 16))
    const { chunks, dueAtMs } = planCopy(spans.slice(0, 15), tiered(), NOW_MS)
    expect(chunks).toEqual([])
    expect(dueAtMs).toBe(NOW_MS + tiered().segmentMs)
  })

  test('takes fewer bytes with a smaller segment.bytes, and one chunk that is larger', () => {
    const small = tiered({ 'segment.bytes': String(2 * MIB) })
    expect(planCopy(spansOf([MIB, MIB, MIB]), small, NOW_MS).chunks).toHaveLength(2)
    const one = tiered({ 'segment.bytes': String(MIB) })
    expect(planCopy(spansOf([2 * MIB, MIB]), one, NOW_MS).chunks).toHaveLength(1)
  })

  test.each([
    [{ 'segment.ms': '60000' }, 60_000],
    [{ 'segment.ms': '60000', 'local.retention.ms': '1000' }, 1_000],
    [{ 'segment.ms': '60000', 'local.retention.ms': '-1', 'retention.ms': '-1' }, 60_000],
  ])('takes few chunks at their age: %o after %d ms', (overrides, ageMs) => {
    const spans = spansOf([1_000])
    const rules = tiered(overrides)
    expect(planCopy(spans, rules, NOW_MS + ageMs - 1)).toEqual({
      chunks: [],
      dueAtMs: NOW_MS + ageMs,
    })
    expect(planCopy(spans, rules, NOW_MS + ageMs).chunks).toEqual(spans)
    const untimed = spansOf([1_000], -NOW_MS)
    expect(planCopy(untimed, rules, NOW_MS + ageMs).chunks).toEqual(untimed)
  })

  test.each([{ 'remote.storage.enable': 'false' }, { 'remote.log.copy.disable': 'true' }])(
    'takes nothing with %o',
    (overrides) => {
      const plan = planCopy(spansOf([MIB]), tiered({ 'segment.ms': '1', ...overrides }), NOW_MS * 2)
      expect(plan).toEqual({ chunks: [] })
    },
  )

  test('takes the first chunks without a gap, and at least one', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 3 * MIB }), { maxLength: 40 })
    fc.assert(
      fc.property(sizes, fc.integer({ min: MIB, max: 40 * MIB }), (all, segmentBytes) => {
        const spans = spansOf(all)
        const rules = tiered({ 'segment.bytes': String(segmentBytes) })
        const { chunks, dueAtMs } = planCopy(spans, rules, NOW_MS)
        expect(chunks).toEqual(spans.slice(0, chunks.length))
        const bytesMax = Math.min(segmentBytes, REMOTE_OBJECT_BYTES_MAX)
        const sum = (some: readonly ChunkSpan[]) =>
          some.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0)
        expect(chunks.length <= 1 || sum(chunks) <= bytesMax).toBe(true)
        expect(chunks.length).toBeLessThanOrEqual(REMOTE_OBJECT_CHUNKS_MAX)
        if (chunks.length === 0) expect(sum(spans)).toBeLessThan(bytesMax)
        expect(dueAtMs === undefined).toBe(chunks.length > 0 || spans.length === 0)
      }),
      { ...SEEDED, numRuns: runs(300) },
    )
  })
})

describe('local retention', () => {
  const [segment] = spansOf([MIB]) as [ChunkSpan]

  test('takes a segment out by its age', () => {
    const rules = tiered({ 'local.retention.ms': '1000' })
    expect(isLocallyExpired(segment, MIB, rules, NOW_MS + 1_000)).toBe(false)
    expect(isLocallyExpired(segment, MIB, rules, NOW_MS + 1_001)).toBe(true)
    expect(locallyExpiresAtMs(segment, rules)).toBe(NOW_MS + 1_001)
  })

  test('takes a segment out by the bytes in the partition, copied or not', () => {
    const rules = tiered({ 'local.retention.bytes': String(MIB) })
    expect(isLocallyExpired(segment, 2 * MIB - 1, rules, NOW_MS)).toBe(false)
    expect(isLocallyExpired(segment, 2 * MIB, rules, NOW_MS)).toBe(true)
    expect(locallyExpiresAtMs(segment, rules)).toBeUndefined()
  })

  test('keeps all as long as the log does with -2, and for ever with -1', () => {
    const late = NOW_MS * 2
    expect(isLocallyExpired(segment, 9 * MIB, tiered(), late)).toBe(false)
    const unlimited = { 'retention.ms': '-1', 'local.retention.ms': '-1' }
    expect(isLocallyExpired(segment, 9 * MIB, tiered(unlimited), late)).toBe(false)
  })
})
