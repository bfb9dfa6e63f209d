/** The classic rebalance protocol of consumer groups. Errors of a group are thrown. */

import { ownBytes } from '../core/bytes/concatenate.ts'
import type {
  ClassicGroupDescription,
  ClassicHeartbeatRequest,
  JoinGroupRequest,
  JoinGroupResult,
  LeavingMember,
  LeftMember,
  SyncGroupRequest,
  SyncGroupResult,
} from '../core/group/classic-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import type { Cluster } from './cluster.ts'

/**
 * Joins a group. Returns when the generation is complete.
 *
 * @throws {EdgelogError} `member_id_required` with `details.memberId`, and other errors of `decideJoin`;
 * `inconsistent_group_protocol`; for a new group `policy_violation`, `throttled`.
 */
export async function joinGroup(
  cluster: Cluster,
  request: JoinGroupRequest,
): Promise<JoinGroupResult> {
  const protocols = request.protocols.map(({ name, metadata }) => ({
    name,
    metadata: ownBytes(metadata),
  }))
  return await cluster.objects.callGroup(request.groupId, (group) =>
    group.joinGroup({ ...request, protocols }),
  )
}

/**
 * Returns the member's assignment, once the leader has sent it.
 *
 * @throws {EdgelogError} errors of `decideSync`.
 */
export async function syncGroup(
  cluster: Cluster,
  groupId: GroupId,
  request: SyncGroupRequest,
): Promise<SyncGroupResult> {
  const assignments = request.assignments.map(({ memberId, assignment }) => ({
    memberId,
    assignment: ownBytes(assignment),
  }))
  return await cluster.objects.callGroup(groupId, (group) =>
    group.syncGroup({ ...request, assignments }),
  )
}

/**
 * Sends a heartbeat of a classic member.
 *
 * @throws {EdgelogError} `unknown_member_id`, also if the group does not exist; `illegal_generation`,
 * `fenced_instance_id`, `rebalance_in_progress`.
 */
export async function classicHeartbeat(
  cluster: Cluster,
  groupId: GroupId,
  request: ClassicHeartbeatRequest,
): Promise<void> {
  await cluster.objects.callGroup(groupId, (group) => group.classicHeartbeat(request))
}

/** Removes members. Returns one result per member; a group that does not exist has no members. */
export async function leaveGroup(
  cluster: Cluster,
  groupId: GroupId,
  members: readonly LeavingMember[],
): Promise<readonly LeftMember[]> {
  return await cluster.objects.callGroup(groupId, (group) => group.leaveGroup(members))
}

/** @throws {EdgelogError} `group_id_not_found`, `inconsistent_group_protocol`, `request_too_large`. */
export async function describeClassicGroup(
  cluster: Cluster,
  groupId: GroupId,
  maxBytes: number,
): Promise<ClassicGroupDescription> {
  return await cluster.objects.callGroup(groupId, (group) => group.describeClassic(maxBytes))
}
