/**
 * The assignor a group has unless it asks for another: as many partitions for each member as for the
 * others, and as few of them moved as that allows.
 *
 * Where all members subscribe to the same topics there is one best answer to both (`even-shares.ts`);
 * where they do not, a rule of thumb (`mixed-shares.ts`).
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
