/**
 * Question: does an upgrade to another generation lose or double a result, when the server is killed at any moment?
 * Contract: S1 to S3 of docs/GUARANTEES.md. Model: the input topic.
 * Generated: records and kills, from a printed seed.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TEST_SEED } from '../../support/seed.ts'
import { brokenBy } from '../broken-by.ts'
import { runUpgradeCrash } from './upgrade-harness.ts'
import { buildUpgradeWorker, UPGRADE_MUTANTS } from './upgrade-mutants.ts'

const KILLS = 8

test(`an upgrade keeps its promises over ${KILLS} kills`, { timeout: 600_000 }, async () => {
  console.log(`crash run: TEST_SEED=${TEST_SEED}`)
  const report = await runUpgradeCrash({ kills: KILLS, seed: TEST_SEED })
  console.log(report)
  expect(report.violations).toEqual([])
  expect(report.recordsIn).toBeGreaterThan(0)
  expect(report.killsBefore).toBeGreaterThan(0)
})

describe('the checkers', () => {
  let dir = ''
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'edgelog-mutants-'))
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))

  test.each(UPGRADE_MUTANTS)(
    'catch an upgrade that $name',
    { timeout: 1_200_000 },
    async (mutant) => {
      const workerPath = join(dir, `${mutant.name.replaceAll(' ', '-')}.js`)
      await buildUpgradeWorker(workerPath, 'second', mutant)
      const options = { kills: 1, workerPath }
      const broken = await brokenBy(mutant, (seed) => runUpgradeCrash({ ...options, seed }))
      expect(broken).toContainEqual(expect.toBeOneOf([...mutant.breaks]))
    },
  )
})
