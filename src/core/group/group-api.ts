/**
 * The RPC interface of a group's Durable Object for the broker and the coordinator. Types only: both sides of
 * the RPC import this file and never each other.
 */
import type { Result } from '../errors.ts'
import type {
  ProducerIdAndEpoch,
  TransactionParticipant,
  TransactionTag,
} from '../transaction/participant-api.ts'
import type { AssignorName } from './assign/assignor.ts'
import type { ClassicGroupApi } from './classic-api.ts'
import type { GroupConfigOverrides } from './group-config.ts'
import type { GroupId } from './group-id.ts'
import type { GroupState } from './group-state.ts'

export interface TopicPartitions {
  readonly topicId: string
  readonly partitions: readonly number[]
}

/** A topic is identified by its id, or without one by its name. */
export interface OwnedPartitions {
  readonly topic?: string
  readonly topicId?: string
  readonly partitions: readonly number[]
}

export interface AssignedTopic extends TopicPartitions {
  readonly topic: string
}

/** Member epoch of the last heartbeat of a member that leaves permanently. */
export const LEAVE_EPOCH = -1
/** Member epoch of the last heartbeat of a static member that intends to return. */
export const LEAVE_STATIC_EPOCH = -2
/** Member epoch of a joining member. */
export const JOIN_EPOCH = 0

/** ConsumerGroupHeartbeat of KIP-848. An omitted field is unchanged. */
export interface HeartbeatRequest {
  readonly groupId: GroupId
  readonly memberId: string
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly clientHost: string
  readonly clientId?: string
  readonly rackId?: string
  readonly rebalanceTimeoutMs?: number
  readonly sessionTimeoutMs?: number
  readonly topics?: readonly string[]
  /** Topics whose whole name matches; '' removes the pattern. */
  readonly topicPattern?: string
  readonly assignor?: AssignorName
  /** The partitions that the member holds now. */
  readonly owned?: readonly OwnedPartitions[]
  /** Kafka's clients may subscribe to topics that do not exist yet; over HTTP they are refused. */
  readonly mayNameUnknownTopics: boolean
}

export interface HeartbeatResponse {
  readonly memberId: string
  readonly memberEpoch: number
  /** When the next heartbeat is due. */
  readonly heartbeatIntervalMs: number
  /** All partitions that the member has to hold; null: unchanged since the last response. */
  readonly assignment: readonly AssignedTopic[] | null
}

export interface OffsetToCommit {
  readonly topicId: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** -1: unknown. */
  readonly leaderEpoch: number
  readonly metadata: string
}

export interface CommitRequest {
  readonly groupId: GroupId
  /** The committing member; null: a commit without membership, which only an empty group accepts. */
  readonly member: CommittingMember | null
  /**
   * The offsets are pending until this transaction ends. Then `member` may be null while the group has members, and
   * a member of an old generation or epoch gets `illegal_generation`.
   */
  readonly transaction?: TransactionTag & ProducerIdAndEpoch
  readonly offsets: readonly OffsetToCommit[]
}

export interface CommittingMember {
  readonly memberId: string
  /** The member epoch, or the generation of the classic protocol. */
  readonly epoch: number
  readonly instanceId: string | null
}

export interface CommittedOffset extends OffsetToCommit {
  readonly committedAtMs: number
  /** Only with `requireStable`: an open transaction may change the offset, and the other fields of it are not set. */
  readonly isUnstable?: boolean
}

export interface OffsetFetchRequest {
  /** Limits the result to topics with these names; several topics may have had one name. */
  readonly topics?: readonly string[]
  /** If given, the group must have this member with this epoch. */
  readonly member?: CommittingMember
  /** Marks the partitions whose offset an open transaction may change. */
  readonly requireStable?: boolean
}

export type GroupProtocol = 'consumer' | 'classic'

export interface GroupSummary {
  readonly groupId: GroupId
  readonly state: GroupState
  /** null: the group has no members. */
  readonly protocol: GroupProtocol | null
  /** The protocol of the members, or of the last member of an empty group; null: it never had a member. */
  readonly lastProtocol: GroupProtocol | null
  /** Kafka's `protocol_type`: `consumer`, or the value of the classic members. Kept like `lastProtocol`. */
  readonly protocolType: string | null
  readonly memberCount: number
}

export interface MemberDescription {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly memberEpoch: number
  readonly state: string
  readonly topics: readonly string[]
  readonly topicPattern: string | null
  /** The partitions that the member holds or may take. */
  readonly assignment: readonly AssignedTopic[]
  /** The partitions that the member holds when reconciliation is complete. */
  readonly target: readonly AssignedTopic[]
}

export interface GroupDescription extends GroupSummary {
  /** The group epoch, or the generation of the classic protocol. */
  readonly groupEpoch: number
  readonly assignmentEpoch: number
  /** The assignor, or the protocol of the classic protocol. */
  readonly assignor: string | null
  readonly members: readonly MemberDescription[]
}

/**
 * Methods of a group. A group is created by its first member or its first offset. Before that, and after its
 * deletion, calls store nothing and return `group_id_not_found`.
 */
export interface GroupApi extends ClassicGroupApi, TransactionParticipant {
  heartbeat(request: HeartbeatRequest): Promise<Result<HeartbeatResponse>>
  commitOffsets(request: CommitRequest): Promise<Result<null>>
  fetchOffsets(request: OffsetFetchRequest): Promise<Result<readonly CommittedOffset[]>>
  /** Deletes the offset of one partition, or of all partitions of the topic. */
  deleteOffsets(topicId: string, partition: number | null): Promise<Result<null>>
  /** Deletes the offsets of deleted topics. */
  forgetTopics(topicIds: readonly string[]): Promise<Result<null>>
  summarize(): Promise<Result<GroupSummary>>
  /** Returns `request_too_large` if the group's `descriptionBytes` exceeds `maxBytes`. */
  describe(maxBytes?: number): Promise<Result<GroupDescription>>
  /** Deletes the group with its offsets; only while it is empty. */
  deleteGroup(): Promise<Result<null>>
  /** Makes the group read its topics and config from the coordinator again, because they may have changed. */
  refresh(): Promise<void>
}

/** The part of a group's state that the coordinator owns. */
export interface GroupMetadata {
  /** The topics that the group requested. */
  readonly topics: readonly GroupTopic[]
  readonly config: GroupConfigOverrides
}

/** The part of a topic that groups need. */
export interface GroupTopic {
  readonly id: string
  readonly name: string
  readonly partitions: number
}

/** The topics whose changes the coordinator pushes to a group. */
export interface TopicInterest {
  readonly names: readonly string[]
  /** True for all topics, because some member subscribes by pattern. */
  readonly all: boolean
}
