import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BATCH_RECORDS_MAX } from '../../../../src/core/limits.ts'
import { KeyHash } from '../../../../src/core/log/compaction/key-hash.ts'
import { KeyMap } from '../../../../src/core/log/compaction/key-map.ts'
import { PASS_KEYS_MAX } from '../../../../src/core/log/compaction/limits.ts'
import { runs, SEEDED } from '../../../support/seed.ts'

/** The key 00 01 ... 07, twice. */
const REFERENCE_KEY = new Int32Array([0x03020100, 0x07060504, 0x03020100, 0x07060504])

/** From the vectors of the reference code: HalfSipHash-2-4 with 64 bits of the first `length` numbers. */
test.each([[0, '218d1f59b9b83cc8']])(
  'hashes %i bytes as the reference code does',
  (length, expected) => {
    const hash = new KeyHash(REFERENCE_KEY)
    hash.of(
      Uint8Array.from({ length }, (_, index) => index),
      0,
      length,
    )
    const bytes = new Uint8Array(hash.words.buffer)
    const hex = Buffer.from(bytes).toString('hex')
    expect([hex.slice(0, 16), hex.slice(16)]).toEqual([expected, expected])
  },
)

test('hashes a part of an array like an array of its own, and each bit counts', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      fc.nat(9),
      fc.nat(1_000),
      (key, before, bit) => {
        const hash = new KeyHash(new Int32Array([1, 2, 3, 4]))
        const whole = new Uint8Array([...new Uint8Array(before), ...key, 7])
        hash.of(key, 0, key.length)
        const words = [...hash.words]
        hash.of(whole, before, before + key.length)
        expect([...hash.words]).toEqual(words)
        const at = bit % (key.length * 8)
        key[at >> 3] = (key[at >> 3] as number) ^ (1 << (at & 7))
        hash.of(key, 0, key.length)
        for (const index of [0, 2]) expect(hash.words[index]).not.toBe(words[index])
      },
    ),
    { ...SEEDED, numRuns: runs(500) },
  )
})

/**
 * Question: is a `KeyMap` a map? Contract: `get` returns the offset that was put last, -1 for other keys; a full map
 * refuses new keys and takes known ones. Model: a `Map`. Generated: keys of 0 to 3 bytes, so that many come again.
 * Limits: no collisions of 128 bits.
 */
test('a key map agrees with a Map', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 3 }), { maxLength: 4_000, size: 'max' }),
      fc.integer({ min: 1, max: 3_000 }),
      (keys, keysMax) => {
        const map = new KeyMap(new KeyHash(new Int32Array([9, 8, 7, 6])), keysMax)
        const model = new Map<string, number>()
        keys.forEach((key, offset) => {
          const name = key.join()
          const fits = model.has(name) || model.size < keysMax
          expect(map.put(key, 0, key.length, offset)).toBe(fits)
          if (fits) model.set(name, offset)
        })
        expect(map.keysCount).toBe(model.size)
        for (const key of keys)
          expect(map.get(key, 0, key.length)).toBe(model.get(key.join()) ?? -1)
      },
    ),
    { ...SEEDED, numRuns: runs(50) },
  )
})

test('the keys of any batch fit, so that each pass gets on', () => {
  expect(PASS_KEYS_MAX).toBeGreaterThanOrEqual(BATCH_RECORDS_MAX)
})
