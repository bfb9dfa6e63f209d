import { afterEach, expect, test, vi } from 'vitest'
import { FailureLog } from '../../src/broker/failure-log.ts'
import { FAILURE_CAUSES_MAX, FAILURE_LOG_INTERVAL_MS } from '../../src/core/limits.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

function logged() {
  const lines: unknown[] = []
  vi.spyOn(console, 'error').mockImplementation((line) => lines.push(line))
  return lines
}

test('logs a cause at once, and its repeats with the next line', () => {
  const lines = logged()
  const log = new FailureLog()
  const full = new Error('database or disk is full')
  for (let index = 0; index < 5; index++) log.report(full, index)
  expect(lines).toEqual(['a call to the log failed: database or disk is full'])
  log.report(full, FAILURE_LOG_INTERVAL_MS)
  expect(lines[1]).toContain('disk is full (and 4 more times')
  log.report(full, 2 * FAILURE_LOG_INTERVAL_MS)
  expect(lines[2]).toBe('a call to the log failed: database or disk is full')
})

test('logs each cause for itself, and keeps no endless list of them', () => {
  const lines = logged()
  const log = new FailureLog()
  for (let index = 0; index <= FAILURE_CAUSES_MAX; index++) log.report(`cause ${index}`, 0)
  expect(lines).toHaveLength(FAILURE_CAUSES_MAX + 1)
  log.report(`cause ${FAILURE_CAUSES_MAX}`, 1)
  expect(lines).toHaveLength(FAILURE_CAUSES_MAX + 1)
})
