/*
 * Question: does the uniform assignor keep its two guarantees, balance and few moves, whatever the previous targets?
 * Contract: every partition with a subscriber has exactly one owner. With equal subscriptions counts differ by
 *   at most 1, and no equally balanced assignment moves fewer partitions. With mixed ones no single move would make
 *   two members more even. Its own output stays unchanged, with the same objects.
 * Model: `assignor-checks.ts` computes the limits from the input alone.
 * Generated: groups of up to 9 members and 6 topics with any disjoint targets, some of them stale;
 *   sequences of up to 25 joins, leaves, partition increases and deletions. Limits: small numbers.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { countPartitions } from '../../../../src/core/group/assign/assignment.ts'
import type { Assignor, AssignorInput } from '../../../../src/core/group/assign/assignor.ts'
import { evenOutMixedShares } from '../../../../src/core/group/assign/mixed-shares.ts'
import { claimShares } from '../../../../src/core/group/assign/shares.ts'
import { uniformAssignor } from '../../../../src/core/group/assign/uniform-assignor.ts'
import { runs, SEEDED } from '../../../support/seed.ts'
import {
  arbitraryEvents,
  arbitraryGroup,
  arbitraryShuffle,
  happen,
  type Subscriptions,
} from './arbitrary-groups.ts'
import {
  afterwards,
  checkBalanced,
  checkMovesLeast,
  checkValid,
  countMoved,
  group,
  member,
  plain,
} from './assignor-checks.ts'

const RUNS = { ...SEEDED, numRuns: runs(500) }

function expectUnmoved(assignor: Assignor, input: AssignorInput): void {
  for (const [memberId, assignment] of assignor(input)) {
    expect(assignment).toBe(input.members.get(memberId)?.target)
  }
}

/** A balanced and complete assignor that ignores previous targets. */
const roundRobin: Assignor = ({ members, partitionCounts }) => {
  const ids = [...members.keys()].sort()
  const assignments = new Map(ids.map((id) => [id, new Map<string, number[]>()]))
  let turn = 0
  for (const [topicId, count] of partitionCounts) {
    for (let partition = 0; partition < count; partition++) {
      const assignment = assignments.get(ids[turn++ % ids.length] ?? '')
      assignment?.set(topicId, [...(assignment.get(topicId) ?? []), partition])
    }
  }
  return assignments
}

describe('a group with equal subscriptions', () => {
  test('gets its partitions in turn when it is new', () => {
    const all = ['a', 'b']
    const input = group({ x: member(all), y: member(all), z: member(all) }, { a: 4, b: 4 })
    expect(plain(uniformAssignor(input))).toEqual({
      x: { a: [0, 1], b: [3] },
      y: { a: [2], b: [0, 1] },
      z: { a: [3], b: [2] },
    })
  })

  test('gives a new member partitions of each topic', () => {
    const input = group(
      {
        x: member(['a', 'b'], { a: [0, 1, 2, 3], b: [0, 1, 2, 3] }),
        y: member(['a', 'b']),
      },
      { a: 4, b: 4 },
    )
    expect(plain(uniformAssignor(input))).toEqual({
      x: { a: [0, 1], b: [0, 1] },
      y: { a: [2, 3], b: [2, 3] },
    })
  })

  test('gives the larger quotas to the members that have more', () => {
    const input = group(
      { x: member(['a']), y: member(['a'], { a: [0, 1] }), z: member(['a'], { a: [2, 3, 4] }) },
      { a: 5 },
    )
    expect(plain(uniformAssignor(input))).toEqual({
      x: { a: [4] },
      y: { a: [0, 1] },
      z: { a: [2, 3] },
    })
  })

  test('gives a partition in two targets to the first member', () => {
    const input = group(
      { x: member(['a'], { a: [0, 1] }), y: member(['a'], { a: [0, 1] }) },
      { a: 2 },
    )
    expect(plain(uniformAssignor(input))).toEqual({ x: { a: [0] }, y: { a: [1] } })
  })

  test('puts static members first, by instance id', () => {
    const input = group(
      { x: member(['a']), y: member(['a'], {}, 'i2'), z: member(['a'], {}, 'i1') },
      { a: 2 },
    )
    expect(plain(uniformAssignor(input))).toEqual({ x: {}, y: { a: [1] }, z: { a: [0] } })
  })

  test('ignores topics that do not exist', () => {
    const input = group({ x: member(['a', 'gone']), y: member(['a']) }, { a: 4, nobodys: 3 })
    expect(plain(uniformAssignor(input))).toEqual({ x: { a: [0, 1] }, y: { a: [2, 3] } })
  })

  test('may have no members and no topics', () => {
    expect(uniformAssignor(group({}, { a: 3 })).size).toBe(0)
    expect(plain(uniformAssignor(group({ x: member(['a']) }, {})))).toEqual({ x: {} })
  })

  test('is evened out with the fewest moves', () => {
    fc.assert(
      fc.property(arbitraryGroup('same'), (input) => {
        const assignments = uniformAssignor(input)
        checkValid(input, assignments)
        checkMovesLeast(input, assignments)
        const counts = [...assignments.values()].map(countPartitions)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
        expectUnmoved(uniformAssignor, afterwards(input, assignments))
      }),
      RUNS,
    )
  })

  test('spreads each topic over the members when it is new', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 6 }),
        (memberCount, partitionCounts) => {
          const sizes = partitionCounts.map((count, index): [string, number] => [
            `t${index}`,
            count,
          ])
          const topics = sizes.map(([topicId]) => topicId)
          const members = Array.from({ length: memberCount }, (_, index) => [
            `m${index}`,
            member(topics),
          ])
          const input = group(Object.fromEntries(members), Object.fromEntries(sizes))
          const assignments = [...uniformAssignor(input).values()]
          for (const [topicId, count] of sizes) {
            const shares = assignments.map((one) => one.get(topicId)?.length ?? 0)
            // The last members served are those whose quota is not yet full.
            expect(Math.max(...shares)).toBeLessThanOrEqual(Math.ceil(count / memberCount) + 1)
          }
        },
      ),
      RUNS,
    )
  })
})

