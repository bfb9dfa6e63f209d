/**
 * What the uniform assignor reckons with. Members and topics are numbers, their positions in sorted
 * lists; a *share* is how many partitions of one topic one member has:
 *
 *   targets ──claimShares──> shares ──even out──> shares ──realizeShares──> assignments
 *
 * Only at the end it is decided which partitions make up a share, and then each member keeps as many of
 * its own as the share allows. So whatever is shifted back and forth between, nothing moves in vain.
 */
import { type Assignment, keepIfSame } from './assignment.ts'
import type { AssignorMember } from './assignor.ts'

const NOBODY = -1

export interface TopicShares {
  readonly topicId: string
  /** Rising. */
  readonly subscribers: readonly number[]
  /** For each partition who was to have it until now. */
  readonly owners: Int32Array
  /** By member; none is 0. */
  readonly shares: Map<number, number>
  /** Partitions that are in nobody's share yet. */
  free: number
}

export interface GroupShares {
  readonly topics: readonly TopicShares[]
  /** For each member the sum of its shares. */
  readonly counts: number[]
}

interface SubscribedTopic {
  readonly topicId: string
  readonly partitionCount: number
  readonly subscribers: readonly number[]
}

/** Everybody has what its target names, as far as it is there, subscribed to and nobody else's. */
export function claimShares(
  members: readonly AssignorMember[],
  topics: readonly SubscribedTopic[],
): GroupShares {
  const counts = members.map(() => 0)
  const claimed = topics.map(({ topicId, partitionCount, subscribers }): TopicShares => {
    const owners = new Int32Array(partitionCount).fill(NOBODY)
    return { topicId, subscribers, owners, shares: new Map(), free: partitionCount }
  })
  const byId = new Map(claimed.map((topic) => [topic.topicId, topic]))
  for (const [index, { topicIds, target }] of members.entries()) {
    for (const [topicId, partitions] of target) {
      const topic = byId.get(topicId)
      if (topic === undefined || !topicIds.has(topicId)) continue
      for (const partition of partitions) {
        if (topic.owners[partition] !== NOBODY) continue
        topic.owners[partition] = index
        addToShare(topic, counts, index, 1)
      }
    }
  }
  return { topics: claimed, counts }
}

/** Takes `change` partitions from the free ones of the topic, or gives them back if it is negative. */
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

/** One assignment for each member. All partitions must be in somebody's share. */
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

/** Each member keeps the lowest of its partitions; the others go to whose share is not full. */
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
    for (let count = 0; count < share; count++) newOwners[loose[next++] ?? NOBODY] = member
  }
  return newOwners
}
