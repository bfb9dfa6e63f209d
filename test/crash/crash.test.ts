/**
 * Question: does the log keep its promises when the server is killed? Three kills find gross faults early;
 * `crash.slow.test.ts` has the longer run and the mutants.
 */
import { expect, test } from 'vitest'
import { TEST_SEED } from '../support/seed.ts'
import { runCrash } from './harness.ts'

const ROUNDS = 3

test(`the log keeps its promises over ${ROUNDS} kills`, { timeout: 300_000 }, async () => {
  console.log(`crash run: TEST_SEED=${TEST_SEED}`)
  const report = await runCrash({ rounds: ROUNDS, seed: TEST_SEED })
  expect(report.violations).toEqual([])
  expect(report.recordsAcknowledged).toBeGreaterThan(0)
})
