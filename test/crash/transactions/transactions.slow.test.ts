/**
 * Question: do transactions keep their promises when the server is killed at any moment?
 * Contract: T1-T11 of docs/GUARANTEES.md. Model: the history of all calls, and the logs and offsets at the end.
 * Generated: transactions, dying and replaced producers, repeats and kills, from a printed seed.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TEST_SEED } from '../../support/seed.ts'
import { brokenBy } from '../broken-by.ts'
import { buildMutant } from '../mutants.ts'
import { runTransactionCrash } from './transaction-harness.ts'
import { TRANSACTION_MUTANTS } from './transaction-mutants.ts'

const ROUNDS = 12
const MUTANT_ROUNDS = 3
/** Time after which calls that a broken server never answers are given up. */
const MUTANT_DRAIN_MS = 5_000

test(`transactions keep their promises over ${ROUNDS} kills`, { timeout: 600_000 }, async () => {
  console.log(`transaction crash run: TEST_SEED=${TEST_SEED}`)
  const report = await runTransactionCrash({ rounds: ROUNDS, seed: TEST_SEED })
  console.log(report)
  expect(report.violations).toEqual([])
  expect(report.committed).toBeGreaterThan(0)
  expect(report.copied).toBeGreaterThan(0)
  expect(report.aborted).toBeGreaterThan(0)
})

describe('the checkers', { timeout: 1_200_000 }, () => {
  let dir = ''
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'edgelog-mutants-'))
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))

  test.each(TRANSACTION_MUTANTS)('catch a server that $name', async (mutant) => {
    const workerPath = join(dir, `${mutant.name.replaceAll(' ', '-')}.js`)
    await buildMutant(mutant, workerPath)
    const options = { rounds: MUTANT_ROUNDS, workerPath, drainMs: MUTANT_DRAIN_MS }
    const broken = await brokenBy(mutant, (seed) => runTransactionCrash({ ...options, seed }))
    expect(broken).toContainEqual(expect.toBeOneOf([...mutant.breaks]))
  })
})
