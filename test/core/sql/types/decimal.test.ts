import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EvaluationError } from '../../../../src/core/sql/errors.ts'
import {
  Decimal,
  decimalTypeOfAdd,
  decimalTypeOfDivide,
  decimalTypeOfModulo,
  decimalTypeOfMultiply,
  type Rounding,
} from '../../../../src/core/sql/types/decimal.ts'
import { decimalOf } from '../../../../src/core/sql/types/sql-type.ts'
import { runs, SEEDED } from '../../../support/seed.ts'

const anyDecimal = fc
  .tuple(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.integer({ min: 0, max: 30 }))
  .map(([unscaled, scale]) => new Decimal(unscaled, scale))

function decimal(text: string): Decimal {
  const parsed = Decimal.parse(text)
  if (parsed === undefined) throw new Error(`${text} is no decimal`)
  return parsed
}

describe('Decimal', () => {
  it('keeps the scale of its text', () => {
    for (const text of ['10.10', '-0.05', '0.00', '12345678901234567890.123456789']) {
      expect(String(decimal(text))).toBe(text)
    }
    expect(String(decimal('1.5E3'))).toBe('1500')
    expect(String(decimal('-25e-4'))).toBe('-0.0025')
  })

  it('does not parse texts that are no numbers or have too many digits', () => {
    for (const text of ['', '.', '-', '1e', '1.2.3', 'NaN', ' 1', '1e2000', '1e-999999999']) {
      expect(Decimal.parse(text)).toBeUndefined()
    }
  })

  it('rounds as its rounding says', () => {
    const expected: Record<Rounding, string[]> = {
      HALF_UP: ['2', '-2', '1', '-1', '3'],
      HALF_CEILING: ['2', '-1', '1', '-1', '3'],
      DOWN: ['1', '-1', '1', '-1', '2'],
      UP: ['2', '-2', '2', '-2', '3'],
      FLOOR: ['1', '-2', '1', '-2', '2'],
      CEILING: ['2', '-1', '2', '-1', '3'],
    }
    for (const [rounding, results] of Object.entries(expected)) {
      const rounded = ['1.5', '-1.5', '1.49', '-1.49', '2.501'].map((text) =>
        String(decimal(text).withScale(0, rounding as Rounding)),
      )
      expect(rounded, rounding).toEqual(results)
    }
    expect(String(decimal('155').withScale(-1))).toBe('160')
  })

  it('throws when it divides by zero', () => {
    const zero = decimal('0.00')
    expect(() => decimal('1').divide(zero, 2)).toThrow(EvaluationError)
    expect(() => decimal('1').modulo(zero)).toThrow(EvaluationError)
  })

  it('parses what it prints', () => {
    const property = fc.property(anyDecimal, (value) => {
      expect(decimal(String(value))).toEqual(value)
    })
    fc.assert(property, { ...SEEDED, numRuns: runs(1_000) })
  })

  it('computes a quotient and a remainder that give the dividend again', () => {
    const property = fc.property(anyDecimal, anyDecimal, (one, other) => {
      if (other.isZero) return
      const rest = one.modulo(other)
      const whole = one.subtract(rest).divide(other, 0, 'DOWN')
      expect(whole.multiply(other).add(rest).compare(one)).toBe(0)
      expect(rest.abs().compare(other.abs())).toBeLessThan(0)
    })
    fc.assert(property, { ...SEEDED, numRuns: runs(1_000) })
  })

  it('orders as exact numbers do', () => {
    const property = fc.property(anyDecimal, anyDecimal, (one, other) => {
      // 0 - x, because -0 is another value.
      expect(Math.sign(one.compare(other))).toBe(0 - Math.sign(other.compare(one)))
      expect(one.add(other).subtract(other).compare(one)).toBe(0)
      expect(one.fits(one.precision, one.scale)).toBe(true)
      expect(one.isZero || !one.fits(one.precision - 1, one.scale)).toBe(true)
    })
    fc.assert(property, { ...SEEDED, numRuns: runs(1_000) })
  })
})

describe('types of decimal results', () => {
  it('have room for every result', () => {
    const one = decimalOf(10, 2)
    const other = decimalOf(6, 3)
    expect(decimalTypeOfAdd(one, other)).toEqual(decimalOf(12, 3))
    expect(decimalTypeOfMultiply(one, other)).toEqual(decimalOf(17, 5))
    expect(decimalTypeOfDivide(one, other)).toEqual(decimalOf(20, 9))
    expect(decimalTypeOfModulo(one, other)).toEqual(decimalOf(6, 3))
  })

  it('have at most 38 digits, and lose those after the point first', () => {
    expect(decimalTypeOfMultiply(decimalOf(38, 10), decimalOf(38, 10))).toEqual(decimalOf(38, 6))
    expect(decimalTypeOfAdd(decimalOf(38, 10), decimalOf(38, 10))).toEqual(decimalOf(38, 9))
  })
})
