/** What a heartbeat of the consumer protocol does (KIP-848, ConsumerGroupHeartbeat). */
import { EdgelogError } from '../../errors.ts'
import {
  HEARTBEATS_PER_SESSION,
  REBALANCE_HEARTBEAT_INTERVAL_MS_MIN,
  REBALANCE_HEARTBEAT_INTERVAL_MS_PER_MEMBER,
} from '../../limits.ts'
import { type Assignment, isSameAssignment } from '../assign/assignment.ts'
import { type HeartbeatAnswer, type HeartbeatRequest, JOIN_EPOCH } from '../group-api.ts'
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
  /** null: nothing is to be stored. */
  readonly change: ConsumerGroupChange | null
  readonly answer: HeartbeatAnswer
}

/**
 * Decides one heartbeat: who the member is, what it subscribes to, whether a new assignment is due,
 * and one step of the member towards its target.
 *
 * @param topics All topics that the request and the members may mean.
 * @throws {EdgelogError} `unknown_member_id`, `fenced_member_epoch`, `fenced_instance_id`,
 * `unreleased_instance_id`, `group_max_size_reached`, `unknown_topic_or_partition`,
 * `policy_violation`, `invalid_request`; nothing is changed then.
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
    const answer = { memberId, memberEpoch, heartbeatIntervalMs: 0, assignment: null }
    return { change: draft.change(), answer }
  }
  const owned = request.owned && assignmentOf(request.owned, topics)
  const known = identify(draft, request, owned)
  const updated = update(known, request)
  draft.put(updated)
  if (updated.topics !== known.topics || updated.topicPattern !== known.topicPattern) {
    checkSubscription(draft, topics, known, updated, request)
    draft.groupEpoch += 1
  } else if (updated.assignor !== known.assignor || draft.groupEpoch === JOIN_EPOCH) {
    // No member is at epoch 0: it would join again with each heartbeat.
    draft.groupEpoch += 1
  }
  assignIfDue(draft, topics, time, times)
  // What who joins says of what it owns may be old by now.
  const confirmed = memberEpoch === JOIN_EPOCH ? undefined : owned
  const member = reconcile(draft, updated, confirmed)
  draft.put(member)
  return {
    change: draft.change(),
    answer: answer(draft, topics, request, { before: known, member, owned, times }),
  }
}

// -- what it wants -----------------------------------------------------------------------------

/** Keeps the parts that did not change as the objects they are. */
function update(member: ConsumerMember, request: HeartbeatRequest): ConsumerMember {
  const topics = [...new Set(request.topics ?? member.topics)].sort()
  const topicPattern =
    request.topicPattern === undefined ? member.topicPattern : request.topicPattern || null
  const next: ConsumerMember = {
    ...member,
    rackId: request.rackId ?? member.rackId,
    clientId: request.clientId ?? member.clientId,
    // Where it joined from: a member that wanders between addresses writes nothing.
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
  // What it named before may be deleted by now.
  const named = member.topics.filter((name) => !before.topics.includes(name))
  const unknown = named.find((name) => topics.named(name) === undefined)
  if (unknown !== undefined && !mayNameUnknownTopics) {
    throw new EdgelogError('unknown_topic_or_partition', `topics: ${unknown} does not exist`)
  }
  checkBounds(draft, topics)
}

// -- how it goes on ----------------------------------------------------------------------------

interface AnsweredMember {
  readonly before: ConsumerMember
  readonly member: ConsumerMember
  readonly owned: Assignment | undefined
  readonly times: GroupTimes
}

function answer(
  draft: ConsumerGroupDraft,
  topics: TopicDirectory,
  request: HeartbeatRequest,
  { before, member, owned, times }: AnsweredMember,
): HeartbeatAnswer {
  const isFull =
    owned !== undefined && (request.topics !== undefined || request.topicPattern !== undefined)
  const isTold =
    isFull ||
    request.memberEpoch !== before.memberEpoch ||
    request.memberEpoch === JOIN_EPOCH ||
    !isSameAssignment(before.assigned, member.assigned) ||
    (owned !== undefined && !isSameAssignment(owned, member.assigned))
  return {
    memberId: member.memberId,
    memberEpoch: member.memberEpoch,
    heartbeatIntervalMs: heartbeatIntervalMs(draft, member, times),
    assignment: isTold ? assignedTopics(member.assigned, topics) : null,
  }
}

/** Who has all it is to have is asked for a sign of life; who waits is to come back soon. */
function heartbeatIntervalMs(
  draft: ConsumerGroupDraft,
  member: ConsumerMember,
  times: GroupTimes,
): number {
  // The session of a group is longer than any interval that may be set; that of a member may not be.
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
