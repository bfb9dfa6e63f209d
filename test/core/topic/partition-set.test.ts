import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PARTITIONS_MAX } from '../../../src/core/limits.ts'
import {
  firstPartitions,
  hasPartition,
  NO_PARTITIONS,
  partitionsIn,
  withPartition,
} from '../../../src/core/topic/partition-set.ts'

test('a set has exactly the partitions that were added', () => {
  const partition = fc.integer({ min: 0, max: PARTITIONS_MAX - 1 })
  fc.assert(
    fc.property(fc.array(partition), partition, (added, other) => {
      const set = added.reduce(withPartition, NO_PARTITIONS)
      expect(partitionsIn(set)).toEqual([...new Set(added)].sort((a, b) => a - b))
      expect(hasPartition(set, other)).toBe(added.includes(other))
    }),
  )
})

test('withPartition() does not change the given set', () => {
  const before = withPartition(NO_PARTITIONS, 3)
  withPartition(before, 4)
  expect(partitionsIn(before)).toEqual([3])
})

describe('firstPartitions()', () => {
  test.each([0, 1, 7, 8, 9, PARTITIONS_MAX])('has the first %d partitions', (count) => {
    const set = firstPartitions(count)
    expect(partitionsIn(set)).toEqual(Array.from({ length: count }, (_, index) => index))
    expect(set.length).toBe(Math.ceil(count / 8))
  })
})