describe('a group with mixed subscriptions', () => {
  test('gives common topics to members without other subscriptions', () => {
    const input = group(
      { x: member(['a', 'b']), y: member(['b']), z: member(['b']) },
      { a: 3, b: 6 },
    )
    expect(plain(uniformAssignor(input))).toEqual({
      x: { a: [0, 1, 2] },
      y: { b: [0, 1, 2] },
      z: { b: [3, 4, 5] },
    })
  })

  test('takes partitions from an overloaded member, which keeps the rest', () => {
    const input = group(
      { x: member(['a', 'b'], { a: [0, 1], b: [1, 3, 4, 5] }), y: member(['b'], { b: [0, 2] }) },
      { a: 2, b: 6 },
    )
    expect(plain(uniformAssignor(input))).toEqual({
      x: { a: [0, 1], b: [1, 3] },
      y: { b: [0, 2, 4, 5] },
    })
  })

  test('is as even as single moves can make it, and stays unchanged afterwards', () => {
    fc.assert(
      fc.property(arbitraryGroup('mixed'), (input) => {
        const assignments = uniformAssignor(input)
        checkValid(input, assignments)
        checkBalanced(input, assignments)
        expectUnmoved(uniformAssignor, afterwards(input, assignments))
      }),
      RUNS,
    )
  })

  test('stops evening out when its steps are spent, after it has assigned every free partition', () => {
    const members = [member(['a', 'b'], { a: [0, 1], b: [0, 1, 2, 3] }), member(['a', 'b'])]
    const topics = [
      { topicId: 'a', partitionCount: 2, subscribers: [0, 1] },
      { topicId: 'b', partitionCount: 6, subscribers: [0, 1] },
    ]
    const counts = [0, 1, 100].map((stepsMax) => {
      const shares = claimShares(members, topics)
      evenOutMixedShares(shares, stepsMax)
      return shares.counts
    })
    expect(counts).toEqual([
      [6, 2],
      [4, 4],
      [4, 4],
    ])
  })
})

describe('a group that changes', () => {
  test.each<Subscriptions>(['same', 'mixed'])(
    'keeps the guarantees, with %s subscriptions',
    (subscriptions) => {
      fc.assert(
        fc.property(arbitraryEvents, (events) => {
          let input: AssignorInput = { members: new Map(), partitionCounts: new Map([['t0', 5]]) }
          for (const [index, event] of events.entries()) {
            input = happen(input, event, subscriptions, `member-${index}`)
            const assignments = uniformAssignor(input)
            checkValid(input, assignments)
            checkBalanced(input, assignments)
            if (subscriptions === 'same') checkMovesLeast(input, assignments)
            input = afterwards(input, assignments)
          }
        }),
        RUNS,
      )
    },
  )

  test('moves no partition of the others when a member leaves', () => {
    const all = ['a', 'b', 'c']
    const three = group({ x: member(all), y: member(all), z: member(all) }, { a: 7, b: 7, c: 7 })
    const before = afterwards(three, uniformAssignor(three))
    const members = new Map(before.members)
    members.delete('y')
    const input = { ...before, members }
    expect(countMoved(input, uniformAssignor(input))).toBe(0)
  })

  test.each<Subscriptions>(['same', 'mixed'])(
    'gets the same assignment in any order, with %s subscriptions',
    (subscriptions) => {
      const arbitrary = arbitraryGroup(subscriptions).chain((input) =>
        fc.tuple(fc.constant(input), arbitraryShuffle(input)),
      )
      fc.assert(
        fc.property(arbitrary, ([input, shuffled]) => {
          expect(plain(uniformAssignor(shuffled))).toEqual(plain(uniformAssignor(input)))
        }),
        RUNS,
      )
    },
  )

  test('is reported by the check for moves if an assignor ignores previous targets', () => {
    const all = ['a', 'b']
    const input = group({ x: member(all), y: member(all), z: member(all) }, { a: 7, b: 7 })
    const before = afterwards(input, roundRobin(input))
    const members = new Map(before.members)
    members.delete('x')
    const after = { ...before, members }
    checkValid(after, roundRobin(after))
    checkBalanced(after, roundRobin(after))
    expect(() => checkMovesLeast(after, roundRobin(after))).toThrow('partitions moved')
    checkMovesLeast(after, uniformAssignor(after))
  })
})
