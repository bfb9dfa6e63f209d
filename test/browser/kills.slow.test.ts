/**
 * Question: are all records that a page was told are queued delivered once and in order, whatever
 * moment its browser is killed at? Model: the ids that pages reported, against the log at the end.
 * Generated: tabs, bursts, network faults, kills of browser and server, from a
 * printed seed. Limits: SIGKILL keeps the page cache, so this shows atomicity and
 * order, not power loss. `npm run test:browser -- --kills 500` runs it for longer.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TEST_SEED } from '../support/seed.ts'
import { runKills } from './kills/kill-harness.ts'
import { BROKEN_CLIENT, buildClient } from './support/client-builds.ts'

const KILLS = 20
const BROKEN_KILLS = 3
const BROKEN_TRIES = 12

test(`loses and doubles no record over ${KILLS} kills of the browser`, {
  timeout: 900_000,
}, async () => {
  console.log(`kills of the browser: TEST_SEED=${TEST_SEED}`)
  const { violations, ...figures } = await runKills({ kills: KILLS, seed: TEST_SEED })
  console.log(figures)
  expect(violations).toEqual([])
  expect(figures.recordsQueued).toBeGreaterThan(0)
  expect(figures.repliesLost).toBeGreaterThan(0)
})

test('detects a client without sequences', { timeout: 900_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'edgelog-broken-'))
  try {
    await buildClient(folder, { entry: BROKEN_CLIENT })
    let caught: readonly string[] = []
    for (let attempt = 0; attempt < BROKEN_TRIES && caught.length === 0; attempt++) {
      const options = { kills: BROKEN_KILLS, seed: TEST_SEED + attempt, clientFolder: folder }
      caught = (await runKills(options)).violations.filter((one) => / lies at .* and /.test(one))
    }
    expect(caught).not.toEqual([])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
