/**
 * Question: does the log keep its promises when the server is killed? A few kills, so that a change which
 * breaks much is noticed soon; `crash.slow.test.ts` has the run that proves something, and the mutants.
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
