/** Decides JoinGroup, in Kafka's order of checks. */
import { assert, EdgelogError } from '../../errors.ts'
import {
  GROUP_MEMBERS_MAX,
  NEW_MEMBER_JOIN_TIMEOUT_MS,
  SESSION_TIMEOUT_MS_MAX,
  SESSION_TIMEOUT_MS_MIN,
} from '../../limits.ts'
import type { JoinGroupRequest, JoinGroupResult } from '../classic-api.ts'
import { deleteDeadlines, NEVER_MS, setDeadline } from './classic-deadlines.ts'
import {
  andThen,
  type ClassicGroup,
  type ClassicMember,
  type ClassicResponse,
  type ClassicStep,
  fencedError,
  orRefuse,
  rebalanceError,
  refusal,
  requireMember,
  touch,
} from './classic-group.ts'
import {
  checkOffer,
  checkProtocolSizes,
  fitsRow,
  isSameOffer,
  selectProtocol,
} from './classic-protocols.ts'
import { completeIfAllJoined, joinResult, openRebalance } from './classic-rebalance.ts'

interface JoinFacts {
  readonly nowMs: number
  /** Identifies this call in the shell; unique. */
  readonly ticket: number
  /** The id for a member that has none; unique for all time. */
  readonly newMemberId: string
}

const NO_ASSIGNMENT = new Uint8Array()

/**
 * Decides JoinGroup: the call is parked until the next generation is made, unless the member may stay in the
 * current one. Errors: `invalid_session_timeout`, `invalid_request`, `inconsistent_group_protocol`,
 * `group_max_size_reached`, `unknown_member_id`, `fenced_instance_id`, and `member_id_required` with
 * `details.memberId`, the id to join with before the session time-out has passed (KIP-394). A parked join may
 * later fail with `unknown_member_id` (the member was removed), `fenced_instance_id` (replaced) or
 * `rebalance_in_progress` (the same member joined in another call).
 */
export function decideJoin(
  group: ClassicGroup,
  request: JoinGroupRequest,
  facts: JoinFacts,
): ClassicStep {
  return orRefuse(group, 'join', facts.ticket, () => {
    checkSessionTimeout(request.sessionTimeoutMs)
    checkProtocolSizes(request.protocols)
    const { memberId } = request
    if (memberId === '') return joinWithoutId(group, request, facts)
    if (group.reserved.has(memberId)) {
      const reserved = new Map(group.reserved)
      reserved.delete(memberId)
      return joinAs({ ...group, reserved }, memberId, request, facts)
    }
    const member = requireMember(group, request)
    checkOffer(group, request, memberId)
    return joinAgain(group, member, request, facts)
  })
}

function checkSessionTimeout(sessionTimeoutMs: number): void {
  if (sessionTimeoutMs >= SESSION_TIMEOUT_MS_MIN && sessionTimeoutMs <= SESSION_TIMEOUT_MS_MAX) {
    return
  }
  throw new EdgelogError(
    'invalid_session_timeout',
    `sessionTimeoutMs: ${SESSION_TIMEOUT_MS_MIN} to ${SESSION_TIMEOUT_MS_MAX} is allowed; got ${sessionTimeoutMs}`,
  )
}

function joinWithoutId(
  group: ClassicGroup,
  request: JoinGroupRequest,
  facts: JoinFacts,
): ClassicStep {
  const { newMemberId: memberId, nowMs, ticket } = facts
  if (request.instanceId !== null || !request.requiresKnownMemberId) {
    return joinAs(group, memberId, request, facts)
  }
  checkOffer(group, request, null)
  checkSize(group)
  const reserved = new Map(group.reserved).set(memberId, nowMs + request.sessionTimeoutMs)
  const response = refusal('member_id_required', `rejoin as member ${memberId}`, { memberId })
  return { group: { ...group, reserved }, responses: [{ kind: 'join', ticket, response }] }
}

