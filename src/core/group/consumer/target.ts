/** Computes the targets of all members when a new assignment is due. */
import { EdgelogError } from '../../errors.ts'
import {
  ASSIGNMENT_INTERVAL_MS_MAX,
  ASSIGNMENT_INTERVAL_MS_PER_MEMBER,
  GROUP_PARTITIONS_MAX,
  GROUP_PATTERNS_MAX,
  GROUP_TOPIC_NAMES_MAX,
} from '../../limits.ts'
import { ASSIGNOR_NAMES, type AssignorName, DEFAULT_ASSIGNOR } from '../assign/assignor.ts'
import { ASSIGNORS } from '../assign/assignors.ts'
import type { GroupTimes } from '../group-config.ts'
import type { TopicDirectory } from '../topic-directory.ts'
import type { ConsumerGroup, ConsumerGroupDraft } from './consumer-group.ts'
import type { ConsumerMember } from './consumer-member.ts'

export interface AssignmentTime {
  readonly nowMs: number
  /** Minus infinity: not since the object was loaded. */
  readonly lastAssignedAtMs: number
}

/**
 * Makes a new assignment if the group epoch is ahead of the targets. To keep a burst of joins from causing as
 * many assignments, a large group waits after each one: Kafka's `group.consumer.assignment.interval.ms`.
 */
export function assignIfDue(
  draft: ConsumerGroupDraft,
  topics: TopicDirectory,
  { nowMs, lastAssignedAtMs }: AssignmentTime,
  { assignmentIntervalMs }: GroupTimes,
): void {
  if (draft.assignmentEpoch === draft.groupEpoch) return
  const byCountMs = Math.min(
    draft.memberCount * ASSIGNMENT_INTERVAL_MS_PER_MEMBER,
    ASSIGNMENT_INTERVAL_MS_MAX,
  )
  const intervalMs = assignmentIntervalMs ?? byCountMs
  // The first assignment is made at once, because no member may have epoch 0.
  if (draft.assignmentEpoch > 0 && nowMs - lastAssignedAtMs < intervalMs) return
  const members = [...draft.members()]
  const partitionCounts = withinBound(subscribedPartitionCounts(members, topics), topics)
  const targets = ASSIGNORS[electAssignor(members)]({
    members: new Map(
      members.map((member) => [
        member.memberId,
        {
          instanceId: member.instanceId,
          topicIds: topics.resolve(member),
          target: draft.target(member.memberId),
        },
      ]),
    ),
    partitionCounts,
  })
  for (const [memberId, target] of targets) draft.setTarget(memberId, target)
  draft.assignmentEpoch = draft.groupEpoch
}

/**
 * Checks the limits of the group, including the new subscription.
 *
 * @throws {EdgelogError} `policy_violation`.
 */
export function checkBounds(draft: ConsumerGroupDraft, topics: TopicDirectory): void {
  if (hasTooManyNames(draft.members())) {
    throw new EdgelogError(
      'policy_violation',
      `topics: the members of a group may name at most ${GROUP_TOPIC_NAMES_MAX} different topics`,
    )
  }
  const patterns = new Set([...draft.members()].map(({ topicPattern }) => topicPattern))
  patterns.delete(null)
  if (patterns.size > GROUP_PATTERNS_MAX) {
    throw new EdgelogError(
      'policy_violation',
      `topicPattern: a group may have at most ${GROUP_PATTERNS_MAX} different patterns`,
    )
  }
  for (const pattern of patterns) {
    if (pattern === null || topics.isAffordable(pattern)) continue
    throw new EdgelogError(
      'policy_violation',
      'topicPattern: matching it against all topics exceeds the step limit',
    )
  }
  const partitions = total(subscribedPartitionCounts(draft.members(), topics))
  if (partitions <= GROUP_PARTITIONS_MAX) return
  throw new EdgelogError(
    'policy_violation',
    `topics: a group may share at most ${GROUP_PARTITIONS_MAX} partitions, got ${partitions}`,
  )
}

/** Counts the different names. Topics that do not exist count too, because no other limit applies to them. */
function hasTooManyNames(members: Iterable<ConsumerMember>): boolean {
  const names = new Set<string>()
  for (const member of members) {
    for (const name of member.topics) names.add(name)
    if (names.size > GROUP_TOPIC_NAMES_MAX) return true
  }
  return false
}

/** Returns the partitions of each topic that some member subscribes to, by topic id. */
export function subscribedPartitionCounts(
  members: Iterable<ConsumerMember>,
  topics: TopicDirectory,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  const seen = new Set<ReadonlySet<string>>()
  for (const member of members) {
    const ids = topics.resolve(member)
    if (seen.has(ids)) continue
    seen.add(ids)
    for (const id of ids) counts.set(id, topics.withId(id)?.partitions ?? 0)
  }
  return counts
}

/** Leaves out whole topics that grew beyond the limit, the last ones by name. */
function withinBound(
  counts: ReadonlyMap<string, number>,
  topics: TopicDirectory,
): ReadonlyMap<string, number> {
  if (total(counts) <= GROUP_PARTITIONS_MAX) return counts
  const nameOf = (id: string) => topics.withId(id)?.name ?? ''
  const kept = new Map<string, number>()
  let left = GROUP_PARTITIONS_MAX
  for (const [id, count] of [...counts].sort(([a], [b]) => (nameOf(a) < nameOf(b) ? -1 : 1))) {
    if (count > left) continue
    kept.set(id, count)
    left -= count
  }
  return kept
}

/** Returns whether topics that this group subscribes to differ between two snapshots. */
export function isNewAssignmentDue(
  group: ConsumerGroup,
  before: TopicDirectory,
  after: TopicDirectory,
): boolean {
  const one = subscribedPartitionCounts(group.members.values(), before)
  const other = subscribedPartitionCounts(group.members.values(), after)
  return one.size !== other.size || [...one].some(([id, count]) => other.get(id) !== count)
}

/** Returns the assignor that most members requested. */
function electAssignor(members: readonly ConsumerMember[]): AssignorName {
  let elected = DEFAULT_ASSIGNOR
  let votesMax = 0
  for (const name of ASSIGNOR_NAMES) {
    const votes = members.filter(({ assignor }) => assignor === name).length
    if (votes > votesMax) {
      elected = name
      votesMax = votes
    }
  }
  return elected
}

export function assignorOf(group: ConsumerGroup): AssignorName {
  return electAssignor([...group.members.values()])
}

function total(counts: ReadonlyMap<string, number>): number {
  let sum = 0
  for (const count of counts.values()) sum += count
  return sum
}
