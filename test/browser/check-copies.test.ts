import { describe, expect, test } from 'vitest'
import { checkCopies } from './kills/check-copies.ts'

const INPUT = ['a', 'b', 'c']

describe('the checker of copies', () => {
  test('accepts each value once and in order', () => {
    expect(checkCopies(INPUT, INPUT, 0)).toEqual([])
    expect(checkCopies([], [], 0)).toEqual([])
  })

  test('detects a missing, a doubled and a foreign value, and a change of order', () => {
    expect(checkCopies(['a', 'c'], INPUT, 0)).toEqual(['2 copies of 3; at 1 c, not b'])
    expect(checkCopies(['a', 'b'], INPUT, 0)).toEqual(['2 copies of 3; c is missing at the end'])
    expect(checkCopies(['a', 'b', 'b', 'c'], INPUT, 9)).toEqual(['4 copies of 3; at 2 b, not c'])
    expect(checkCopies([...INPUT, 'd'], INPUT, 9)).toEqual(['4 copies of 3; at 3 d, not undefined'])
    expect(checkCopies(['b', 'a', 'c'], INPUT, 9)).toEqual(['3 copies of 3; at 0 b, not a'])
  })

  test('accepts as many beginnings as states were lost, and all values after the last one', () => {
    expect(checkCopies(['a', 'b', ...INPUT], INPUT, 1)).toEqual([])
    expect(checkCopies([...INPUT, 'a', ...INPUT], INPUT, 2)).toEqual([])
    expect(checkCopies([...INPUT, 'a', ...INPUT], INPUT, 1)).toEqual([
      '7 copies of 3; at 4 a, not b',
    ])
    expect(checkCopies([...INPUT, 'a'], INPUT, 1)).toEqual([
      '4 copies of 3; b is missing at the end',
    ])
  })
})
