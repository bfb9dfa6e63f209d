/*
 * Question: are the ranges the same as those of Kafka's server-side range assignor?
 * Contract: each topic is split into contiguous ranges in the order of the members, the first ones longer by one;
 *   topics with equal subscribers and partition counts are split alike; previous targets have no influence.
 * Generated: as for the uniform assignor.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ASSIGNORS } from '../../../../src/core/group/assign/assignors.ts'
import { rangeAssignor } from '../../../../src/core/group/assign/range-assignor.ts'
import { runs, SEEDED } from '../../../support/seed.ts'
import { arbitraryGroup, arbitraryShuffle } from './arbitrary-groups.ts'
import { afterwards, checkValid, group, member, plain } from './assignor-checks.ts'

const RUNS = { ...SEEDED, numRuns: runs(500) }

test('splits each topic into ranges', () => {
  const all = ['orders', 'payments']
  const input = group(
    { A: member(all), B: member(all), C: member(all), D: member(['orders']) },
    { orders: 10, payments: 10, nobodys: 3 },
  )
  expect(plain(rangeAssignor(input))).toEqual({
    A: { orders: [0, 1, 2], payments: [0, 1, 2, 3] },
    B: { orders: [3, 4, 5], payments: [4, 5, 6] },
    C: { orders: [6, 7], payments: [7, 8, 9] },
    D: { orders: [8, 9] },
  })
})

test('gives no partitions to members after the last partition', () => {
  const input = group({ x: member(['a']), y: member(['a']), z: member(['a'], {}, 'i') }, { a: 2 })
  expect(plain(rangeAssignor(input))).toEqual({ x: { a: [1] }, y: {}, z: { a: [0] } })
})

test('keeps the ranges of a static member under a new member id', () => {
  const before = group(
    { m1: member(['a']), m2: member(['a'], {}, 'i1'), m3: member(['a'], {}, 'i2') },
    { a: 7 },
  )
  const after = group(
    { m1: member(['a']), m9: member(['a'], {}, 'i1'), m3: member(['a'], {}, 'i2') },
    { a: 7 },
  )
  expect(rangeAssignor(after).get('m9')).toEqual(rangeAssignor(before).get('m2'))
})

test('assigns ranges that are complete, contiguous, ordered and equal for equal topics', () => {
  fc.assert(
    fc.property(arbitraryGroup('mixed'), (input) => {
      const assignments = rangeAssignor(input)
      checkValid(input, assignments)
      const cuts = new Map<string, string>()
      for (const [topicId, count] of input.partitionCounts) {
        const subscribers = [...input.members].filter(([, one]) => one.topicIds.has(topicId))
        const ranges = [...assignments.values()].flatMap((one) => one.get(topicId) ?? [])
        // Members are visited in order, so consecutive ranges contain all partitions in order.
        expect(ranges).toEqual(subscribers.length === 0 ? [] : [...Array(count).keys()])
        const lengths = [...assignments.values()].map((one) => one.get(topicId)?.length ?? 0)
        const cut = JSON.stringify(lengths)
        const kind = JSON.stringify([count, subscribers.map(([memberId]) => memberId).sort()])
        expect(cuts.get(kind) ?? cut).toBe(cut)
        cuts.set(kind, cut)
      }
    }),
    RUNS,
  )
})

test('ignores the order and the history of a group', () => {
  const arbitrary = arbitraryGroup('mixed').chain((input) =>
    fc.tuple(fc.constant(input), arbitraryShuffle(input)),
  )
  fc.assert(
    fc.property(arbitrary, ([input, shuffled]) => {
      const assignments = rangeAssignor(input)
      expect(plain(rangeAssignor(shuffled))).toEqual(plain(assignments))
      const again = rangeAssignor(afterwards(input, assignments))
      for (const [memberId, assignment] of again) {
        expect(assignment).toBe(assignments.get(memberId))
      }
    }),
    RUNS,
  )
})

test('finds both assignors by name', () => {
  expect(ASSIGNORS.range).toBe(rangeAssignor)
  expect(Object.keys(ASSIGNORS)).toEqual(['uniform', 'range'])
})
