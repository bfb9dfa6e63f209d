/** Decides SyncGroup: the leader's assignments come in, and each member's goes out. */
import { EdgelogError } from '../../errors.ts'
import { CLASSIC_METADATA_BYTES_MAX } from '../../limits.ts'
import type { SyncGroupAnswer, SyncGroupRequest } from '../classic-api.ts'
import { NEVER_MS, setDeadline } from './classic-deadlines.ts'
import {
  type ClassicAnswer,
  type ClassicGroup,
  type ClassicMember,
  type ClassicStep,
  orRefuse,
  rebalanceError,
  requireGeneration,
  requireMember,
  touch,
} from './classic-group.ts'
import { fitsRow, isSameBytes } from './classic-protocols.ts'
import { restartSessions } from './classic-rebalance.ts'

interface SyncFacts {
  readonly nowMs: number
  /** What the shell calls this call by, once only. */
  readonly ticket: number
}

/**
 * SyncGroup: the leader's answers everybody who waits; until then the others are parked; in a stable
 * group each is answered at once. Refusals: `unknown_member_id`, `fenced_instance_id`,
 * `illegal_generation`, `inconsistent_group_protocol`, `rebalance_in_progress`, and `invalid_request`
 * for an assignment that is too large. Later a parked one may be refused with `rebalance_in_progress`
 * (also if the same member asks in another call), `unknown_member_id` or `fenced_instance_id`.
 */
export function decideSync(
  group: ClassicGroup,
  request: SyncGroupRequest,
  facts: SyncFacts,
): ClassicStep {
  return orRefuse(group, 'sync', facts.ticket, () => {
    const member = requireMember(group, request)
    requireGeneration(group, request.generation)
    checkSameProtocol(group, request)
    if (group.state === 'preparing_rebalance') throw rebalanceError()
    const heard = withoutPending(group, member.memberId)
    if (group.state === 'completing_rebalance') {
      return group.leader === member.memberId
        ? assign(heard, member, request, facts)
        : park(heard, member, facts)
    }
    const { ticket, nowMs } = facts
    const answer = { ok: syncAnswer(group, member) }
    return { group: touch(heard, member, nowMs), answers: [{ kind: 'sync', ticket, answer }] }
  })
}

function checkSameProtocol(
  { protocolType, protocolName }: ClassicGroup,
  request: SyncGroupRequest,
): void {
  const isSame =
    (request.protocolType ?? protocolType) === protocolType &&
    (request.protocolName ?? protocolName) === protocolName
  if (isSame) return
  throw new EdgelogError(
    'inconsistent_group_protocol',
    `the group's protocol is ${protocolType} ${protocolName}, ` +
      `got ${request.protocolType} ${request.protocolName}`,
  )
}

/** Whom the leader gives nothing gets an empty assignment; whom the group does not know, none. */
function assign(
  group: ClassicGroup,
  leader: ClassicMember,
  { assignments }: SyncGroupRequest,
  { nowMs, ticket }: SyncFacts,
): ClassicStep {
  const given = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]))
  const members = new Map<string, ClassicMember>()
  for (const member of group.members.values()) {
    const assignment = given.get(member.memberId) ?? new Uint8Array()
    checkAssignmentSize(member, assignment)
    const isSame = isSameBytes(member.assignment, assignment)
    members.set(member.memberId, isSame ? member : { ...member, assignment })
  }
  const tickets = new Map(group.parkedSyncs).set(leader.memberId, ticket)
  const assigned: ClassicGroup = { ...group, state: 'stable', members, parkedSyncs: new Map() }
  const answers: ClassicAnswer[] = []
  for (const [memberId, ticket] of tickets) {
    const member = members.get(memberId)
    if (member === undefined) continue
    answers.push({ kind: 'sync', ticket, answer: { ok: syncAnswer(assigned, member) } })
  }
  return { group: restartSessions(assigned, tickets.keys(), nowMs), answers }
}

function checkAssignmentSize({ memberId, protocols }: ClassicMember, assignment: Uint8Array): void {
  if (fitsRow(protocols, assignment)) return
  throw new EdgelogError(
    'invalid_request',
    `assignments: ${assignment.length} bytes for member ${memberId} are more than the ` +
      `${CLASSIC_METADATA_BYTES_MAX} bytes that are allowed for its protocols and its assignment`,
  )
}

function park(
  group: ClassicGroup,
  { memberId }: ClassicMember,
  { ticket }: SyncFacts,
): ClassicStep {
  const earlier = group.parkedSyncs.get(memberId)
  const answer = { error: rebalanceError().toBody() }
  const parked: ClassicGroup = {
    ...group,
    parkedSyncs: new Map(group.parkedSyncs).set(memberId, ticket),
    sessions: setDeadline(group.sessions, memberId, NEVER_MS),
  }
  const answers: ClassicAnswer[] =
    earlier === undefined ? [] : [{ kind: 'sync', ticket: earlier, answer }]
  return { group: parked, answers }
}

/** The group once a member of the generation has asked for its assignment. */
function withoutPending(group: ClassicGroup, memberId: string): ClassicGroup {
  const { clock } = group
  if (clock?.kind !== 'sync' || !clock.pending.has(memberId)) return group
  const pending = new Set(clock.pending)
  pending.delete(memberId)
  return { ...group, clock: { ...clock, pending } }
}

function syncAnswer(
  { protocolType, protocolName }: ClassicGroup,
  { assignment }: ClassicMember,
): SyncGroupAnswer {
  return { protocolType: protocolType ?? '', protocolName: protocolName ?? '', assignment }
}
