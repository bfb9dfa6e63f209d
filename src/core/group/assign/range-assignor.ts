/**
 * Kafka's range assignor: each subscriber of a topic gets one contiguous range of its partitions. With four
 * members, of which D does not subscribe to `payments`:
 *
 *              A        B       C       D
 *   orders     0 1 2    3 4 5   6 7     8 9
 *   payments   0 1 2 3  4 5 6   7 8 9   -
 *
 * The ranges depend only on the order of the members and the number of partitions, so topics with the same
 * subscribers and the same partition count are split alike: partition 3 of each belongs to one member.
 * Apart from that the assignor is not sticky: a member that joins or leaves shifts the ranges behind it. A group
 * that needs fewer moves uses `uniform`.
 */
import { type Assignment, keepIfSame } from './assignment.ts'
import type { Assignor } from './assignor.ts'
import { compareText, sortMembers } from './member-order.ts'
import { subscriberLists } from './subscribers.ts'

export const rangeAssignor: Assignor = ({ members, partitionCounts }) => {
  const sorted = sortMembers(members)
  const subscribersOf = subscriberLists(sorted.map(([, member]) => member))
  const assignments = sorted.map(() => new Map<string, readonly number[]>())
  const topics = [...partitionCounts].sort(([a], [b]) => compareText(a, b))
  for (const [topicId, partitionCount] of topics) {
    const subscribers = subscribersOf(topicId)
    for (const [index, member] of subscribers.entries()) {
      const range = rangeOf(index, subscribers.length, partitionCount)
      // If there are more members than partitions, the members behind this one get none either.
      if (range.length === 0) break
      assignments[member]?.set(topicId, range)
    }
  }
  return new Map(
    sorted.map(([memberId, { target }], index): [string, Assignment] => [
      memberId,
      keepIfSame(target, assignments[index] ?? new Map()),
    ]),
  )
}

/** Gives the first `partitionCount % memberCount` members one partition more than the others. */
function rangeOf(index: number, memberCount: number, partitionCount: number): readonly number[] {
  const base = Math.floor(partitionCount / memberCount)
  const extra = partitionCount % memberCount
  const first = index * base + Math.min(index, extra)
  return Array.from({ length: base + (index < extra ? 1 : 0) }, (_, offset) => first + offset)
}
