/**
 * The interface of a group's Durable Object for the classic rebalance protocol: the content of Kafka's
 * JoinGroup, SyncGroup, Heartbeat and LeaveGroup messages without their framing. Types only.
 */
import type { Result } from '../errors.ts'
import type { GroupId } from './group-id.ts'
import type { GroupState } from './group-state.ts'

export interface ClassicProtocol {
  readonly name: string
  /** Opaque to the server. */
  readonly metadata: Uint8Array
}

export interface JoinGroupRequest {
  readonly groupId: GroupId
  /** '' before the group has assigned an id. */
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  readonly protocols: readonly ClassicProtocol[]
  /** JoinGroup v4 and later: a member without an id is refused with `member_id_required`, which carries an id. */
  readonly requiresKnownMemberId: boolean
  /** JoinGroup v9 and later: a leader that need not assign receives `skipAssignment`. */
  readonly supportsSkippingAssignment: boolean
}

interface JoinedMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly metadata: Uint8Array
}

export interface JoinGroupResult {
  readonly generation: number
  readonly protocolType: string
  readonly protocolName: string
  readonly leader: string
  readonly skipAssignment: boolean
  readonly memberId: string
  /** All members for the leader, an empty list for the others. */
  readonly members: readonly JoinedMember[]
}

export interface SyncGroupRequest {
  readonly memberId: string
  readonly instanceId: string | null
  readonly generation: number
  /** null: not sent, as before SyncGroup v5. */
  readonly protocolType: string | null
  readonly protocolName: string | null
  /** The leader's assignments; empty from the other members. */
  readonly assignments: ReadonlyArray<{
    readonly memberId: string
    readonly assignment: Uint8Array
  }>
}

export interface SyncGroupResult {
  readonly protocolType: string
  readonly protocolName: string
  readonly assignment: Uint8Array
}

export interface ClassicHeartbeatRequest {
  readonly memberId: string
  readonly instanceId: string | null
  readonly generation: number
}

export interface LeavingMember {
  /** '' with an instance id: an administrator removes a static member. */
  readonly memberId: string
  readonly instanceId: string | null
}

export interface LeftMember extends LeavingMember {
  readonly error: 'unknown_member_id' | 'fenced_instance_id' | null
}

export interface ClassicMemberDescription extends JoinedMember {
  readonly clientId: string
  readonly clientHost: string
  /** The assignment of the last generation that became stable with this member. */
  readonly assignment: Uint8Array
}

/** The content of a group in Kafka's DescribeGroups response. */
export interface ClassicGroupDescription {
  readonly state: GroupState
  /** null: the group never had members. */
  readonly protocolType: string | null
  /** null: there is no generation. */
  readonly protocolName: string | null
  readonly generation: number
  /** The members, with their metadata of the chosen protocol. */
  readonly members: readonly ClassicMemberDescription[]
}

export interface ClassicGroupApi {
  joinGroup(request: JoinGroupRequest): Promise<Result<JoinGroupResult>>
  syncGroup(request: SyncGroupRequest): Promise<Result<SyncGroupResult>>
  classicHeartbeat(request: ClassicHeartbeatRequest): Promise<Result<null>>
  leaveGroup(members: readonly LeavingMember[]): Promise<Result<readonly LeftMember[]>>
  /**
   * Errors: `group_id_not_found`; `inconsistent_group_protocol` if the group has members of the other protocol;
   * `request_too_large` if its `classicDescriptionBytes` exceeds `maxBytes`.
   */
  describeClassic(maxBytes: number): Promise<Result<ClassicGroupDescription>>
}
