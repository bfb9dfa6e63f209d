/**
 * What one group's Durable Object answers, seen by the broker and the coordinator. Types only: both
 * sides of the RPC import this file and never each other.
 */
import type { Reply } from '../errors.ts'
import type { AssignorName } from './assign/assignor.ts'
import type { ClassicGroupApi } from './classic-api.ts'
import type { GroupConfigOverrides } from './group-config.ts'
import type { GroupId } from './group-id.ts'
import type { GroupState } from './group-state.ts'

export interface TopicPartitions {
  readonly topicId: string
  readonly partitions: readonly number[]
}

/** A topic is known by its id; where that is not said, by its name. */
export interface OwnedPartitions {
  readonly topic?: string
  readonly topicId?: string
  readonly partitions: readonly number[]
}

export interface AssignedTopic extends TopicPartitions {
  readonly topic: string
}

/** A member's epoch in its last heartbeat: it goes for good. */
export const LEAVE_EPOCH = -1
/** The same of a static member that means to come back. */
export const LEAVE_STATIC_EPOCH = -2
/** The member epoch of who joins. */
export const JOIN_EPOCH = 0

/** ConsumerGroupHeartbeat of KIP-848. A field that is left out is as it was. */
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
  /** Topics whose whole name matches; '' takes the pattern away. */
  readonly topicPattern?: string
  readonly assignor?: AssignorName
  /** What the member holds now. */
  readonly owned?: readonly OwnedPartitions[]
  /** Kafka's clients may name topics that are yet to come; over HTTP they are refused. */
  readonly mayNameUnknownTopics: boolean
}

export interface HeartbeatAnswer {
  readonly memberId: string
  readonly memberEpoch: number
  /** When the next heartbeat is due. */
  readonly heartbeatIntervalMs: number
  /** What the member is to hold, all of it; null: as it was told before. */
  readonly assignment: readonly AssignedTopic[] | null
}

export interface OffsetToCommit {
  readonly topicId: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** -1: not known. */
  readonly leaderEpoch: number
  readonly metadata: string
}

export interface CommitRequest {
  readonly groupId: GroupId
  /** Who commits; null: by hand, which only an empty group takes. */
  readonly member: CommittingMember | null
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
}

export interface OffsetFetchRequest {
  /** Only of topics of these names; of one name there may have been several. */
  readonly topics?: readonly string[]
  /** With it, the member must be there with that epoch. */
  readonly member?: CommittingMember
}

export type GroupProtocol = 'consumer' | 'classic'

export interface GroupSummary {
  readonly groupId: GroupId
  readonly state: GroupState
  /** null: it has no members. */
  readonly protocol: GroupProtocol | null
  /** That of its members or, where it has none, of the last; null: it never had any. */
  readonly lastProtocol: GroupProtocol | null
  /** Kafka's word of what the group is for, kept as long: `consumer`, or what its classic members say. */
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
  /** What it holds, or is free to hold. */
  readonly assignment: readonly AssignedTopic[]
  /** What it is to hold in the end. */
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
 * A group comes into being with its first member or its first offset. Until then, and after it is
 * deleted, asking stores nothing and is answered `group_id_not_found`.
 */
export interface GroupApi extends ClassicGroupApi {
  heartbeat(request: HeartbeatRequest): Promise<Reply<HeartbeatAnswer>>
  commitOffsets(request: CommitRequest): Promise<Reply<null>>
  fetchOffsets(request: OffsetFetchRequest): Promise<Reply<readonly CommittedOffset[]>>
  /** The offset of one partition, or of all of the topic's. */
  deleteOffsets(topicId: string, partition: number | null): Promise<Reply<null>>
  /** Forgets the offsets of topics that were deleted. */
  forgetTopics(topicIds: readonly string[]): Promise<Reply<null>>
  summarize(): Promise<Reply<GroupSummary>>
  /** `request_too_large` where `descriptionBytes` of it is more than `maxBytes`. */
  describe(maxBytes?: number): Promise<Reply<GroupDescription>>
  /** Deletes the group with its offsets; only while it is empty. */
  deleteGroup(): Promise<Reply<null>>
  /** A hint that its topics or its config have changed: it asks the coordinator for them. */
  refresh(): Promise<void>
}

/** The part of a group's state that the coordinator owns. */
export interface GroupMetadata {
  /** Those that it asks for. */
  readonly topics: readonly GroupTopic[]
  readonly config: GroupConfigOverrides
}

/** A topic as groups see it. */
export interface GroupTopic {
  readonly id: string
  readonly name: string
  readonly partitions: number
}

/** Which topics a group is to hear of. */
export interface TopicInterest {
  readonly names: readonly string[]
  /** All topics: some member subscribes by pattern. */
  readonly all: boolean
}
