/** Decides a heartbeat of the consumer protocol (KIP-848, ConsumerGroupHeartbeat). */
import { EdgelogError } from '../../errors.ts'
import {
  HEARTBEATS_PER_SESSION,
  REBALANCE_HEARTBEAT_INTERVAL_MS_MIN,
  REBALANCE_HEARTBEAT_INTERVAL_MS_PER_MEMBER,
} from '../../limits.ts'
import { type Assignment, isSameAssignment } from '../assign/assignment.ts'
import { type HeartbeatRequest, type HeartbeatResponse, JOIN_EPOCH } from '../group-api.ts'
import type { GroupTimes } from '../group-config.ts'
import type { TopicDirectory } from '../topic-directory.ts'
import { assignedTopics, assignmentOf } from './assigned-topics.ts'
import {
  type ConsumerGroup,
  type ConsumerGroupChange,
  ConsumerGroupDraft,
} from './consumer-group.ts'
import type { ConsumerMember } from './consumer-member.ts'
import { depart } from './departure.ts'
import { identify } from './identify.ts'
import { reconcile } from './reconcile.ts'
import { type AssignmentTime, assignIfDue, checkBounds } from './target.ts'

interface HeartbeatDecision {
  /** null: nothing has to be stored. */
  readonly change: ConsumerGroupChange | null
  readonly result: HeartbeatResponse
}

/**
 * Decides one heartbeat: identifies the member, updates its subscription, makes a new assignment if one is due,
 * and moves the member one step towards its target.
 *
 * @param topics All topics that the request and the members may refer to.
 * @throws {EdgelogError} `unknown_member_id`, `fenced_member_epoch`, `fenced_instance_id`,
 * `unreleased_instance_id`, `group_max_size_reached`, `unknown_topic_or_partition`, `policy_violation`,
 * `invalid_request`; nothing is changed then.
 */
export function decideHeartbeat(
  group: ConsumerGroup,
  topics: TopicDirectory,
  request: HeartbeatRequest,
  time: AssignmentTime,
  times: GroupTimes,
): HeartbeatDecision {
  const draft = new ConsumerGroupDraft(group)
  const { memberId, memberEpoch } = request
  if (memberEpoch < JOIN_EPOCH) {
    depart(draft, request)
    const result = { memberId, memberEpoch, heartbeatIntervalMs: 0, assignment: null }
    return { change: draft.change(), result }
  }
  const owned = request.owned && assignmentOf(request.owned, topics)
  const known = identify(draft, request, owned)
  const updated = update(known, request)
  draft.put(updated)
  if (updated.topics !== known.topics || updated.topicPattern !== known.topicPattern) {
    checkSubscription(draft, topics, known, updated, request)
    draft.groupEpoch += 1
  } else if (updated.assignor !== known.assignor || draft.groupEpoch === JOIN_EPOCH) {
    // No member may have epoch 0: it would rejoin with each heartbeat.
    draft.groupEpoch += 1
  }
  assignIfDue(draft, topics, time, times)
  // A joining member's `owned` list may be stale; ignore it.
  const confirmed = memberEpoch === JOIN_EPOCH ? undefined : owned
  const member = reconcile(draft, updated, confirmed)
  draft.put(member)
  return {
    change: draft.change(),
    result: result(draft, topics, request, { before: known, member, owned, times }),
  }
}

// -- subscription ------------------------------------------------------------------------------

/** Applies a request to a member. Unchanged parts keep their object identity. */
function update(member: ConsumerMember, request: HeartbeatRequest): ConsumerMember {
  const topics = [...new Set(request.topics ?? member.topics)].sort()
  const topicPattern =
    request.topicPattern === undefined ? member.topicPattern : request.topicPattern || null
  const next: ConsumerMember = {
    ...member,
    rackId: request.rackId ?? member.rackId,
    clientId: request.clientId ?? member.clientId,
    // Only a join sets the address: a member whose address changes between heartbeats causes no writes.
    clientHost: request.memberEpoch === JOIN_EPOCH ? request.clientHost : member.clientHost,
    sessionTimeoutMs: request.sessionTimeoutMs ?? member.sessionTimeoutMs,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs ?? member.rebalanceTimeoutMs,
    topics: isSameList(topics, member.topics) ? member.topics : topics,
    topicPattern,
    assignor: request.assignor ?? member.assignor,
  }
  const isSame = UPDATED.every((field) => next[field] === member[field])
  return isSame ? member : next
}

const UPDATED = [
  'rackId',
  'clientId',
  'clientHost',
  'sessionTimeoutMs',
  'rebalanceTimeoutMs',
  'topics',
  'topicPattern',
  'assignor',
] as const

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((entry, index) => entry === other[index])
}

function checkSubscription(
  draft: ConsumerGroupDraft,
  topics: TopicDirectory,
  before: ConsumerMember,
  member: ConsumerMember,
  { mayNameUnknownTopics }: HeartbeatRequest,
): void {
  // Topics that it named before may have been deleted since.
  const named = member.topics.filter((name) => !before.topics.includes(name))
  const unknown = named.find((name) => topics.named(name) === undefined)
  if (unknown !== undefined && !mayNameUnknownTopics) {
    throw new EdgelogError('unknown_topic_or_partition', `topics: ${unknown} does not exist`)
  }
  checkBounds(draft, topics)
}

// -- response ----------------------------------------------------------------------------------

interface AnsweredMember {
  readonly before: ConsumerMember
  readonly member: ConsumerMember
  readonly owned: Assignment | undefined
  readonly times: GroupTimes
}

function result(
  draft: ConsumerGroupDraft,
  topics: TopicDirectory,
  request: HeartbeatRequest,
  { before, member, owned, times }: AnsweredMember,
): HeartbeatResponse {
  const isFull =
    owned !== undefined && (request.topics !== undefined || request.topicPattern !== undefined)
  const sendsAssignment =
    isFull ||
    request.memberEpoch !== before.memberEpoch ||
    request.memberEpoch === JOIN_EPOCH ||
    !isSameAssignment(before.assigned, member.assigned) ||
    (owned !== undefined && !isSameAssignment(owned, member.assigned))
  return {
    memberId: member.memberId,
    memberEpoch: member.memberEpoch,
    heartbeatIntervalMs: heartbeatIntervalMs(draft, member, times),
    assignment: sendsAssignment ? assignedTopics(member.assigned, topics) : null,
  }
}

/** Returns the regular interval for a settled member, and a shorter one for a member that awaits partitions. */
function heartbeatIntervalMs(
  draft: ConsumerGroupDraft,
  member: ConsumerMember,
  times: GroupTimes,
): number {
  // A group's session time-out is longer than any interval that can be set; a member's time-out may be shorter.
  const { sessionTimeoutMs } = member
  const ownMs =
    sessionTimeoutMs === null
      ? Number.POSITIVE_INFINITY
      : Math.floor(sessionTimeoutMs / HEARTBEATS_PER_SESSION)
  const regularMs = Math.min(times.heartbeatIntervalMs, ownMs)
  const isSettled =
    draft.groupEpoch === draft.assignmentEpoch &&
    member.memberEpoch === draft.assignmentEpoch &&
    member.state === 'stable'
  if (isSettled) return regularMs
  const soonMs = Math.max(
    REBALANCE_HEARTBEAT_INTERVAL_MS_MIN,
    draft.memberCount * REBALANCE_HEARTBEAT_INTERVAL_MS_PER_MEMBER,
  )
  return Math.min(regularMs, soonMs)
}
