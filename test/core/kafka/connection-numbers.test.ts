/** Numbers of connections: later ones are larger, also within a millisecond and after the clock went back. */
import { expect, test } from 'vitest'
import {
  ConnectionNumbers,
  parseConnectionNumber,
} from '../../../src/core/kafka/connection-numbers.ts'

test('grows with each connection, and with the clock', () => {
  const numbers = new ConnectionNumbers()
  const made = [5, 5, 4, 6].map((nowMs) => numbers.next(nowMs))
  expect(made).toEqual([5_000, 5_001, 5_002, 6_000])
})

test.each([
  ['1796000000000000', 1_796_000_000_000_000],
  ['0', 0],
  ['9999999999999999', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['', undefined],
  [undefined, undefined],
])('reads %j as %j', (text, number) => {
  expect(parseConnectionNumber(text)).toBe(number)
})
