/**
 * The classic rebalance protocol, as the group's Durable Object answers it: what JoinGroup, SyncGroup,
 * Heartbeat and LeaveGroup of Kafka's wire protocol say, without their framing. Types only.
 */
import type { Reply } from '../errors.ts'
import type { GroupId } from './group-id.ts'
import type { GroupState } from './group-state.ts'

export interface ClassicProtocol {
  readonly name: string
  /** Opaque to the server. */
  readonly metadata: Uint8Array
}

export interface JoinGroupRequest {
  readonly groupId: GroupId
  /** '' until the group has given one. */
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  readonly protocols: readonly ClassicProtocol[]
  /** JoinGroup v4 and later: a member without an id is refused with one, `member_id_required`. */
  readonly requiresKnownMemberId: boolean
  /** JoinGroup v9 and later: a leader that need not assign is told so. */
  readonly supportsSkippingAssignment: boolean
}

interface JoinedMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly metadata: Uint8Array
}

export interface JoinGroupAnswer {
  readonly generation: number
  readonly protocolType: string
  readonly protocolName: string
  readonly leader: string
  readonly skipAssignment: boolean
  readonly memberId: string
  /** All of them for the leader, none for the others. */
  readonly members: readonly JoinedMember[]
}

export interface SyncGroupRequest {
  readonly memberId: string
  readonly instanceId: string | null
  readonly generation: number
  /** null: not said, as before SyncGroup v5. */
  readonly protocolType: string | null
  readonly protocolName: string | null
  /** From the leader; empty from the others. */
  readonly assignments: ReadonlyArray<{
    readonly memberId: string
    readonly assignment: Uint8Array
  }>
}

export interface SyncGroupAnswer {
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
  /** As of the last generation that became stable with it. */
  readonly assignment: Uint8Array
}

/** What DescribeGroups of Kafka's wire protocol tells. */
export interface ClassicGroupDescription {
  readonly state: GroupState
  /** null: it never had members. */
  readonly protocolType: string | null
  /** null: there is no generation. */
  readonly protocolName: string | null
  readonly generation: number
  /** With their metadata of the protocol that was chosen. */
  readonly members: readonly ClassicMemberDescription[]
}

export interface ClassicGroupApi {
  joinGroup(request: JoinGroupRequest): Promise<Reply<JoinGroupAnswer>>
  syncGroup(request: SyncGroupRequest): Promise<Reply<SyncGroupAnswer>>
  classicHeartbeat(request: ClassicHeartbeatRequest): Promise<Reply<null>>
  leaveGroup(members: readonly LeavingMember[]): Promise<Reply<readonly LeftMember[]>>
  /**
   * Refusals: `group_id_not_found`; `inconsistent_group_protocol` where it has members of the other;
   * `request_too_large` where `classicDescriptionBytes` of it is more than `maxBytes`.
   */
  describeClassic(maxBytes: number): Promise<Reply<ClassicGroupDescription>>
}
