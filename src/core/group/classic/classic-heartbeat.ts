/** Decides what a member of the classic protocol hears when it says that it is alive, or commits. */
import type { Reply } from '../../errors.ts'
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
  readonly answer: Reply<null>
}

/**
 * Heartbeat. Nothing of it need be stored, and it makes no deadline earlier. A member that is told
 * `rebalance_in_progress` is heard all the same: that is why it is an answer and not thrown.
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
    answer: isPreparing ? { error: rebalanceError().toBody() } : { ok: null },
  }
}

/**
 * Checks that a member may commit offsets; returns the group that has heard of it. Members may commit
 * until the next generation is made, so that they can do it before they join that.
 *
 * @param member With the generation as its epoch. Who commits by hand is no matter of this function:
 * that is allowed while the group is empty.
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
