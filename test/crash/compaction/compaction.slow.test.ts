/**
 * Question: do a compacted log and its table keep their promises when the server is killed at any moment?
 * Contract: K1, K3, K4, K6, T2 of docs/GUARANTEES.md. Model: the versions that each key's only writer sent.
 * Generated: versions, deletes, transactions and kills, from a printed seed.
 * Limits: one partition; transactions of one record; kill -9 keeps the page cache.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TEST_SEED } from '../../support/seed.ts'
import { brokenBy } from '../broken-by.ts'
import { buildMutant } from '../mutants.ts'
import { runCompactionCrash } from './compaction-harness.ts'
import { COMPACTION_MUTANTS } from './compaction-mutants.ts'

const ROUNDS = 15
const MUTANT_ROUNDS = 4

test(`a compacted log keeps its promises over ${ROUNDS} kills`, { timeout: 600_000 }, async () => {
  console.log(`crash run: TEST_SEED=${TEST_SEED}`)
  const report = await runCompactionCrash({ rounds: ROUNDS, seed: TEST_SEED })
  console.log(report)
  expect(report.violations).toEqual([])
  expect(report.transactions.committed).toBeGreaterThan(0)
  expect(report.transactions.aborted).toBeGreaterThan(0)
  expect(report.versionsAcknowledged).toBeGreaterThan(report.recordsAtEnd)
})

describe('the checkers', () => {
  let dir = ''
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'edgelog-mutants-'))
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))

  test.each(COMPACTION_MUTANTS)(
    'catch a server that $name',
    { timeout: 1_200_000 },
    async (mutant) => {
      const workerPath = join(dir, `${mutant.name.replaceAll(' ', '-')}.js`)
      await buildMutant(mutant, workerPath)
      const options = { rounds: MUTANT_ROUNDS, workerPath }
      const broken = await brokenBy(mutant, (seed) => runCompactionCrash({ ...options, seed }))
      expect(broken).toContainEqual(expect.toBeOneOf([...mutant.breaks]))
    },
  )
})
