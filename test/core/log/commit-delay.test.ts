import { expect, test } from 'vitest'
import {
  COMMIT_DELAY_BYTES_MAX,
  COMMIT_DELAY_CALLS,
  COMMIT_DELAY_MS_MAX,
} from '../../../src/core/limits.ts'
import { commitDelayMs } from '../../../src/core/log/commit-delay.ts'

test('does not wait after a commit of few appends', () => {
  for (let count = 0; count < COMMIT_DELAY_CALLS; count++) expect(commitDelayMs(count, 1)).toBe(0)
})

test('waits longer after a commit of more appends, up to the limit', () => {
  expect(commitDelayMs(COMMIT_DELAY_CALLS, 1)).toBe(1)
  expect(commitDelayMs(2 * COMMIT_DELAY_CALLS, 1)).toBe(2)
  expect(commitDelayMs(10_000, 1)).toBe(COMMIT_DELAY_MS_MAX)
})

test('does not wait after a commit of many bytes', () => {
  expect(commitDelayMs(100, COMMIT_DELAY_BYTES_MAX)).toBe(COMMIT_DELAY_MS_MAX)
  expect(commitDelayMs(100, COMMIT_DELAY_BYTES_MAX + 1)).toBe(0)
})
