/**
 * Question: does the log keep its promises when the server is killed at any moment?
 * Contract: L1-L6, P1-P4 of docs/GUARANTEES.md. Model: the history of requests and responses.
 * Generated: producers, batches, retries and kills, from a printed seed.
 * Limits: kill -9 keeps the page cache, so this shows atomicity and the order of responses, not power loss.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TEST_SEED } from '../support/seed.ts'
import { brokenBy } from './broken-by.ts'
import { runCrash } from './harness.ts'
import { buildMutant, MUTANTS } from './mutants.ts'
import { TIERED_AT_ONCE } from './remote/remote-crash.ts'

const ROUNDS = 12
const MUTANT_ROUNDS = 3

test(`the log keeps its promises over ${ROUNDS} kills`, { timeout: 600_000 }, async () => {
  console.log(`crash run: TEST_SEED=${TEST_SEED}`)
  const report = await runCrash({ rounds: ROUNDS, seed: TEST_SEED })
  console.log(report)
  expect(report.violations).toEqual([])
  expect(report.recordsAcknowledged).toBeGreaterThan(0)
  expect(report.requestsUnknown).toBeGreaterThan(0)
})

test(`a log that moves to R2 keeps them over ${ROUNDS} kills`, { timeout: 600_000 }, async () => {
  console.log(`crash run: TEST_SEED=${TEST_SEED}`)
  const config = TIERED_AT_ONCE
  const report = await runCrash({ rounds: ROUNDS, seed: TEST_SEED, config })
  expect(report.violations).toEqual([])
  expect(report.tieredOffsets).toBeGreaterThan(0)
})

describe('the checkers', () => {
  let dir = ''
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'edgelog-mutants-'))
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))

  test.each(MUTANTS)('catch a server that $name', { timeout: 1_200_000 }, async (mutant) => {
    const workerPath = join(dir, `${mutant.name.replaceAll(' ', '-')}.js`)
    await buildMutant(mutant, workerPath)
    const options = { rounds: MUTANT_ROUNDS, workerPath }
    const broken = await brokenBy(mutant, (seed) => runCrash({ ...options, seed }))
    expect(broken).toContainEqual(expect.toBeOneOf([...mutant.breaks]))
  })
})
