import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  compareValues,
  equalValues,
  identityOf,
} from '../../../../src/core/sql/types/compare-values.ts'
import { Decimal } from '../../../../src/core/sql/types/decimal.ts'
import { longOf, type Value } from '../../../../src/core/sql/types/value.ts'
import { runs, SEEDED } from '../../../support/seed.ts'

const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(longOf)
const decimal = fc
  .tuple(fc.bigInt({ min: -500n, max: 500n }), fc.integer({ min: 0, max: 3 }))
  .map(([unscaled, scale]) => new Decimal(unscaled, scale))
const scalars: readonly fc.Arbitrary<Value>[] = [
  fc.boolean(),
  long,
  fc.double(),
  decimal,
  fc.string({ maxLength: 3 }),
  fc.uint8Array({ maxLength: 3 }),
]

/** Generates three values of one type. */
const threeValues: fc.Arbitrary<[Value, Value, Value]> = fc
  .constantFrom(...scalars)
  .chain((scalar) => {
    const held = fc.option(scalar, { freq: 5 })
    const lists: fc.Arbitrary<Value> = fc.array(held, { maxLength: 3 })
    const maps: fc.Arbitrary<Value> = fc
      .array(fc.tuple(fc.string({ maxLength: 1 }), held), { maxLength: 2 })
      .map((entries) => new Map(entries))
    return fc.oneof(...[held, lists, maps].map((each) => fc.tuple(each, each, each)))
  })

describe('compareValues', () => {
  it('compares numbers of different types by value', () => {
    expect(compareValues(2n ** 60n, 5)).toBeGreaterThan(0)
    expect(compareValues(new Decimal(150n, 2), 1.5)).toBe(0)
    expect(compareValues(new Decimal(150n, 2), 2n ** 60n)).toBeLessThan(0)
    expect(compareValues(new Decimal(1n, 0), Number.POSITIVE_INFINITY)).toBeLessThan(0)
    expect(compareValues(Number.NaN, Number.POSITIVE_INFINITY)).toBeGreaterThan(0)
    expect(compareValues(Number.NaN, Number.NaN)).toBe(0)
  })

  it('puts NULL after all others', () => {
    expect([null, 2, null, 1].sort(compareValues)).toEqual([1, 2, null, null])
  })

  it('gives decimals of one value and different scales one identity', () => {
    for (const [unscaled, zeros] of [
      [0n, 100n],
      [1n, 100n],
      [-10n, 100n],
      [15n, 10n],
    ] as const) {
      const scale = String(zeros).length - 1
      const one = identityOf(new Decimal(unscaled, 0))
      expect(identityOf(new Decimal(unscaled * zeros, scale))).toBe(one)
      expect(identityOf(new Decimal(unscaled * zeros + 1n, scale))).not.toBe(one)
    }
  })

  it('is an order, and equal values have one identity', () => {
    const property = fc.property(threeValues, ([one, two, three]) => {
      const sign = Math.sign(compareValues(one, two))
      expect(sign + Math.sign(compareValues(two, one))).toBe(0)
      if (sign <= 0 && compareValues(two, three) <= 0) {
        expect(compareValues(one, three)).toBeLessThanOrEqual(0)
      }
      expect(new Set([identityOf(one), identityOf(two)]).size === 1).toBe(equalValues(one, two))
    })
    fc.assert(property, { ...SEEDED, numRuns: runs(5_000) })
  })
})
