import { expect, test } from 'vitest'
import type { FoundSegment } from '../../../../src/core/log/partition-api.ts'
import { planAdopt } from '../../../../src/core/log/remote/plan-adopt.ts'

function found(baseOffset: number, endOffset: number, key = `${baseOffset}`): FoundSegment {
  const sizes = { sizeBytes: 1, objectBytes: 2, maxTimestamp: 0 }
  return { key, baseOffset, endOffset, sha256: '', ...sizes }
}

function keysOf(...args: Parameters<typeof planAdopt>): string[] {
  return planAdopt(...args).map(({ key }) => key)
}

test('takes the segments that end where the log begins, without a gap', () => {
  const segments = [found(20, 30), found(0, 8), found(10, 20), found(30, 40)]
  expect(keysOf({ firstOffset: 30, highWatermark: 50 }, segments)).toEqual(['10', '20'])
})

test('takes nothing that overlaps the log or lies behind it', () => {
  const segments = [found(20, 35), found(50, 60)]
  expect(keysOf({ firstOffset: 30, highWatermark: 50 }, segments)).toEqual([])
})

test('takes the latest whole run as the log of a partition that has lost everything', () => {
  const segments = [found(0, 5), found(10, 20), found(20, 30)]
  expect(keysOf({ firstOffset: 0, highWatermark: 0 }, segments)).toEqual(['10', '20'])
})

test('takes the larger of two segments with one end, and no empty one', () => {
  const segments = [found(10, 20, 'small'), found(5, 20, 'large'), found(20, 20, 'empty')]
  expect(keysOf({ firstOffset: 20, highWatermark: 20 }, segments)).toEqual(['large'])
})

test('takes nothing from nothing', () => {
  expect(keysOf({ firstOffset: 0, highWatermark: 0 }, [])).toEqual([])
})
