/** Identifies the sender of a heartbeat of the consumer protocol: a new member, a known one, or neither. */
import { EdgelogError } from '../../errors.ts'
import { GROUP_MEMBERS_MAX, REBALANCE_TIMEOUT_MS_DEFAULT } from '../../limits.ts'
import {
  type Assignment,
  intersect,
  isEmpty,
  isSubset,
  NO_PARTITIONS,
  subtract,
  unite,
} from '../assign/assignment.ts'
import { type HeartbeatRequest, JOIN_EPOCH } from '../group-api.ts'
import type { ConsumerGroup, ConsumerGroupDraft } from './consumer-group.ts'
import { type ConsumerMember, isAway } from './consumer-member.ts'

/**
 * Returns the member as it was before this heartbeat.
 *
 * @throws {EdgelogError} `unknown_member_id`, `fenced_member_epoch`, `fenced_instance_id`,
 * `unreleased_instance_id`, `group_max_size_reached`, `invalid_request`.
 */
export function identify(
  draft: ConsumerGroupDraft,
  request: HeartbeatRequest,
  owned: Assignment | undefined,
): ConsumerMember {
  return request.memberEpoch === JOIN_EPOCH
    ? join(draft, request)
    : continuing(draft, request, owned)
}

function join(draft: ConsumerGroupDraft, request: HeartbeatRequest): ConsumerMember {
  const { memberId, instanceId } = request
  const holder = instanceId === null ? undefined : draft.memberOf(instanceId)
  if (holder !== undefined && holder.memberId !== memberId) return replace(draft, holder, request)
  const known = draft.member(memberId)
  if (known !== undefined && known.instanceId === instanceId) return rejoining(draft, known)
  if (known !== undefined) {
    throw new EdgelogError('invalid_request', 'instanceId: must be the one the member joined with')
  }
  if (draft.memberCount >= GROUP_MEMBERS_MAX) {
    throw new EdgelogError(
      'group_max_size_reached',
      `the group is full; at most ${GROUP_MEMBERS_MAX} members are allowed`,
    )
  }
  return newMember(request)
}

/** Replaces a static member that was away by one that returned with another member id. */
function replace(
  draft: ConsumerGroupDraft,
  away: ConsumerMember,
  { memberId, instanceId }: HeartbeatRequest,
): ConsumerMember {
  if (!isAway(away)) {
    throw new EdgelogError(
      'unreleased_instance_id',
      `instanceId: ${instanceId} belongs to a member that has not left`,
    )
  }
  if (draft.member(memberId) !== undefined) {
    throw new EdgelogError('invalid_request', 'memberId: belongs to another member')
  }
  const target = draft.target(away.memberId)
  draft.remove(away.memberId)
  const member = restarted({ ...away, memberId })
  draft.put(member)
  draft.setTarget(memberId, target)
  return member
}

/**
 * Returns a member that joins again. It reports that it owns nothing, but a retried join may also arrive late,
 * when the member is already working. So the member keeps its partitions, and confirms with its next heartbeat
 * those that it has to revoke.
 */
function rejoining(draft: ConsumerGroupDraft, member: ConsumerMember): ConsumerMember {
  if (isAway(member)) return restarted(member)
  const target = draft.target(member.memberId)
  const revoked = unite(subtract(member.assigned, target), member.pendingRevocation)
  if (isEmpty(revoked)) return member
  return {
    ...member,
    state: 'unrevoked_partitions',
    assigned: intersect(member.assigned, target),
    pendingRevocation: revoked,
  }
}

function restarted(member: ConsumerMember): ConsumerMember {
  return {
    ...member,
    memberEpoch: JOIN_EPOCH,
    previousMemberEpoch: JOIN_EPOCH,
    state: 'stable',
    assigned: NO_PARTITIONS,
    pendingRevocation: NO_PARTITIONS,
  }
}

function newMember(request: HeartbeatRequest): ConsumerMember {
  return restarted({
    memberId: request.memberId,
    instanceId: request.instanceId,
    rackId: null,
    clientId: '',
    clientHost: request.clientHost,
    sessionTimeoutMs: null,
    rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS_DEFAULT,
    topics: NO_TOPICS,
    topicPattern: null,
    assignor: null,
    memberEpoch: JOIN_EPOCH,
    previousMemberEpoch: JOIN_EPOCH,
    state: 'stable',
    assigned: NO_PARTITIONS,
    pendingRevocation: NO_PARTITIONS,
  })
}

const NO_TOPICS: readonly string[] = []

/** @throws {EdgelogError} `unknown_member_id`, `fenced_instance_id`. */
export function findMember(
  group: Pick<ConsumerGroup, 'member' | 'memberOf'>,
  { memberId, instanceId }: Pick<HeartbeatRequest, 'memberId' | 'instanceId'>,
): ConsumerMember {
  if (instanceId !== null) {
    const holder = group.memberOf(instanceId)
    if (holder === undefined) throw unknownMember(memberId)
    if (holder.memberId !== memberId) {
      throw new EdgelogError(
        'fenced_instance_id',
        `instanceId: ${instanceId} belongs to another member now`,
      )
    }
  }
  const member = group.member(memberId)
  if (member !== undefined) return member
  throw unknownMember(memberId)
}

function unknownMember(memberId: string): EdgelogError {
  return new EdgelogError(
    'unknown_member_id',
    `memberId: ${memberId} is not a member: give up all partitions and join with memberEpoch 0`,
  )
}

function continuing(
  draft: ConsumerGroupDraft,
  request: HeartbeatRequest,
  owned: Assignment | undefined,
): ConsumerMember {
  const member = findMember(draft, request)
  const { memberEpoch } = request
  if (memberEpoch === member.memberEpoch) return member
  // The response with the new epoch may have been lost: then the member owns only partitions that it holds.
  const missedResponse =
    memberEpoch === member.previousMemberEpoch &&
    owned !== undefined &&
    isSubset(owned, member.assigned)
  if (missedResponse) return member
  throw new EdgelogError(
    'fenced_member_epoch',
    `memberEpoch: ${memberEpoch} is not the member's: give up all partitions and join with memberEpoch 0`,
  )
}
