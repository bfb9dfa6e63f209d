/** Concurrent calls with the same key. */
import { expect, test, vi } from 'vitest'
import { singleFlight } from '../../src/broker/single-flight.ts'

test('shares one call among concurrent callers of a key, and starts another one afterwards', async () => {
  const underWay = new Map<string, Promise<number>>()
  let calls = 0
  const begin = vi.fn(async () => {
    calls += 1
    return calls
  })
  const ask = (key: string) => singleFlight(underWay, key, begin)
  expect(await Promise.all([ask('a'), ask('a'), ask('b')])).toEqual([1, 1, 2])
  expect(await ask('a')).toBe(3)
  expect(underWay.size).toBe(0)
})

test('passes a failure to all callers, and does not cache it', async () => {
  const underWay = new Map<string, Promise<number>>()
  const failing = () => singleFlight(underWay, 'a', () => Promise.reject(new Error('lost')))
  const results = await Promise.allSettled([failing(), failing()])
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await singleFlight(underWay, 'a', async () => 1)).toBe(1)
})
