import { expect, test } from 'vitest'
import { EVENT_CAUSES_MAX, EVENT_INTERVAL_MS } from '../../src/core/limits.ts'
import { RepeatLimit } from '../../src/events/repeat-limit.ts'

test('admits a cause at once, and counts its repeats until the next admission', () => {
  const limit = new RepeatLimit()
  expect([0, 1, 2, 3, 4].map((atMs) => limit.admit('disk full', atMs))).toEqual([
    0,
    ...Array(4).fill(undefined),
  ])
  expect(limit.admit('disk full', EVENT_INTERVAL_MS)).toBe(4)
  expect(limit.admit('disk full', 2 * EVENT_INTERVAL_MS - 1)).toBeUndefined()
  expect(limit.admit('disk full', 2 * EVENT_INTERVAL_MS)).toBe(1)
  expect(limit.admit('disk full', 3 * EVENT_INTERVAL_MS)).toBe(0)
})

test('admits each cause separately, and evicts the least recently admitted one', () => {
  const limit = new RepeatLimit()
  const causes = Array.from({ length: EVENT_CAUSES_MAX + 1 }, (_, index) => `cause ${index}`)
  expect(causes.map((cause) => limit.admit(cause, 0))).toEqual(causes.map(() => 0))
  expect(causes.slice(1).every((cause) => limit.admit(cause, 1) === undefined)).toBe(true)
  expect(limit.admit('cause 0', 1)).toBe(0)
})

test('admits a cause again when the clock is set back', () => {
  const limit = new RepeatLimit()
  expect([5_000, 5_001, 1, 2].map((atMs) => limit.admit('disk full', atMs))).toEqual([
    ...[0, undefined, 1, undefined],
  ])
})
