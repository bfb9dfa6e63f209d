/**
 * Question: does a group keep its promises when its server and its members are killed at any moment?
 * Contract: G1-G5 of docs/GUARANTEES.md. Model: the events that each member logged.
 * Generated: records, kills and orderly ends, from a printed seed.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TEST_SEED } from '../../support/seed.ts'
import { brokenBy } from '../broken-by.ts'
import { buildMutant, GROUP_MUTANTS } from '../mutants.ts'
import { runGroupCrash } from './group-harness.ts'

const ROUNDS = 20
const MUTANT_ROUNDS = 3

test(`a group keeps its promises over ${ROUNDS} faults`, { timeout: 600_000 }, async () => {
  console.log(`group crash run: TEST_SEED=${TEST_SEED}`)
  const report = await runGroupCrash({ rounds: ROUNDS, seed: TEST_SEED })
  console.log(report)
  expect(report.violations).toEqual([])
  expect(report.records).toBeGreaterThan(0)
  expect(report.commitsBySession).toBeGreaterThan(0)
  expect(report.assignments).toBeGreaterThan(0)
})

describe('the checkers', { timeout: 1_200_000 }, () => {
  let dir = ''
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'edgelog-mutants-'))
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))

  test.each(['commit-before-delivery', 'commit-before-finished'] as const)(
    'catch a member with the fault %s',
    async (variant) => {
      const options = { rounds: MUTANT_ROUNDS, variant }
      const broken = await brokenBy({ breaks: ['G2'] }, (seed) =>
        runGroupCrash({ ...options, seed }),
      )
      expect(broken).toContain('G2')
    },
  )

  test.each(GROUP_MUTANTS)('catch a group that $name', async (mutant) => {
    const workerPath = join(dir, `${mutant.name.replaceAll(' ', '-')}.js`)
    await buildMutant(mutant, workerPath)
    const options = { rounds: MUTANT_ROUNDS, workerPath }
    const broken = await brokenBy(mutant, (seed) => runGroupCrash({ ...options, seed }))
    expect(broken).toContainEqual(expect.toBeOneOf([...mutant.breaks]))
  })
})
