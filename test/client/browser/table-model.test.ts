/** Model test of the table in a page: any log, compacted at any moment, and tabs that restart at any moment. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TABLE_CHECK_MS } from '../../../client/browser/limits.ts'
import { runs, SEEDED } from '../../support/seed.ts'
import {
  type CompactedLog,
  entriesOf,
  expectSize,
  follow,
  followToEnd,
  openTable,
  TableServer,
  type TableTab,
} from './table-for-test.ts'

interface World {
  readonly server: TableServer
  readonly log: CompactedLog
  tab: TableTab
  readonly seen: Map<string, number>
}

type Step = (world: World) => Promise<void>

const share = fc.double({ min: 0, max: 1, noNaN: true })
const key = fc.integer({ min: 0, max: 6 }).map((number) => `k${number}`)

const put = fc.array(key, { minLength: 1, maxLength: 9 }).map((keys): Step => {
  return async ({ log }) => {
    for (const one of keys) log.put(one, `v${log.endOffset}`)
  }
})

const remove = key.map(
  (one): Step =>
    async ({ log }) =>
      log.put(one, null),
)

const compact = fc
  .tuple(fc.oneof(share, fc.constant(1)), fc.boolean())
  .map(([part, drops]): Step => {
    return async ({ log, seen }) => {
      const { goneBelow } = log
      log.compact(Math.floor(log.endOffset * part), drops)
      if (log.goneBelow > goneBelow) count(seen, 'tombstones gone')
    }
  })

const step = fc.integer({ min: 1, max: 12 }).map((offsets): Step => {
  return async ({ tab, server }) => {
    await follow(tab, server, offsets)
  }
})

const restart = fc.constant<Step>(async (world) => {
  await world.tab.close()
  world.tab = openTable(world.server, world.tab.name)
  count(world.seen, 'restarted')
})

/** Keeps the tab away while its keys are removed, and the tombstones with them. */
const miss = fc.tuple(key, key).map(([one, other]): Step => {
  return async ({ tab, server, log, seen }) => {
    log.put(one, 'missed')
    await followToEnd(tab, server)
    log.put(one, null)
    log.put(other, `v${log.endOffset}`)
    log.compact(log.endOffset, true)
    count(seen, 'tombstones gone')
  }
})

const pass = fc.constant<Step>(async ({ tab }) => tab.clock.sleepThrough(TABLE_CHECK_MS))

const retain = share.map((part): Step => {
  return async ({ log }) => log.deleteTo(Math.floor(log.endOffset * part * part * part))
})

const recreate = fc.constant<Step>(async (world) => {
  world.server.recreate()
  Object.assign(world, { log: world.server.logs[0] })
})

const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: put },
    { weight: 3, arbitrary: remove },
    { weight: 3, arbitrary: compact },
    { weight: 5, arbitrary: step },
    { weight: 2, arbitrary: restart },
    { weight: 1, arbitrary: miss },
    { weight: 2, arbitrary: pass },
    { weight: 1, arbitrary: retain },
    { weight: 1, arbitrary: recreate },
  ),
  { minLength: 10, maxLength: 40 },
)

function count(seen: Map<string, number>, name: string): void {
  seen.set(name, (seen.get(name) ?? 0) + 1)
}

/** Runs the steps, and compares the table with the log. */
async function runAll(run: readonly Step[], server: TableServer, seen: Map<string, number>) {
  const log = server.logs[0] as CompactedLog
  const world: World = { server, log, tab: openTable(server), seen }
  await world.tab.keep()
  for (const one of run) await one(world)
  // The last look at the log may be a minute old, and the next tab looks at once.
  await world.tab.close()
  world.tab = openTable(server, world.tab.name)
  await followToEnd(world.tab, server)
  expect(await entriesOf(world.tab)).toEqual(world.log.latest())
  await expectSize(world.tab)
  const [state] = await world.tab.writer.states()
  if ((state?.partitions[0]?.shown?.generation ?? 0) > 1) count(seen, 'rebuilt')
  await world.tab.close()
}

test('a table has the latest value of each key, whatever it missed', async () => {
  const seen = new Map<string, number>()
  const property = fc.asyncProperty(steps, (run) => runAll(run, new TableServer(), seen))
  await fc.assert(property, { ...SEEDED, numRuns: runs(400) })
  for (const name of ['tombstones gone', 'restarted', 'rebuilt']) {
    expect(seen.get(name) ?? 0, name).toBeGreaterThan(0)
  }
})

test('the model finds out a table that does not notice missed tombstones', async () => {
  const property = fc.asyncProperty(steps, (run) => {
    const server = new TableServer()
    server.hidesGone = true
    return runAll(run, server, new Map())
  })
  const { failed } = await fc.check(property, { ...SEEDED, numRuns: 1_000, endOnFailure: true })
  expect(failed).toBe(true)
})
