/**
 * Question: does a log that moves to R2 keep its promises when the server is killed at any moment and R2 fails?
 * Contract: L1-L6, P1-P4 of docs/GUARANTEES.md; R2: each row has its object, each object its row, and it goes on.
 * Model: the history of requests and responses. Generated: appends, kills, and faults of R2: it fails, loses its
 * response, hangs, or says yes and has not. Limits: as `crash.slow.test.ts`; faults have no seed.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TEST_SEED } from '../../support/seed.ts'
import { brokenBy } from '../broken-by.ts'
import { sumOf } from './bucket-faults.ts'
import { runRemoteCrash } from './remote-crash.ts'
import { buildFaultyWorker, REMOTE_MUTANTS } from './remote-mutants.ts'

const ROUNDS = 10
const MUTANT_ROUNDS = 4

test(`a log keeps its promises over ${ROUNDS} kills while R2 fails`, {
  timeout: 900_000,
}, async () => {
  console.log(`crash run: TEST_SEED=${TEST_SEED}`)
  const report = await runRemoteCrash({ rounds: ROUNDS, seed: TEST_SEED })
  console.log(report)
  expect(report.violations).toEqual([])
  expect(report.tieredOffsets).toBeGreaterThan(0)
  expect(sumOf(report.faults)).toBeGreaterThan(0)
})

describe('the checkers', () => {
  let dir = ''
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'edgelog-mutants-'))
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))

  // At once: they wait for most of their time.
  test.concurrent.each(REMOTE_MUTANTS)(
    'catch a server that $name',
    { timeout: 1_200_000 },
    async (mutant) => {
      const workerPath = join(dir, `${mutant.name.replaceAll(' ', '-')}.js`)
      await buildFaultyWorker(workerPath, mutant)
      const options = { rounds: MUTANT_ROUNDS, workerPath }
      const broken = await brokenBy(mutant, (seed) => runRemoteCrash({ ...options, seed }))
      expect(broken).toContainEqual(expect.toBeOneOf([...mutant.breaks]))
    },
  )
})
