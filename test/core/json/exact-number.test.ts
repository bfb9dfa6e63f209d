import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isExactNumber } from '../../../src/core/json/exact-number.ts'
import { runs, SEEDED } from '../../support/seed.ts'

describe('isExactNumber()', () => {
  it.each([
    ...['0', '-0', '0.0', '-0e7', '1', '1.0', '1.10', '1e3', '1E+3', '10e-1', '0.1', '100e-2'],
    ...['9007199254740991', '-9007199254740991', '9007199254740994', '9223372036854776000'],
    ...[
      '1e22',
      '1.7976931348623157e308',
      '5e-324',
      '0e99999999999999999999',
      '0.30000000000000004',
    ],
  ])('accepts %s', (source) => {
    expect(isExactNumber(source)).toBe(true)
  })

  it.each([
    ...['9007199254740993', '9223372036854775807', '-9223372036854775808', '1e400', '-1e400'],
    ...['1e-400', '1000.00000000000000001', '0.10000000000000000001', '9007199254740991.4'],
    ...['1e99999999999999999999', '1e-99999999999999999999'],
  ])('refuses %s', (source) => {
    expect(isExactNumber(source)).toBe(false)
  })

  it('accepts every double in the form of JSON.stringify(), and with an exponent', () => {
    const property = fc.property(fc.double({ noDefaultInfinity: true, noNaN: true }), (double) => {
      expect(isExactNumber(JSON.stringify(double))).toBe(true)
      expect(isExactNumber(double.toExponential())).toBe(true)
    })
    fc.assert(property, { ...SEEDED, numRuns: runs(1_000) })
  })

  it('accepts a whole number up to 2^54 if and only if it is restored exactly', () => {
    const property = fc.property(fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }), (whole) => {
      expect(isExactNumber(String(whole))).toBe(BigInt(Number(whole)) === whole)
    })
    fc.assert(property, { ...SEEDED, numRuns: runs(1_000) })
  })

  it('takes no longer for many zeros than for other digits', () => {
    expect(isExactNumber(`1${'0'.repeat(1_000_000)}1`)).toBe(false)
    expect(isExactNumber(`0.${'0'.repeat(1_000_000)}1`)).toBe(false)
  })
})
