/** Decides the heartbeats and the commits of members of the classic protocol. */
import type { Result } from '../../errors.ts'
import type { ClassicHeartbeatRequest } from '../classic-api.ts'
import type { CommittingMember } from '../group-api.ts'
import {
  type ClassicGroup,
  rebalanceError,
  requireGeneration,
  requireMember,
  touch,
} from './classic-group.ts'

interface ClassicHeartbeatStep {
  readonly group: ClassicGroup
  readonly response: Result<null>
}

/**
 * Decides a heartbeat. It needs no write, and moves no deadline to an earlier time. A heartbeat with the result
 * `rebalance_in_progress` extends the session too, so this error is returned and not thrown.
 *
 * @throws {EdgelogError} `unknown_member_id`, `fenced_instance_id`, `illegal_generation`.
 */
export function decideClassicHeartbeat(
  group: ClassicGroup,
  request: ClassicHeartbeatRequest,
  nowMs: number,
): ClassicHeartbeatStep {
  const member = requireMember(group, request)
  requireGeneration(group, request.generation)
  const isPreparing = group.state === 'preparing_rebalance'
  return {
    group: touch(group, member, nowMs),
    response: isPreparing ? { error: rebalanceError().toBody() } : { ok: null },
  }
}

/**
 * Checks that a member may commit offsets; returns the group with its session extended. Members may commit
 * until the next generation is made, so that they can commit before they join it.
 *
 * @param member The member, with the generation as its epoch. Commits without membership are not handled here:
 * they are allowed while the group is empty.
 * @throws {EdgelogError} `unknown_member_id`, `fenced_instance_id`, `illegal_generation`, and
 * `rebalance_in_progress` while the leader is assigning.
 */
export function checkClassicCommit(
  group: ClassicGroup,
  member: CommittingMember,
  nowMs: number,
): ClassicGroup {
  const known = requireMember(group, member)
  requireGeneration(group, member.epoch)
  if (group.state === 'completing_rebalance') throw rebalanceError()
  return touch(group, known, nowMs)
}

/**
 * Checks that a member may commit offsets in a transaction. Unlike other commits it may do so while the leader is
 * assigning, and its session is not extended: the producer sends these commits.
 *
 * @throws {EdgelogError} `unknown_member_id`, `fenced_instance_id`, `illegal_generation`.
 */
export function checkTransactionalCommit(group: ClassicGroup, member: CommittingMember): void {
  requireMember(group, member)
  requireGeneration(group, member.epoch)
}
