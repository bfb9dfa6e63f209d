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
import { buildMutant, GROUP_MUTANTS } from '../mutants.ts'
import { type GroupCrashOptions, runGroupCrash } from './group-harness.ts'

const ROUNDS = 20
const MUTANT_ROUNDS = 6
const MUTANT_TRIES = 4

test(`a group keeps its promises over ${ROUNDS} faults`, { timeout: 600_000 }, async () => {
  console.log(`group crash run: TEST_SEED=${TEST_SEED}`)
  const report = await runGroupCrash({ rounds: ROUNDS, seed: TEST_SEED })
  console.log(report)
  expect(report.violations).toEqual([])
  expect(report.records).toBeGreaterThan(10 * ROUNDS)
  expect(report.commitsBySession).toBeGreaterThan(0)
  expect(report.assignments).toBeGreaterThan(ROUNDS / 4)
})

/** Runs a broken group or member, and returns the promises that it broke. */
async function brokenBy(
  options: Partial<GroupCrashOptions>,
  expected: readonly string[],
): Promise<string[]> {
  const broken = new Set<string>()
  for (let attempt = 0; attempt < MUTANT_TRIES; attempt++) {
    const run = { rounds: MUTANT_ROUNDS, seed: TEST_SEED + attempt, ...options }
    for (const { promise } of (await runGroupCrash(run)).violations) broken.add(promise)
    if (expected.some((promise) => broken.has(promise))) break
  }
  return [...broken]
}

describe('the checkers', { timeout: 600_000 }, () => {
  let dir = ''
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'edgelog-mutants-'))
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))

  test.each(['commit-before-delivery', 'commit-before-finished'] as const)(
    'catch a member with the fault %s',
    async (variant) => {
      expect(await brokenBy({ variant }, ['G2'])).toContain('G2')
    },
  )

  test.each(GROUP_MUTANTS)('catch a group that $name', async (mutant) => {
    const workerPath = join(dir, `${mutant.name.replaceAll(' ', '-')}.js`)
    await buildMutant(mutant, workerPath)
    const broken = await brokenBy({ workerPath }, mutant.breaks)
    expect(
      mutant.breaks.some((promise) => broken.includes(promise)),
      broken.join(),
    ).toBe(true)
  })
})
