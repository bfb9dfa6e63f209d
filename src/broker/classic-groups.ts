/** The classic rebalance protocol of consumer groups: what a group refuses is thrown. */

import { ownBytes } from '../core/bytes/concatenate.ts'
import type {
  ClassicGroupDescription,
  ClassicHeartbeatRequest,
  JoinGroupAnswer,
  JoinGroupRequest,
  LeavingMember,
  LeftMember,
  SyncGroupAnswer,
  SyncGroupRequest,
} from '../core/group/classic-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import type { Cluster } from './cluster.ts'

/**
 * Held until the generation is made.
 *
 * @throws {EdgelogError} `member_id_required` with `details.memberId`, and what else `decideJoin`
 * refuses; `inconsistent_group_protocol`; of a new group `policy_violation`, `throttled`.
 */
export async function joinGroup(
  cluster: Cluster,
  request: JoinGroupRequest,
): Promise<JoinGroupAnswer> {
  const protocols = request.protocols.map(({ name, metadata }) => ({
    name,
    metadata: ownBytes(metadata),
  }))
  return await cluster.objects.callGroup(request.groupId, (group) =>
    group.joinGroup({ ...request, protocols }),
  )
}

/** Held until the leader has assigned. @throws {EdgelogError} what `decideSync` refuses. */
export async function syncGroup(
  cluster: Cluster,
  groupId: GroupId,
  request: SyncGroupRequest,
): Promise<SyncGroupAnswer> {
  const assignments = request.assignments.map(({ memberId, assignment }) => ({
    memberId,
    assignment: ownBytes(assignment),
  }))
  return await cluster.objects.callGroup(groupId, (group) =>
    group.syncGroup({ ...request, assignments }),
  )
}

/**
 * @throws {EdgelogError} `unknown_member_id`, also where there is no such group; `illegal_generation`,
 * `fenced_instance_id`, `rebalance_in_progress`.
 */
export async function classicHeartbeat(
  cluster: Cluster,
  groupId: GroupId,
  request: ClassicHeartbeatRequest,
): Promise<void> {
  await cluster.objects.callGroup(groupId, (group) => group.classicHeartbeat(request))
}

/** Each member is answered by itself; of a group that does not exist none is known. */
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
