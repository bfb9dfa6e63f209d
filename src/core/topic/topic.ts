/** A topic as every room of the house sees it, and what may be asked of the coordinator. */
import type { Reply } from '../errors.ts'
import type { GroupMetadata, TopicInterest } from '../group/group-api.ts'
import type { GroupConfigChange, GroupConfigOverrides } from '../group/group-config.ts'
import type { GroupId } from '../group/group-id.ts'
import type { ClientQuota, QuotaAlteration } from '../quota/client-quota.ts'
import type { QuotaFilter } from '../quota/quota-filter.ts'
import type { TopicConfig, TopicConfigChange, TopicConfigOverrides } from './topic-config.ts'
import type { TopicName } from './topic-name.ts'

/** Where a topic's partitions are placed; Cloudflare's location hints. */
export const LOCATION_HINTS = [
  'wnam',
  'enam',
  'sam',
  'weur',
  'eeur',
  'apac',
  'apac-ne',
  'apac-se',
  'oc',
  'afr',
  'me',
] as const
export type LocationHint = (typeof LOCATION_HINTS)[number]

export interface Topic {
  /** A UUID. A topic created anew under an old name has another, so it never meets its old log. */
  readonly id: string
  readonly name: TopicName
  readonly partitions: number
  /** Grows with every change. */
  readonly version: number
  readonly config: TopicConfig
  /** The keys that were set by hand; the rest of `config` are defaults. */
  readonly overrides: TopicConfigOverrides
}

export interface NewTopic {
  readonly name: TopicName
  readonly partitions: number
  readonly overrides: TopicConfigOverrides
  readonly locationHint?: LocationHint
  /** Only says what would be, and changes nothing. */
  readonly validateOnly?: boolean
}

export interface TopicChange {
  /** The new total; only more than now. */
  readonly partitions?: number
  readonly overrides?: TopicConfigChange
  /** Keys that `overrides` does not name get back their default: Kafka's AlterConfigs. */
  readonly resetsOthers?: boolean
  /** Only says what would be, and changes nothing. */
  readonly validateOnly?: boolean
}

/** A group that asks for topics, and wants to hear when they change. */
export interface TopicWatch {
  readonly groupId: GroupId
  /** One life of the group: a UUID that it gives itself when it comes into being. */
  readonly incarnation: string
  readonly interest: TopicInterest
  /** Those that must exist; otherwise the call is refused and nothing is noted. */
  readonly requiredTopics: readonly string[]
}

/** What the coordinator's Durable Object answers. */
export interface CoordinatorApi {
  createTopic(topic: NewTopic): Promise<Reply<Topic>>
  changeTopic(name: TopicName, change: TopicChange): Promise<Reply<Topic>>
  /** With an id only that very topic: `unknown_topic_id` where another one has its name, or none. */
  deleteTopic(name: TopicName, id?: string): Promise<Reply<null>>
  getTopic(name: TopicName): Promise<Reply<Topic>>
  /** `unknown_topic_id` if no topic has it. */
  getTopicById(id: string): Promise<Reply<Topic>>
  listTopics(): Promise<Reply<readonly Topic[]>>
  watchTopics(watch: TopicWatch): Promise<Reply<GroupMetadata>>
  forgetGroup(groupId: GroupId, incarnation: string): Promise<void>
  /** The ids of up to `limit` groups after `after`, in their order. */
  listGroups(after: string, limit: number): Promise<Reply<readonly GroupId[]>>
  /** Returns the configs that were set for a group, whether it is there or not. */
  groupConfig(groupId: GroupId): Promise<Reply<GroupConfigOverrides>>
  changeGroupConfig(
    groupId: GroupId,
    change: GroupConfigChange,
    validateOnly: boolean,
  ): Promise<Reply<null>>
  /** Groups for which something was set. */
  listConfiguredGroups(): Promise<Reply<readonly GroupId[]>>
  listClientQuotas(filter: QuotaFilter): Promise<Reply<readonly ClientQuota[]>>
  /** The outcome of each, in their order. */
  alterClientQuotas(
    alterations: readonly QuotaAlteration[],
    validateOnly: boolean,
  ): Promise<Reply<ReadonlyArray<Reply<null>>>>
}

/** The name of a partition's Durable Object. */
export function partitionObjectName(topicId: string, partition: number): string {
  return `${topicId}/${partition}`
}

/** The name of the one coordinator object of a cluster. */
export const COORDINATOR_OBJECT_NAME = 'cluster'
