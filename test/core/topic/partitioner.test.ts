import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { partitionForKey } from '../../../src/core/topic/partitioner.ts'
import { SEEDED } from '../../support/seed.ts'
import { utf8 } from '../bytes/hex.ts'

describe('partitionForKey()', () => {
  it.each([
    // (murmur2 & 0x7fffffff) % partitions, from the golden values of Kafka's own test.
    ['21', 3, (-973932308 & 0x7fffffff) % 3],
    ['foobar', 12, (-790332482 & 0x7fffffff) % 12],
    ['abc', 1000, 107],
  ])('puts %s of %d partitions into %d', (key, partitions, partition) => {
    expect(partitionForKey(utf8(key), partitions)).toBe(partition)
  })

  it('returns a valid partition, and the same one for the same bytes', () => {
    const property = fc.property(
      fc.uint8Array({ maxLength: 60 }),
      fc.integer({ min: 1, max: 1000 }),
      (key, partitions) => {
        const partition = partitionForKey(key, partitions)
        expect(Number.isInteger(partition)).toBe(true)
        expect(partition).toBeGreaterThanOrEqual(0)
        expect(partition).toBeLessThan(partitions)
        expect(partitionForKey(key.slice(), partitions)).toBe(partition)
      },
    )
    fc.assert(property, SEEDED)
  })
})
