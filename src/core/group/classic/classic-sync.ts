/** Decides SyncGroup: the leader sends the assignments, and each member receives its own. */
import { EdgelogError } from '../../errors.ts'
import { CLASSIC_METADATA_BYTES_MAX } from '../../limits.ts'
import type { SyncGroupRequest, SyncGroupResult } from '../classic-api.ts'
import { NEVER_MS, setDeadline } from './classic-deadlines.ts'
import {
  type ClassicGroup,
  type ClassicMember,
  type ClassicResponse,
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
  /** Identifies this call in the shell; unique. */
  readonly ticket: number
}

/**
 * Decides SyncGroup. The leader's call completes all parked ones; until then the others are parked; in a stable
 * group each call gets its response at once. Errors: `unknown_member_id`, `fenced_instance_id`,
 * `illegal_generation`, `inconsistent_group_protocol`, `rebalance_in_progress`, and `invalid_request` for an
 * assignment that is too large. A parked call may later fail with `rebalance_in_progress` (also if the same
 * member syncs in another call), `unknown_member_id` or `fenced_instance_id`.
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
    const synced = withoutPending(group, member.memberId)
    if (group.state === 'completing_rebalance') {
      return group.leader === member.memberId
        ? assign(synced, member, request, facts)
        : park(synced, member, facts)
    }
    const { ticket, nowMs } = facts
    const response = { ok: syncResult(group, member) }
    return { group: touch(synced, member, nowMs), responses: [{ kind: 'sync', ticket, response }] }
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
    `protocolName: must be ${protocolType} ${protocolName}, the group's protocol; ` +
      `got ${request.protocolType} ${request.protocolName}`,
  )
}

/**
 * Stores the leader's assignments. Members without one get an empty assignment;
 * those of unknown members are ignored.
 */
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
  const responses: ClassicResponse[] = []
  for (const [memberId, ticket] of tickets) {
    const member = members.get(memberId)
    if (member === undefined) continue
    responses.push({ kind: 'sync', ticket, response: { ok: syncResult(assigned, member) } })
  }
  return { group: restartSessions(assigned, tickets.keys(), nowMs), responses }
}

function checkAssignmentSize({ memberId, protocols }: ClassicMember, assignment: Uint8Array): void {
  if (fitsRow(protocols, assignment)) return
  throw new EdgelogError(
    'invalid_request',
    `assignments: ${assignment.length} bytes for member ${memberId} are too many; at most ` +
      `${CLASSIC_METADATA_BYTES_MAX} bytes are allowed for its protocols and its assignment together`,
  )
}

function park(
  group: ClassicGroup,
  { memberId }: ClassicMember,
  { ticket }: SyncFacts,
): ClassicStep {
  const earlier = group.parkedSyncs.get(memberId)
  const response = { error: rebalanceError().toBody() }
  const parked: ClassicGroup = {
    ...group,
    parkedSyncs: new Map(group.parkedSyncs).set(memberId, ticket),
    sessions: setDeadline(group.sessions, memberId, NEVER_MS),
  }
  const responses: ClassicResponse[] =
    earlier === undefined ? [] : [{ kind: 'sync', ticket: earlier, response }]
  return { group: parked, responses }
}

/** Removes a member that has requested its assignment from the pending ones. */
function withoutPending(group: ClassicGroup, memberId: string): ClassicGroup {
  const { clock } = group
  if (clock?.kind !== 'sync' || !clock.pending.has(memberId)) return group
  const pending = new Set(clock.pending)
  pending.delete(memberId)
  return { ...group, clock: { ...clock, pending } }
}

function syncResult(
  { protocolType, protocolName }: ClassicGroup,
  { assignment }: ClassicMember,
): SyncGroupResult {
  return { protocolType: protocolType ?? '', protocolName: protocolName ?? '', assignment }
}
