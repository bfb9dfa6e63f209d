/**
 * Question: does the swap of two generations lose or double a result, however steps, kills and changes are ordered?
 * Contract: S1 to S3 of docs/GUARANTEES.md. Model: the source; each of its records is in the sink once, and those of
 * one partition and group are in their order.
 * Limits: tasks are simulated (`upgrade-world.ts`); after a reset, results may be there twice.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { int64, json, text, topology } from '../../../client/streams/index.ts'
import {
  type ApplicationState,
  newApplication,
  type Wanted,
} from '../../../src/core/streams/application-state.ts'
import { decideUpgrade, type UpgradeProgress } from '../../../src/core/streams/decide-upgrade.ts'
import { describeTopology } from '../../../src/core/streams/describe-topology.ts'
import { UPGRADE_HOLD_MS_MAX, UPGRADE_RETRY_MS_MIN } from '../../../src/core/streams/limits.ts'
import { splitTopology, subTopologyNumbers } from '../../../src/core/streams/split.ts'
import type { TaskProgress } from '../../../src/core/streams/task-api.ts'
import { runs, SEEDED, TEST_SEED } from '../../support/seed.ts'
import { type Event, type Fault, UpgradeWorld } from './upgrade-world.ts'

/** Three topologies, none of which fits the state of another. */
const TOPOLOGIES: readonly Wanted[] = [int64, text, json<number>()].map((value) => {
  const made = topology('app', (builder) => {
    const stream = builder.stream<string, string>('in').groupBy((key) => key)
    stream.aggregate<unknown>(
      () => null,
      () => null,
      { name: 'all', value: value as never },
    )
  })
  const subs = subTopologyNumbers(splitTopology(made))
  return { topology: describeTopology(made), subs }
})

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('produce'), partition: fc.nat(1) }) },
  {
    weight: 40,
    arbitrary: fc.record({ kind: fc.constant('task'), index: fc.nat(30), sends: fc.boolean() }),
  },
  { weight: 50, arbitrary: fc.record({ kind: fc.constant('application') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('kill') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail'), index: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('deploy'), topology: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('pause', 'resume', 'resume') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait'), ms: fc.nat(70_000) }) },
) as fc.Arbitrary<Event>

const histories = fc.array(event, { minLength: 100, maxLength: 1_500, size: 'max' })

/** Runs a history to its end, and returns what is wrong. */
function violations(
  history: readonly Event[],
  fault?: Fault,
): { world: UpgradeWorld; wrong: string[] } {
  const world = new UpgradeWorld(TOPOLOGIES, fault)
  for (const one of history) world.apply(one)
  world.finish()
  const wrong: string[] = []
  for (const source of world.sources) {
    for (const group of [0, 1, 2]) {
      const wanted = source.filter((id) => id % 3 === group)
      const found = world.sink.filter((id) => wanted.includes(id))
      if (found.join() !== wanted.join()) wrong.push(`${found.join()} instead of ${wanted.join()}`)
    }
  }
  return { world, wrong }
}

describe(`an upgrade (seed ${TEST_SEED})`, () => {
  test('loses, doubles and reorders no result', { timeout: 240_000 }, () => {
    let swaps = 0
    fc.assert(
      fc.property(histories, (history) => {
        const { world, wrong } = violations(history)
        swaps += world.swaps
        expect(wrong).toEqual([])
      }),
      { ...SEEDED, numRuns: runs(2_000) },
    )
    console.log(`${swaps} swaps`)
    expect(swaps).toBeGreaterThan(runs(2_000) / 4)
  })

  test('loses nothing if the application is reset at any time', () => {
    const anyEvent = fc.oneof(
      { weight: 99, arbitrary: event },
      { weight: 1, arbitrary: fc.constant<Event>({ kind: 'reset' }) },
    )
    fc.assert(
      fc.property(
        fc.array(anyEvent, { minLength: 100, maxLength: 1_000, size: 'max' }),
        (history) => {
          const { world } = violations(history)
          expect(new Set(world.sink)).toEqual(new Set(world.sources.flat()))
          expect(world.state.retired).toEqual([])
        },
      ),
      { ...SEEDED, numRuns: runs(500) },
    )
  })

  test.each<Fault>(['no cut after the swap', 'unmutes too early', 'low cut'])(
    'differs with the fault "%s"',
    { timeout: 240_000 },
    (fault) => {
      const found = fc.check(
        fc.property(histories, (history) => violations(history, fault).wrong.length === 0),
        { seed: 1, numRuns: 3_000, endOnFailure: true },
      )
      expect(found.failed).toBe(true)
    },
  )
})

