/** The search of `model.test.ts` in larger worlds. */
import { expect, test } from 'vitest'
import { Random } from '../../../support/random.ts'
import { TEST_SEED } from '../../../support/seed.ts'
import { RULES } from './rules.ts'
import { ALL, LARGE, RIVALS, SUCCESSIVE, withVersion1 } from './scopes.ts'
import { searchAll, searchPath } from './search.ts'

const STATES_MAX = 500_000
const PATHS = 4_000

test.each([
  ['three transactions', ALL],
  ['three transactions of version 1', withVersion1(ALL)],
  ['successive transactions with two faults', SUCCESSIVE],
  ['successive transactions of version 1 with two faults', withVersion1(SUCCESSIVE)],
  ['two producers of version 1', withVersion1(RIVALS)],
])('the rules keep their promises in every state of %s', (_, scope) => {
  const { statesCount, violations, path } = searchAll(RULES, scope, STATES_MAX)
  console.log(`${statesCount} states`)
  expect(violations, path.join('\n')).toEqual([])
  expect(statesCount).toBeGreaterThan(5_000)
})

test.each([1, 2] as const)(
  'the rules of version %d keep their promises on many paths',
  (version) => {
    const random = new Random(TEST_SEED)
    for (let run = PATHS; run > 0; run--) {
      const { violations, path } = searchPath(RULES, { ...LARGE, version }, random)
      expect(violations, `TEST_SEED=${TEST_SEED}\n${path.join('\n')}`).toEqual([])
    }
  },
)
