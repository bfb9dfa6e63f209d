import fc from 'fast-check'
import { expect, test } from 'vitest'
import { QUEUE_GAP_MS, QUEUE_LINGER_MS_MAX } from '../../../client/browser/limits.ts'
import { QueueRhythm } from '../../../client/browser/outbox/queue-rhythm.ts'
import { SEEDED } from '../../support/seed.ts'

test('sends a record alone at once', () => {
  const rhythm = new QueueRhythm()
  rhythm.queued(1_000)
  expect(rhythm.waitMs(1_000)).toBe(0)
  rhythm.queued(1_000 + QUEUE_GAP_MS)
  expect(rhythm.waitMs(1_000 + QUEUE_GAP_MS)).toBe(0)
})

test('lets records close together gather until none follows', () => {
  const rhythm = new QueueRhythm()
  rhythm.queued(1_000)
  rhythm.queued(1_005)
  expect(rhythm.waitMs(1_006)).toBe(QUEUE_GAP_MS - 1)
  rhythm.queued(1_010)
  expect(rhythm.waitMs(1_010)).toBe(QUEUE_GAP_MS)
  expect(rhythm.waitMs(1_010 + QUEUE_GAP_MS)).toBe(0)
})

test('does not wait after the clock is set back', () => {
  const rhythm = new QueueRhythm()
  rhythm.queued(1_000)
  rhythm.queued(1_001)
  expect(rhythm.waitMs(1_002)).toBeGreaterThan(0)
  expect(rhythm.waitMs(500)).toBe(0)
})

test('waits no longer than the linger and a gap, however records are queued', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 2 * QUEUE_GAP_MS }), { maxLength: 200 })
  fc.assert(
    fc.property(gaps, (gapsMs) => {
      const rhythm = new QueueRhythm()
      let nowMs = 0
      let waitsSinceMs: number | undefined
      for (const gapMs of gapsMs) {
        nowMs += gapMs
        rhythm.queued(nowMs)
        if (rhythm.waitMs(nowMs) === 0) waitsSinceMs = undefined
        else waitsSinceMs ??= nowMs
        expect(nowMs - (waitsSinceMs ?? nowMs)).toBeLessThan(QUEUE_LINGER_MS_MAX)
      }
    }),
    SEEDED,
  )
})
