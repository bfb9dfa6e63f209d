import { expect, test } from 'vitest'
import type { FoundSegment } from '../../../../src/core/log/partition-api.ts'
import { type AdoptingLog, planAdopt } from '../../../../src/core/log/remote/plan-adopt.ts'

function found(baseOffset: number, endOffset: number, key = `${baseOffset}`): FoundSegment {
  const sizes = { sizeBytes: 1, objectBytes: 2, maxTimestamp: 0 }
  return { key, baseOffset, endOffset, sha256: '', ...sizes }
}

function keysOf(
  log: Partial<AdoptingLog> & Omit<AdoptingLog, 'holes'>,
  segments: readonly FoundSegment[],
): string[] {
  return planAdopt({ holes: [], ...log }, segments).map(({ key }) => key)
}

test('takes the segments below the beginning of the log, also with gaps between them', () => {
  const segments = [found(20, 30), found(0, 8), found(10, 20), found(30, 40)]
  expect(keysOf({ firstOffset: 30, highWatermark: 50 }, segments)).toEqual(['0', '10', '20'])
  expect(keysOf({ firstOffset: 35, highWatermark: 50 }, segments)).toEqual(['0', '10', '20'])
})

test('takes the segments that fit into holes, and none that only begin or end there', () => {
  const holes = [
    { from: 60, to: 80 },
    { from: 30, to: 40 },
  ]
  const fitting = [found(30, 40), found(62, 70), found(70, 75)]
  const others = [found(28, 35), found(39, 41), found(55, 62), found(75, 81), found(45, 50)]
  const log = { firstOffset: 10, highWatermark: 100, holes }
  expect(keysOf(log, [...others, ...fitting])).toEqual(['30', '62', '70'])
})

test('takes nothing that overlaps the log or lies behind it', () => {
  const segments = [found(20, 35), found(50, 60)]
  expect(keysOf({ firstOffset: 30, highWatermark: 50 }, segments)).toEqual([])
})

test('takes all runs as the log of a partition that has lost everything', () => {
  const segments = [found(0, 5), found(10, 20), found(20, 30)]
  expect(keysOf({ firstOffset: 0, highWatermark: 0 }, segments)).toEqual(['0', '10', '20'])
})

test('takes the later of two segments that overlap', () => {
  const segments = [found(0, 12), found(10, 20), found(0, 10)]
  expect(keysOf({ firstOffset: 25, highWatermark: 50 }, segments)).toEqual(['0', '10'])
})

test('takes the larger of two segments with one end, and no empty one', () => {
  const segments = [found(10, 20, 'small'), found(5, 20, 'large'), found(20, 20, 'empty')]
  expect(keysOf({ firstOffset: 20, highWatermark: 20 }, segments)).toEqual(['large'])
})

test('takes nothing from nothing', () => {
  expect(keysOf({ firstOffset: 0, highWatermark: 0 }, [])).toEqual([])
})
