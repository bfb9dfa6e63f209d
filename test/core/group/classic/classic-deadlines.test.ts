import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type Deadlines,
  deadlineOf,
  deleteDeadlines,
  dueKeys,
  earliestDeadlineMs,
  NEVER_MS,
  NO_DEADLINES,
  setDeadline,
  setDeadlines,
} from '../../../../src/core/group/classic/classic-deadlines.ts'
import { SEEDED } from '../../../support/seed.ts'

/**
 * Question: do layered deadlines behave like a map of deadlines, and do earlier values stay unchanged?
 *
 * Model: one `Map`. Generated: up to 200 changes of up to 80 keys, so that layers are merged.
 */
test('deadlines agree with a map', () => {
  const arbitraryKey = fc.integer({ min: 0, max: 80 }).map((key) => `k${key}`)
  const arbitraryMs = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.constant(NEVER_MS))
  const arbitraryChange = fc.oneof(
    { weight: 20, arbitrary: fc.tuple(fc.constant('set'), arbitraryKey, arbitraryMs) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('set many'), arbitraryKey, arbitraryMs) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('delete'), arbitraryKey, arbitraryMs) },
  )
  fc.assert(
    fc.property(fc.array(arbitraryChange, { maxLength: 200, size: 'max' }), (changes) => {
      let deadlines: Deadlines = NO_DEADLINES
      const model = new Map<string, number>()
      for (const [kind, key, deadlineMs] of changes) {
        const before = deadlines
        const keptMs = deadlineOf(before, key)
        if (kind === 'delete') {
          deadlines = deleteDeadlines(deadlines, [key])
          model.delete(key)
        } else {
          const set = kind === 'set' ? setDeadline : setAsMany
          deadlines = set(deadlines, key, deadlineMs)
          model.set(key, deadlineMs)
        }
        expect(deadlineOf(before, key)).toBe(keptMs)
        expect(deadlineOf(deadlines, key)).toBe(model.get(key))
      }
      expect(earliestDeadlineMs(deadlines)).toBe(Math.min(NEVER_MS, ...model.values()))
      const due = [...model].filter(([, deadlineMs]) => deadlineMs <= 50).map(([key]) => key)
      expect(dueKeys(deadlines, 50).sort()).toEqual(due.sort())
      expect(NO_DEADLINES).toEqual({ settled: new Map(), recent: new Map() })
    }),
    SEEDED,
  )
})

function setAsMany(deadlines: Deadlines, key: string, deadlineMs: number): Deadlines {
  return setDeadlines(deadlines, [[key, deadlineMs]])
}

test('setDeadline() seldom copies all of 2,000 deadlines', () => {
  let deadlines = setDeadlines(
    NO_DEADLINES,
    Array.from({ length: 2_000 }, (_, key) => [`k${key}`, 1] as const),
  )
  let copies = 0
  for (let key = 0; key < 2_000; key++) {
    const next = setDeadline(deadlines, `k${key}`, 2)
    if (next.settled !== deadlines.settled) copies++
    deadlines = next
  }
  expect(copies).toBeLessThan(50)
})