describe('the decision to swap', () => {
  const [running, wanted] = TOPOLOGIES as [Wanted, Wanted]
  const placed = (generation: number) => ({
    ...{ generation, tasks: [1, 1], internalTopics: [], sourceIds: {} },
  })
  const draining: ApplicationState = {
    ...{ ...newApplication(running, 'earliest'), version: 3, appliedVersion: 3 },
    ...{ placed: placed(1), cut: { 'in/0': 5 } },
    upgrade: {
      ...{ ...wanted, generation: 2, appliedVersion: 3, step: 'draining', sinceMs: 0, attempts: 0 },
      placed: placed(2),
    },
  }
  const task = (sub: number, changes: Partial<TaskProgress> = {}): TaskProgress => ({
    ...{ sub, partition: 0, version: 3, status: 'running', recordsCount: 5, pendingTurns: 0 },
    inputs: [{ topic: 'in', partition: 0, offset: 5, endOffset: 9, isInternal: sub > 0 }],
    ...changes,
  })
  const done = (sub: number): TaskProgress =>
    sub === 0
      ? task(0)
      : task(1, {
          inputs: [{ topic: 'hop', partition: 0, offset: 5, endOffset: 5, isInternal: true }],
        })
  const looks = (change: (sub: number) => TaskProgress): UpgradeProgress => ({
    running: [0, 1].map(change),
    candidate: [0, 1].map(done),
  })

  test('is made when two looks find both at the cut', () => {
    const swapped = decideUpgrade(draining, [looks(done), looks(done)], 1)
    expect(swapped).toMatchObject({ generation: 2, retired: [placed(1)], cut: { 'in/0': 5 } })
    expect(swapped.upgrade).toBeUndefined()
  })

  test.each<[string, Partial<TaskProgress>]>([
    ['is not made while a task has records that are not sent', { pendingTurns: 1 }],
    ['is not made while a task is of an earlier version', { version: 2 }],
    ['is not made below the cut', { inputs: [{ ...task(0).inputs[0], offset: 4 } as never] }],
  ])('%s', (_, changes) => {
    const now = looks((sub) => ({ ...done(sub), ...(sub === 0 ? changes : {}) }))
    expect(decideUpgrade(draining, [now, now], 1)).toBe(draining)
  })

  test('is not made if a task made a turn between the looks', () => {
    // Its records may have come to a task that was seen before it.
    const before = looks((sub) => ({ ...done(sub), recordsCount: 4 }))
    expect(decideUpgrade(draining, [before, looks(done)], 1)).toBe(draining)
  })

  test('is given up with the reason, and tried again after a pause, if a task fails or is too slow', () => {
    const failed = looks((sub) => ({ ...done(sub), status: sub === 0 ? 'failed' : 'running' }))
    const after = decideUpgrade(draining, [failed, failed], 1)
    expect(after).toMatchObject({
      version: 4,
      upgrade: {
        ...{ step: 'catching-up', attempts: 1 },
        error: 'task 0_0 of the running generation: has failed',
      },
    })
    expect(after.cut).toBeUndefined()
    const slow = looks((sub) => ({ ...done(sub), pendingTurns: 1 }))
    const late = decideUpgrade(draining, [slow, slow], UPGRADE_HOLD_MS_MAX + 1)
    expect(late.upgrade?.error).toMatch('not all tasks came to the cut within 60 s')
    const [early, again] = [UPGRADE_RETRY_MS_MIN - 1, UPGRADE_RETRY_MS_MIN]
    expect(decideUpgrade(after, [looks(done), looks(done)], 1 + early)).toBe(after)
    const next = decideUpgrade(after, [looks(done), looks(done)], 1 + again)
    expect(next.upgrade).toMatchObject({ step: 'holding', attempts: 1 })
  })

  test('waits with the reason for partitions that only the candidate reads', () => {
    const catching = decideUpgrade(draining, 'the log did not respond', UPGRADE_HOLD_MS_MAX + 1)
    const more = { topic: 'in', partition: 1, offset: 0, endOffset: 3, isInternal: false }
    const now = {
      running: [done(0)],
      candidate: [done(0), task(0, { partition: 1, inputs: [more] })],
    }
    const after = decideUpgrade(catching, [now, now], 2 * UPGRADE_HOLD_MS_MAX)
    expect(after.upgrade).toMatchObject({
      step: 'catching-up',
      error: 'in/1: the running generation does not read it; its records would be lost',
    })
  })
})
