/** Operations of group members, for both protocols. */
import { groupResource, topicResource } from '../core/access/resource.ts'
import type {
  ClassicHeartbeatRequest,
  JoinGroupRequest,
  JoinGroupResult,
  LeavingMember,
  LeftMember,
  SyncGroupRequest,
  SyncGroupResult,
} from '../core/group/classic-api.ts'
import { checkHeartbeat } from '../core/group/consumer/check-heartbeat.ts'
import type { HeartbeatRequest, HeartbeatResponse } from '../core/group/group-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import type { Access } from './access.ts'
import { classicHeartbeat, joinGroup, leaveGroup, syncGroup } from './classic-groups.ts'
import type { Cluster } from './cluster.ts'
import { heartbeat } from './groups.ts'

/** Every method throws `group_authorization_failed`, in addition to the errors of the function it calls. */
export class MemberOperations {
  readonly #cluster: Cluster
  readonly #access: Access

  constructor(cluster: Cluster, access: Access) {
    this.#cluster = cluster
    this.#access = access
  }

  /**
   * Needs `read` on the group, and `describe` on each topic that the member names. A pattern may match topics that the
   * member may not read: fetching their records fails.
   *
   * @throws {EdgelogError} also errors of `checkHeartbeat`.
   */
  async heartbeat(request: HeartbeatRequest): Promise<HeartbeatResponse> {
    await this.#access.check('read', groupResource(request.groupId))
    checkHeartbeat(request)
    await this.#access.checkEach('describe', (request.topics ?? []).map(topicResource))
    return await heartbeat(this.#cluster, request)
  }

  /** Needs `read` on the group. */
  join(request: JoinGroupRequest): Promise<JoinGroupResult> {
    return this.#access.guard('read', groupResource(request.groupId), () =>
      joinGroup(this.#cluster, request),
    )
  }

  /** Needs `read` on the group. */
  sync(groupId: GroupId, request: SyncGroupRequest): Promise<SyncGroupResult> {
    return this.#access.guard('read', groupResource(groupId), () =>
      syncGroup(this.#cluster, groupId, request),
    )
  }

  /** Needs `read` on the group. */
  classicHeartbeat(groupId: GroupId, request: ClassicHeartbeatRequest): Promise<void> {
    return this.#access.guard('read', groupResource(groupId), () =>
      classicHeartbeat(this.#cluster, groupId, request),
    )
  }

  /** Needs `read` on the group. */
  leave(groupId: GroupId, members: readonly LeavingMember[]): Promise<readonly LeftMember[]> {
    return this.#access.guard('read', groupResource(groupId), () =>
      leaveGroup(this.#cluster, groupId, members),
    )
  }
}
