/** Decides LeaveGroup. */
import { EdgelogError } from '../../errors.ts'
import type { LeavingMember, LeftMember } from '../classic-api.ts'
import {
  type ClassicGroup,
  type ClassicStep,
  requireMember,
  unknownMemberError,
} from './classic-group.ts'
import { completeIfAllJoined, removeMembers } from './classic-rebalance.ts'

interface LeaveStep extends ClassicStep {
  /** One result per leaving member, in order. */
  readonly results: readonly LeftMember[]
}

/** Decides LeaveGroup: removes the known members and reserved ids, and returns one result per member. */
export function decideLeave(
  group: ClassicGroup,
  leaving: readonly LeavingMember[],
  nowMs: number,
): LeaveStep {
  const gone = new Set<string>()
  const reserved = new Map(group.reserved)
  const results = leaving.map(({ memberId, instanceId }): LeftMember => {
    if (reserved.delete(memberId)) return { memberId, instanceId, error: null }
    try {
      const member = requireLeaving(group, { memberId, instanceId })
      if (gone.has(member.memberId)) throw unknownMemberError(member.memberId)
      gone.add(member.memberId)
      return { memberId, instanceId, error: null }
    } catch (error) {
      return { memberId, instanceId, error: codeOf(error) }
    }
  })
  const isForgotten = reserved.size < group.reserved.size
  const unreserved = isForgotten ? { ...group, reserved } : group
  const step =
    gone.size > 0
      ? removeMembers(unreserved, [...gone], nowMs)
      : completeIfAllJoined(unreserved, nowMs)
  return { ...step, results }
}

/** @throws {EdgelogError} `unknown_member_id`, `fenced_instance_id`. */
function requireLeaving(group: ClassicGroup, { memberId, instanceId }: LeavingMember) {
  if (memberId !== '' || instanceId === null) return requireMember(group, { memberId, instanceId })
  const current = group.instances.get(instanceId)
  return requireMember(group, { memberId: current ?? '', instanceId })
}

function codeOf(error: unknown): LeftMember['error'] {
  if (!(error instanceof EdgelogError)) throw error
  if (error.code === 'fenced_instance_id') return error.code
  if (error.code === 'unknown_member_id') return error.code
  throw error
}