/** Joins a member whose id is not in the group. */
function joinAs(
  group: ClassicGroup,
  memberId: string,
  request: JoinGroupRequest,
  facts: JoinFacts,
): ClassicStep {
  const { instanceId } = request
  const formerId = instanceId === null ? undefined : group.instances.get(instanceId)
  const former = formerId === undefined ? undefined : group.members.get(formerId)
  if (former !== undefined) return replaceStaticMember(group, former, memberId, request, facts)
  checkOffer(group, request, null)
  checkSize(group)
  const last = [...group.members.values()].at(-1)
  const joinOrder = last === undefined ? 0 : last.joinOrder + 1
  const member: ClassicMember = {
    memberId,
    instanceId,
    joinOrder,
    ...offeredBy(request),
    assignment: NO_ASSIGNMENT,
  }
  const { clock } = group
  const grown: ClassicGroup = {
    ...withMember(group, member),
    protocolType: request.protocolType,
    clock: clock?.kind === 'initial' ? { ...clock, hasNewMember: true } : clock,
  }
  return joinNext(grown, memberId, facts, facts.nowMs + NEW_MEMBER_JOIN_TIMEOUT_MS)
}

function checkSize({ members, reserved }: ClassicGroup): void {
  if (members.size + reserved.size < GROUP_MEMBERS_MAX) return
  throw new EdgelogError(
    'group_max_size_reached',
    `the group is full; at most ${GROUP_MEMBERS_MAX} members are allowed, including joining ones`,
  )
}

function joinAgain(
  group: ClassicGroup,
  member: ClassicMember,
  request: JoinGroupRequest,
  facts: JoinFacts,
): ClassicStep {
  const { memberId } = member
  const isSame = isSameOffer(member.protocols, request.protocols)
  // A leader rejoins a stable group when it needs a new assignment, e.g. because a topic has grown.
  const mayStay =
    group.state === 'completing_rebalance' ||
    (group.state === 'stable' && group.leader !== memberId)
  if (isSame && mayStay) {
    const touched = touch(group, member, facts.nowMs)
    return { group: touched, responses: [joined(facts, joinResult(group, memberId))] }
  }
  const changed = { ...member, ...offeredBy(request) }
  // The former assignment is obsolete, and together with a new offer it might not fit into the row.
  const next = isSame ? changed : { ...changed, assignment: NO_ASSIGNMENT }
  const updated = isSameMember(member, next) ? group : withMember(group, next)
  const parkedUntilMs = NEVER_MS
  return joinNext(updated, memberId, facts, parkedUntilMs)
}

/**
 * Replaces a static member that returned under a new id (KIP-345). The old id is fenced. In a
 * stable group whose protocol stays the same, the new member takes over the assignment without a
 * rebalance. A leader must not assign then: it receives `skipAssignment` (KIP-814) or, if it does
 * not support that, the id of the former leader.
 */
function replaceStaticMember(
  group: ClassicGroup,
  former: ClassicMember,
  memberId: string,
  request: JoinGroupRequest,
  facts: JoinFacts,
): ClassicStep {
  checkOffer(group, request, former.memberId)
  const member: ClassicMember = { ...former, ...offeredBy(request), memberId }
  const replaced = withReplacement(group, former, member)
  const responses = fenceParkedCalls(group, former)
  const keepsGeneration =
    group.state === 'stable' &&
    fitsRow(member.protocols, member.assignment) &&
    selectProtocol(replaced.members.values()) === group.protocolName
  if (!keepsGeneration) {
    const fits = { ...member, assignment: NO_ASSIGNMENT }
    return andThen({ group: withMember(replaced, fits), responses }, (next) =>
      joinNext(next, memberId, facts, NEVER_MS),
    )
  }
  const response = joinResult(replaced, memberId)
  const isLeader = replaced.leader === memberId
  const stayed: JoinGroupResult = request.supportsSkippingAssignment
    ? { ...response, skipAssignment: isLeader }
    : { ...response, leader: group.leader ?? '', members: [] }
  return {
    group: touch(replaced, member, facts.nowMs),
    responses: [...responses, joined(facts, stayed)],
  }
}

