/**
 * Question: do applications of streams keep their promises when the server is killed at any moment?
 * Contract: S1 to S4 of docs/GUARANTEES.md. Model: the fold of the input topic.
 * Generated: records, kills and resets, from a printed seed.
 * Limits: two partitions; kill -9 keeps the page cache.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TEST_SEED } from '../../support/seed.ts'
import { brokenBy } from '../broken-by.ts'
import { runStreamsCrash } from './streams-harness.ts'
import { buildStreamsWorker, STREAMS_MUTANTS } from './streams-mutants.ts'

const ROUNDS = 20
const MUTANT_ROUNDS = 3

test(`applications keep their promises over ${ROUNDS} kills`, { timeout: 600_000 }, async () => {
  console.log(`crash run: TEST_SEED=${TEST_SEED}`)
  const report = await runStreamsCrash({ rounds: ROUNDS, seed: TEST_SEED })
  console.log(report)
  expect(report.violations).toEqual([])
  expect(report.recordsIn).toBeGreaterThan(0)
})

describe('the checkers', () => {
  let dir = ''
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'edgelog-mutants-'))
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))

  test.each(STREAMS_MUTANTS)('catch a task that $name', { timeout: 1_200_000 }, async (mutant) => {
    const workerPath = join(dir, `${mutant.name.replaceAll(' ', '-')}.js`)
    await buildStreamsWorker(workerPath, mutant)
    const options = { rounds: MUTANT_ROUNDS, workerPath }
    const broken = await brokenBy(mutant, (seed) => runStreamsCrash({ ...options, seed }))
    expect(broken).toContainEqual(expect.toBeOneOf([...mutant.breaks]))
  })
})
