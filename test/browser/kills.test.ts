/**
 * Question: are all records that a page was told are queued delivered once and in order when its browser is
 * killed? A few kills, so that a severe regression is noticed soon; `kills.slow.test.ts` has the long run.
 */
import { expect, test } from 'vitest'
import { TEST_SEED } from '../support/seed.ts'
import { runKills } from './kills/kill-harness.ts'

const KILLS = 3

test(`loses and doubles no record over ${KILLS} kills of the browser`, {
  timeout: 300_000,
}, async () => {
  console.log(`kills of the browser: TEST_SEED=${TEST_SEED}`)
  const { violations, ...figures } = await runKills({ kills: KILLS, seed: TEST_SEED })
  console.log(figures)
  expect(violations).toEqual([])
  expect(figures.recordsQueued).toBeGreaterThan(0)
})
