import { expect, test } from 'vitest'
import { MemoryPool } from '../../../src/core/kafka/memory-pool.ts'

test('below the limit all connections may be read', () => {
  const pool = new MemoryPool(10)
  pool.hold(9)
  expect([{}, {}].map((holder) => pool.mayRead(holder, () => {}))).toEqual([true, true])
})

test('beyond the limit one connection at a time is read, in order', () => {
  const pool = new MemoryPool(10)
  const holders = [{ name: 'a' }, { name: 'b' }, { name: 'c' }]
  const woken: string[] = []
  pool.hold(10)
  const mayRead = holders.map((holder) => pool.mayRead(holder, () => woken.push(holder.name)))
  expect(mayRead).toEqual([true, false, false])
  pool.done(holders[0] as object)
  expect(woken).toEqual(['b'])
  pool.done(holders[1] as object)
  expect(woken).toEqual(['b', 'c'])
})

test('all waiting connections resume when there is room again', () => {
  const pool = new MemoryPool(10)
  const woken: number[] = []
  pool.hold(20)
  pool.mayRead({}, () => {})
  for (const index of [1, 2]) pool.mayRead({}, () => woken.push(index))
  pool.release(5)
  expect(woken).toEqual([])
  pool.release(10)
  expect(woken).toEqual([1, 2])
})

test('a closed connection is not resumed', () => {
  const pool = new MemoryPool(10)
  const first = {}
  const gone = {}
  pool.hold(10)
  pool.mayRead(first, () => {})
  pool.mayRead(gone, () => {
    throw new Error('woken')
  })
  pool.done(gone)
  pool.release(10)
})
