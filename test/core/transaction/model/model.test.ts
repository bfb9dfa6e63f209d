/**
 * Question: do the rules keep transactions whole, whatever is late, repeated or lost?
 * Contract: T1-T8 of docs/GUARANTEES.md. Model: the world of `state.ts`, with the product's own rules.
 * Generated: every order of all steps in small worlds, and random paths in a large one. `model.slow.test.ts` has more.
 */
import { describe, expect, test } from 'vitest'
import { Random } from '../../../support/random.ts'
import { runs, TEST_SEED } from '../../../support/seed.ts'
import { BROKEN_RULES } from './broken-rules.ts'
import { RULES } from './rules.ts'
import { LARGE, OFFSETS, RIVALS, withVersion1 } from './scopes.ts'
import { searchAll, searchPath } from './search.ts'

const STATES_MAX = 50_000

test.each([
  ['two producers', RIVALS],
  ['offsets', OFFSETS],
  ['offsets of version 1', withVersion1(OFFSETS)],
])('the rules keep their promises in every state of %s', (_, scope) => {
  const { statesCount, violations, path } = searchAll(RULES, scope, STATES_MAX)
  expect(violations, path.join('\n')).toEqual([])
  expect(statesCount).toBeGreaterThan(500)
})

test.each([1, 2] as const)(
  'the rules of version %d keep their promises on random paths',
  (version) => {
    const random = new Random(TEST_SEED)
    for (let run = runs(1_000); run > 0; run--) {
      const { violations, path } = searchPath(RULES, { ...LARGE, version }, random)
      expect(violations, `TEST_SEED=${TEST_SEED}\n${path.join('\n')}`).toEqual([])
    }
  },
)

describe('the model', () => {
  test.each(BROKEN_RULES)('finds out rules that $name', ({ rules, scope, breaks }) => {
    const { violations } = searchAll(rules, scope, STATES_MAX)
    const broken = violations.map(({ promise }) => promise)
    expect(
      breaks.some((promise) => broken.includes(promise)),
      broken.join(),
    ).toBe(true)
  })
})
