/**
 * Question: are the results of a topology in a page each in the log once, whatever moment its browser is killed at?
 * Model: the input topic, which is copied, and the number of its records of each kind. Generated: records, tabs, times
 * without a network, kills, from a printed seed. Limits: SIGKILL keeps the page cache, so this shows atomicity, not
 * power loss.
 */
import { expect, test } from 'vitest'
import { TEST_SEED } from '../support/seed.ts'
import { runStreamsKills } from './kills/streams-harness.ts'

const KILLS = 20

test(`loses and doubles no result over ${KILLS} kills of the browser`, {
  timeout: 900_000,
}, async () => {
  console.log(`kills of a browser with a topology: TEST_SEED=${TEST_SEED}`)
  const { violations, ...figures } = await runStreamsKills(KILLS, TEST_SEED)
  console.log(figures)
  expect(violations).toEqual([])
  expect(figures.recordsWritten).toBeGreaterThan(0)
  expect(figures.killsAtWork).toBeGreaterThan(0)
})
