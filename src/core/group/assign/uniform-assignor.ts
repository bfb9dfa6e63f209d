/**
 * The default assignor of a group: gives all members as equal a number of partitions as
 * possible, with as few moves as that allows.
 *
 * If all members subscribe to the same topics, one result is best in both respects (`even-shares.ts`);
 * otherwise a heuristic is used (`mixed-shares.ts`).
 */
import type { Assignor } from './assignor.ts'
import { evenOutShares } from './even-shares.ts'
import { compareText, sortMembers } from './member-order.ts'
import { evenOutMixedShares } from './mixed-shares.ts'
import { claimShares, realizeShares } from './shares.ts'
import { subscriberLists } from './subscribers.ts'

export const uniformAssignor: Assignor = ({ members: membersById, partitionCounts }) => {
  const sorted = sortMembers(membersById)
  const members = sorted.map(([, member]) => member)
  const subscribersOf = subscriberLists(members)
  const topics = [...partitionCounts]
    .sort(([a], [b]) => compareText(a, b))
    .map(([topicId, partitionCount]) => {
      return { topicId, partitionCount, subscribers: subscribersOf(topicId) }
    })
    .filter(({ partitionCount, subscribers }) => partitionCount > 0 && subscribers.length > 0)
  const group = claimShares(members, topics)
  const isForAll = topics.every(({ subscribers }) => subscribers.length === members.length)
  if (isForAll) evenOutShares(group)
  else evenOutMixedShares(group)
  const assignments = realizeShares(members, group.topics)
  return new Map(
    sorted.map(([memberId, { target }], index) => [memberId, assignments[index] ?? target]),
  )
}