function fenceParkedCalls(group: ClassicGroup, former: ClassicMember): ClassicResponse[] {
  const response = { error: fencedError(former.instanceId ?? '').toBody() }
  const responses: ClassicResponse[] = []
  const join = group.parkedJoins.get(former.memberId)
  if (join !== undefined) responses.push({ kind: 'join', ticket: join, response })
  const sync = group.parkedSyncs.get(former.memberId)
  if (sync !== undefined) responses.push({ kind: 'sync', ticket: sync, response })
  return responses
}

/** Returns the group with `member` in place of `former`, without parked calls of either. */
function withReplacement(
  group: ClassicGroup,
  former: ClassicMember,
  member: ClassicMember,
): ClassicGroup {
  const { memberId, instanceId } = member
  assert(instanceId !== null, 'only static members are replaced')
  const members = new Map<string, ClassicMember>()
  for (const one of group.members.values()) {
    const here = one === former ? member : one
    members.set(here.memberId, here)
  }
  const parkedJoins = new Map(group.parkedJoins)
  const parkedSyncs = new Map(group.parkedSyncs)
  parkedJoins.delete(former.memberId)
  parkedSyncs.delete(former.memberId)
  return {
    ...group,
    members,
    parkedJoins,
    parkedSyncs,
    instances: new Map(group.instances).set(instanceId, memberId),
    sessions: deleteDeadlines(group.sessions, [former.memberId]),
    leader: group.leader === former.memberId ? memberId : group.leader,
    clock: renamePending(group.clock, former.memberId, memberId),
  }
}

function renamePending(
  clock: ClassicGroup['clock'],
  formerId: string,
  memberId: string,
): ClassicGroup['clock'] {
  if (clock?.kind !== 'sync' || !clock.pending.has(formerId)) return clock
  const pending = new Set(clock.pending).add(memberId)
  pending.delete(formerId)
  return { ...clock, pending }
}

/** Parks the join of a member for the next generation, and makes the generation if it was the last one missing. */
function joinNext(
  group: ClassicGroup,
  memberId: string,
  { nowMs, ticket }: JoinFacts,
  parkedUntilMs: number,
): ClassicStep {
  const opened = openRebalance(group, nowMs)
  const parked = andThen(opened, (open) => {
    const earlier = open.parkedJoins.get(memberId)
    const parkedJoins = new Map(open.parkedJoins).set(memberId, ticket)
    // A repeated call does not extend the time for which the join is held.
    const sessions =
      earlier === undefined ? setDeadline(open.sessions, memberId, parkedUntilMs) : open.sessions
    const responses: ClassicResponse[] = []
    if (earlier !== undefined) {
      const response = { error: rebalanceError().toBody() }
      responses.push({ kind: 'join', ticket: earlier, response })
    }
    return { group: { ...open, parkedJoins, sessions }, responses }
  })
  return andThen(parked, (next) => completeIfAllJoined(next, nowMs))
}

function withMember(group: ClassicGroup, member: ClassicMember): ClassicGroup {
  const { memberId, instanceId } = member
  const members = new Map(group.members).set(memberId, member)
  const instances =
    instanceId === null ? group.instances : new Map(group.instances).set(instanceId, memberId)
  return { ...group, members, instances }
}

function offeredBy(request: JoinGroupRequest) {
  const { clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs, protocols } = request
  return { clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs, protocols }
}

function isSameMember(one: ClassicMember, other: ClassicMember): boolean {
  return (
    one.clientId === other.clientId &&
    one.clientHost === other.clientHost &&
    one.sessionTimeoutMs === other.sessionTimeoutMs &&
    one.rebalanceTimeoutMs === other.rebalanceTimeoutMs &&
    isSameOffer(one.protocols, other.protocols)
  )
}

function joined({ ticket }: JoinFacts, response: JoinGroupResult): ClassicResponse {
  return { kind: 'join', ticket, response: { ok: response } }
}
