/**
 * The data structure of the uniform assignor. Members and topics are numbers, their positions in sorted
 * lists; a *share* is the number of partitions of one topic that one member has:
 *
 *   targets ──claimShares──> shares ──even out──> shares ──realizeShares──> assignments
 *
 * The partitions of a share are chosen only at the end, when each member keeps as many of its own as the share
 * allows. So intermediate moves of shares never move a partition unnecessarily.
 */
import { type Assignment, keepIfSame } from './assignment.ts'
import type { AssignorMember } from './assignor.ts'

const NO_MEMBER = -1

export interface TopicShares {
  readonly topicId: string
  /** Sorted in rising order. */
  readonly subscribers: readonly number[]
  /** The previous owner of each partition. */
  readonly owners: Int32Array
  /** Share by member; a member without an entry has a share of 0. */
  readonly shares: Map<number, number>
  /** Partitions that are in no member's share yet. */
  free: number
}

export interface GroupShares {
  readonly topics: readonly TopicShares[]
  /** The sum of its shares for each member. */
  readonly counts: number[]
}

interface SubscribedTopic {
  readonly topicId: string
  readonly partitionCount: number
  readonly subscribers: readonly number[]
}

/** Gives each member the partitions of its target that exist, that it subscribes to, and that no earlier member has. */
export function claimShares(
  members: readonly AssignorMember[],
  topics: readonly SubscribedTopic[],
): GroupShares {
  const counts = members.map(() => 0)
  const claimed = topics.map(({ topicId, partitionCount, subscribers }): TopicShares => {
    const owners = new Int32Array(partitionCount).fill(NO_MEMBER)
    return { topicId, subscribers, owners, shares: new Map(), free: partitionCount }
  })
  const byId = new Map(claimed.map((topic) => [topic.topicId, topic]))
  for (const [index, { topicIds, target }] of members.entries()) {
    for (const [topicId, partitions] of target) {
      const topic = byId.get(topicId)
      if (topic === undefined || !topicIds.has(topicId)) continue
      for (const partition of partitions) {
        if (topic.owners[partition] !== NO_MEMBER) continue
        topic.owners[partition] = index
        addToShare(topic, counts, index, 1)
      }
    }
  }
  return { topics: claimed, counts }
}

/** Moves `change` partitions from the topic's free ones to a member's share, or back if it is negative. */
export function addToShare(
  topic: TopicShares,
  counts: number[],
  member: number,
  change: number,
): void {
  const share = (topic.shares.get(member) ?? 0) + change
  if (share === 0) topic.shares.delete(member)
  else topic.shares.set(member, share)
  topic.free -= change
  counts[member] = (counts[member] ?? 0) + change
}

/** Returns one assignment for each member. All partitions must be in some member's share. */
export function realizeShares(
  members: readonly AssignorMember[],
  topics: readonly TopicShares[],
): readonly Assignment[] {
  const assignments = members.map(() => new Map<string, number[]>())
  for (const topic of topics) {
    for (const [partition, member] of ownersByShare(topic).entries()) {
      const assignment = assignments[member]
      const partitions = assignment?.get(topic.topicId)
      if (partitions === undefined) assignment?.set(topic.topicId, [partition])
      else partitions.push(partition)
    }
  }
  return members.map(({ target }, index) => keepIfSame(target, assignments[index] ?? new Map()))
}

/** Keeps the lowest partitions of each member; the others go to members whose share is not full. */
function ownersByShare({ owners, shares }: TopicShares): Int32Array {
  const left = new Map(shares)
  const loose: number[] = []
  for (const [partition, owner] of owners.entries()) {
    const share = left.get(owner) ?? 0
    if (share > 0) left.set(owner, share - 1)
    else loose.push(partition)
  }
  const newOwners = owners.slice()
  let next = 0
  for (const [member, share] of left) {
    for (let count = 0; count < share; count++) newOwners[loose[next++] ?? NO_MEMBER] = member
  }
  return newOwners
}
