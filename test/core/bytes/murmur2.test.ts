import { describe, expect, it } from 'vitest'
import { murmur2, toPositive } from '../../../src/core/bytes/murmur2.ts'
import { utf8 } from './hex.ts'

describe('murmur2()', () => {
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('hashes %s like Kafka', (text, hash) => {
    expect(murmur2(utf8(text))).toBe(hash)
  })
})

describe('toPositive()', () => {
  it('clears the sign bit', () => {
    expect(toPositive(-1)).toBe(2147483647)
    expect(toPositive(-2147483648)).toBe(0)
    expect(toPositive(5)).toBe(5)
  })
})
