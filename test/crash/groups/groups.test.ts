/**
 * Question: does a group keep its promises when its server and its members are killed? Three faults find gross
 * errors early; `groups.slow.test.ts` has the longer run and the mutants.
 */
import { expect, test } from 'vitest'
import { TEST_SEED } from '../../support/seed.ts'
import { runGroupCrash } from './group-harness.ts'

const ROUNDS = 3

test(`a group keeps its promises over ${ROUNDS} faults`, { timeout: 300_000 }, async () => {
  console.log(`group crash run: TEST_SEED=${TEST_SEED}`)
  const report = await runGroupCrash({ rounds: ROUNDS, seed: TEST_SEED })
  expect(report.violations).toEqual([])
  expect(report.records).toBeGreaterThan(0)
  expect(report.commitsBySession).toBeGreaterThan(0)
  expect(report.assignments).toBeGreaterThan(0)
})
