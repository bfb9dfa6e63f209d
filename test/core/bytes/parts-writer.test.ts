import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteWriter } from '../../../src/core/bytes/byte-writer.ts'
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import { PartsWriter } from '../../../src/core/bytes/parts-writer.ts'
import { runs, SEEDED } from '../../support/seed.ts'

test('writes the same bytes as a ByteWriter, and copies none of the large ones', () => {
  const write = fc.oneof(
    fc.integer({ min: -1000, max: 1000 }),
    fc
      .constantFrom(0, 1, 100, 16_383, 16_384, 40_000)
      .map((size) => new Uint8Array(size).fill(size)),
  )
  fc.assert(
    fc.property(fc.array(write, { maxLength: 12 }), (writes) => {
      const [whole, inParts] = [new ByteWriter(), new PartsWriter()]
      for (const one of writes) {
        for (const writer of [whole, inParts]) {
          if (typeof one === 'number') writer.varint(one)
          else writer.bytes(one)
        }
      }
      const parts = inParts.toParts()
      expect(Buffer.compare(concatenate(parts), whole.toBytes())).toBe(0)
      expect(inParts.sizeBytes).toBe(whole.position)
      const large = writes.filter((one) => typeof one !== 'number' && one.length >= 16_384)
      expect(parts.filter((part) => large.some((one) => one === part))).toEqual(large)
    }),
    { ...SEEDED, numRuns: runs(300) },
  )
})
