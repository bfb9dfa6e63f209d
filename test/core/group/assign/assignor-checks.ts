/** Checks that apply to every assignment, for the tests of the assignors. */
import {
  type Assignment,
  countPartitions,
  intersect,
  subtract,
} from '../../../../src/core/group/assign/assignment.ts'
import type { AssignorInput, AssignorMember } from '../../../../src/core/group/assign/assignor.ts'

export type Assignments = ReadonlyMap<string, Assignment>

export function member(
  topicIds: Iterable<string>,
  target: Assignment | Record<string, number[]> = {},
  instanceId: string | null = null,
): AssignorMember {
  const entries = target instanceof Map ? target : new Map(Object.entries(target))
  return { instanceId, topicIds: new Set(topicIds), target: entries }
}

export function group(
  members: Record<string, AssignorMember>,
  partitionCounts: Record<string, number>,
): AssignorInput {
  return {
    members: new Map(Object.entries(members)),
    partitionCounts: new Map(Object.entries(partitionCounts)),
  }
}

/** Returns the group after all members have received the new assignment. */
export function afterwards(input: AssignorInput, assignments: Assignments): AssignorInput {
  const members = [...input.members].map(([memberId, before]): [string, AssignorMember] => [
    memberId,
    { ...before, target: assignments.get(memberId) ?? new Map() },
  ])
  return { ...input, members: new Map(members) }
}

export function plain(assignments: Assignments): Record<string, Record<string, readonly number[]>> {
  return Object.fromEntries(
    [...assignments].map(([memberId, assignment]) => [memberId, Object.fromEntries(assignment)]),
  )
}

/**
 * Throws unless each partition with a subscriber has exactly one owner that
 * subscribes, and no other partition has one.
 */
export function checkValid({ members, partitionCounts }: AssignorInput, all: Assignments): void {
  const owners = new Map<string, string>()
  if (all.size !== members.size) throw new Error(`${all.size} assignments`)
  for (const [memberId, { topicIds }] of members) {
    const assignment = all.get(memberId)
    if (assignment === undefined) throw new Error(`${memberId} has no assignment`)
    for (const [topicId, partitions] of assignment) {
      const count = partitionCounts.get(topicId) ?? 0
      if (!topicIds.has(topicId)) throw new Error(`${memberId} does not subscribe to ${topicId}`)
      if (partitions.length === 0) throw new Error(`${memberId} has an empty ${topicId}`)
      let last = -1
      for (const partition of partitions) {
        const name = `${topicId}-${partition}`
        if (partition <= last) throw new Error(`${name} of ${memberId} is not in order`)
        if (partition >= count) throw new Error(`there is no ${name}`)
        if (owners.has(name)) throw new Error(`${name} has two owners`)
        owners.set(name, memberId)
        last = partition
      }
    }
  }
  for (const [topicId, count] of partitionCounts) {
    const hasSubscriber = [...members.values()].some(({ topicIds }) => topicIds.has(topicId))
    for (let partition = 0; hasSubscriber && partition < count; partition++) {
      if (!owners.has(`${topicId}-${partition}`)) throw new Error(`${topicId}-${partition} is lost`)
    }
  }
}

/** Throws if moving one partition to another subscriber would make the two more even. */
export function checkBalanced({ members }: AssignorInput, all: Assignments): void {
  const loads = [...members].map(([memberId, { topicIds }]) => {
    const assignment = all.get(memberId) ?? new Map()
    return { memberId, topicIds, assignment, count: countPartitions(assignment) }
  })
  for (const giver of loads) {
    for (const taker of loads) {
      if (giver.count - taker.count < 2) continue
      const topicId = [...giver.assignment.keys()].find((id) => taker.topicIds.has(id))
      if (topicId === undefined) continue
      throw new Error(
        `${giver.memberId} has ${giver.count}, ${taker.memberId} ${taker.count}, and both may have ${topicId}`,
      )
    }
  }
}

/** Counts the partitions whose previous owner could have kept them and that have another owner now. */
export function countMoved(input: AssignorInput, all: Assignments): number {
  let moved = 0
  for (const [memberId, { target }] of input.members) {
    const valid = intersect(target, rightful(input, memberId))
    moved += countPartitions(subtract(valid, all.get(memberId) ?? new Map()))
  }
  return moved
}

/**
 * Throws if, in a group with equal subscriptions and disjoint targets, more partitions move than the
 * balance requires. At least max(0, count - quota) partitions leave each member, with the larger
 * quotas assigned to the members that have the most.
 */
export function checkMovesLeast(input: AssignorInput, all: Assignments): void {
  const { members, partitionCounts } = input
  const first = [...members.values()][0]
  if (first === undefined) return
  let total = 0
  for (const topicId of first.topicIds) total += partitionCounts.get(topicId) ?? 0
  const base = Math.floor(total / members.size)
  const extra = total % members.size
  const least = [...members]
    .map(([memberId, { target }]) => countPartitions(intersect(target, rightful(input, memberId))))
    .sort((a, b) => b - a)
    .map((count, index) => Math.max(0, count - (index < extra ? base + 1 : base)))
    .reduce((sum, moves) => sum + moves, 0)
  const moved = countMoved(input, all)
  if (moved !== least) throw new Error(`${moved} partitions moved, ${least} would do`)
}

/** Returns the partitions that a member may keep. */
function rightful({ members, partitionCounts }: AssignorInput, memberId: string): Assignment {
  const topicIds = members.get(memberId)?.topicIds ?? []
  return new Map([...topicIds].map((id) => [id, [...Array(partitionCounts.get(id) ?? 0).keys()]]))
}
