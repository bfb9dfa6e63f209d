/** Model test of the cache: two tabs write arrivals, and the result is compared with their log. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SEEDED } from '../../support/seed.ts'
import {
  expectDense,
  openCache,
  refuseToStore,
  rowsOf,
  type TestCache,
  TestLog,
  TOPIC,
} from './cache-for-test.ts'

interface Wanted {
  /** Distance from the end of the cache: before, at, or after it. */
  readonly shift: number
  readonly count: number
}

interface World {
  log: TestLog
  readonly name: string
  tabs: readonly [TestCache, TestCache]
  readonly seen: Map<string, number>
}

type Step = (world: World) => Promise<void>

const LIMITS = { bytesMax: 1024 * 1024, recordsMax: 400 }

const share = fc.double({ min: 0, max: 1, noNaN: true })
const wanted: fc.Arbitrary<Wanted> = fc.record({
  shift: fc.constantFrom(0, 0, 0, 0, 0, -1, -9, -40, 12),
  count: fc.integer({ min: 1, max: 6 }),
})
const batch = fc.record({
  records: fc.integer({ min: 1, max: 30 }),
  valueBytes: fc.constantFrom(10, 100, 1_000, 6_000),
  skip: fc.constantFrom(0, 0, 0, 0, 3),
})

const grow = fc.array(batch, { minLength: 1, maxLength: 8 }).map((batches): Step => {
  return async ({ log }) => {
    for (const { records, valueBytes, skip } of batches) log.append(records, valueBytes, skip)
  }
})

const arrive = fc
  .tuple(fc.array(wanted, { minLength: 1, maxLength: 3 }), fc.array(wanted, { maxLength: 3 }))
  .map(([first, second]): Step => {
    return async (world) => {
      const [one, other] = world.tabs
      const both = [await arrivals(world, first), await arrivals(world, second)] as const
      const stored = await Promise.all([one.writer.append(both[0]), other.writer.append(both[1])])
      for (const kind of stored.flat()) count(world, kind)
    }
  })

const retain = fc.oneof(share, fc.constant(1)).map((part): Step => {
  return async ({ log }) => log.deleteTo(Math.floor(log.endOffset * part))
})

const evict = fc.constant<Step>(async ({ tabs: [tab] }) => await tab.writer.evict())

const refuse = fc.integer({ min: 1, max: 2 }).map((times): Step => {
  return async (world) => {
    const some = await arrivals(world, [{ shift: 0, count: 3 }])
    const refusal = refuseToStore(times)
    await world.tabs[0].writer.append(some).catch(({ code }) => count(world, code))
    refusal.end()
  }
})

const damage = share.map((part): Step => {
  return async (world) => {
    const rows = await rowsOf(world.tabs[0])
    const row = rows[Math.floor(rows.length * part)]
    if (row === undefined) return
    await world.tabs[0].cache.dropThrough(TOPIC, 0, row.baseOffset)
    count(world, 'damaged')
  }
})

const reopen = fc.constant<Step>(async (world) => {
  for (const { database } of world.tabs) await database.close()
  world.tabs = [openCache(world.name), openCache(world.name)]
})

const recreate = fc.constant<Step>(async (world) => {
  const late = await arrivals(world, [{ shift: 0, count: 3 }])
  world.log = new TestLog()
  world.log.append(40)
  const [one, other] = world.tabs
  const { id } = world.log
  const known = { topic: TOPIC, id, partitions: 1, maxMessageBytes: 1024 }
  // As after a request to the server.
  await one.database.write(['topics'], (tx) => tx.objectStore('topics').put(known))
  await Promise.all([
    other.writer.append(late),
    one.writer.append([world.log.arrival(0)]),
    one.writer.reset(TOPIC, ({ topicId }) => (topicId === id ? undefined : 'recreated')),
  ])
})

const step = fc.oneof(
  { weight: 5, arbitrary: grow },
  { weight: 10, arbitrary: arrive },
  ...[retain, evict, refuse, damage, reopen, recreate].map((arbitrary) => ({
    weight: 1,
    arbitrary,
  })),
)

async function arrivals({ tabs: [tab], log }: World, all: readonly Wanted[]) {
  const [cursor] = await tab.cache.cursors()
  let from = cursor?.endOffset ?? log.startOffset
  return all.map(({ shift, count: batches }) => {
    from = Math.min(Math.max(from + shift, log.startOffset), log.endOffset)
    const arrival = log.arrival(from, batches)
    from = arrival.endOffset
    return arrival
  })
}

function count({ seen }: World, what: string): void {
  seen.set(what, (seen.get(what) ?? 0) + 1)
}

test('the cache is always one range of the log, with each batch once', async () => {
  const seen = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 100 }), async (steps) => {
      const tab = openCache()
      await tab.cache.follow(TOPIC, LIMITS)
      const world: World = {
        log: new TestLog(),
        name: tab.name,
        tabs: [tab, openCache(tab.name)],
        seen,
      }
      for (const run of steps) {
        await run(world)
        await expectDense(world.tabs[0], world.log)
        const [{ sizeBytes } = { sizeBytes: 0 }] = await world.tabs[0].cache.cursors()
        expect(sizeBytes).toBeLessThanOrEqual(LIMITS.bytesMax)
      }
      for (const { database } of world.tabs) await database.close()
    }),
    { ...SEEDED, numRuns: 40 },
  )
  for (const kind of ['stored', 'gap', 'logStartMoved', 'storage_full', 'damaged']) {
    expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(0)
  }
}, 120_000)
