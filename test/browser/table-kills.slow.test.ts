/**
 * Question: is a stored table the fold of the log below its position, whatever moment its browser is killed at, and is
 * the table of the next page that of the whole log? Model: the fold of the records that a writer has in the log.
 * Generated: keys, values and tombstones, tabs, network faults, kills, from a printed seed. Limits: SIGKILL keeps the
 * page cache, so this shows atomicity, not power loss.
 */
import { expect, test } from 'vitest'
import { TEST_SEED } from '../support/seed.ts'
import { runTableKills } from './kills/table-harness.ts'

const KILLS = 12

test(`keeps the tables equal to their logs over ${KILLS} kills of the browser`, {
  timeout: 900_000,
}, async () => {
  console.log(`kills of a browser with tables: TEST_SEED=${TEST_SEED}`)
  const { violations, ...figures } = await runTableKills(KILLS, TEST_SEED)
  console.log(figures)
  expect(violations).toEqual([])
  expect(figures.recordsWritten).toBeGreaterThan(0)
  expect(figures.copiesCompared).toBeGreaterThan(0)
  // The compacted log has lost tombstones while no browser was there.
  expect(figures.buildsBegun).toBeGreaterThan(1)
})
