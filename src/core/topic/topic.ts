/** The topic type, and the RPC interface of the coordinator. */
import type { Result } from '../errors.ts'
import type { GroupMetadata, TopicInterest } from '../group/group-api.ts'
import type { GroupConfigChange, GroupConfigOverrides } from '../group/group-config.ts'
import type { GroupId } from '../group/group-id.ts'
import type { ClientQuota, QuotaAlteration } from '../quota/client-quota.ts'
import type { QuotaFilter } from '../quota/quota-filter.ts'
import type { TopicConfig, TopicConfigChange, TopicConfigOverrides } from './topic-config.ts'
import type { TopicName } from './topic-name.ts'

/** The region in which a topic's partitions are placed: Cloudflare's location hints. */
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
  /** A UUID. A topic recreated under an old name gets a new id, and so never reads the old log. */
  readonly id: string
  readonly name: TopicName
  readonly partitions: number
  /** Grows with every change. */
  readonly version: number
  readonly config: TopicConfig
  /** The keys that were set explicitly; the other values of `config` are defaults. */
  readonly overrides: TopicConfigOverrides
  /** Takes effect at the first call to a partition, whoever makes it. */
  readonly locationHint?: LocationHint
}

export interface NewTopic {
  readonly name: TopicName
  readonly partitions: number
  readonly overrides: TopicConfigOverrides
  readonly locationHint?: LocationHint
  /** True to return the result without a change. */
  readonly validateOnly?: boolean
}

export interface TopicChange {
  /** The new total; must be greater than the current one. */
  readonly partitions?: number
  readonly overrides?: TopicConfigChange
  /** Resets keys that `overrides` does not name to their default: Kafka's AlterConfigs. */
  readonly resetsOthers?: boolean
  /** True to return the result without a change. */
  readonly validateOnly?: boolean
}

export interface FoundPartition {
  readonly topic: Topic
  /** True if the topic has the partition, and it is empty because it was never opened. */
  readonly isUnopened: boolean
}

/** A topic to delete; see `deleteTopic`. */
export interface TopicToDelete {
  readonly name: TopicName
  readonly id?: string
}

/** A group's subscription to changes of topics. */
export interface TopicWatch {
  readonly groupId: GroupId
  /** One lifetime of the group: a UUID that the group generates when it is created. */
  readonly incarnation: string
  readonly interest: TopicInterest
  /** Topics that must exist; otherwise the call fails and stores nothing. */
  readonly requiredTopics: readonly string[]
}

/** The RPC interface of the coordinator's Durable Object. */
export interface CoordinatorApi {
  createTopic(topic: NewTopic): Promise<Result<Topic>>
  /** Creates up to `COORDINATOR_TOPICS_MAX` topics in one commit. Returns one result per topic, in order. */
  createTopics(topics: readonly NewTopic[]): Promise<Result<ReadonlyArray<Result<Topic>>>>
  changeTopic(name: TopicName, change: TopicChange): Promise<Result<Topic>>
  /** Deletes a topic. With an id only that topic: `unknown_topic_id` if another topic or none has its name. */
  deleteTopic(name: TopicName, id?: string): Promise<Result<null>>
  /** Deletes up to `COORDINATOR_TOPICS_MAX` topics. Returns one result per topic, in order. */
  deleteTopics(topics: readonly TopicToDelete[]): Promise<Result<ReadonlyArray<Result<null>>>>
  getTopic(name: TopicName): Promise<Result<Topic>>
  /** Returns a topic, and whether one of its partitions was opened. */
  findPartition(name: TopicName, partition: number): Promise<Result<FoundPartition>>
  /** Returns the topic after it has configured a partition for its first call. */
  openPartition(name: TopicName, partition: number): Promise<Result<Topic>>
  /** Returns `unknown_topic_id` if no topic has the id. */
  getTopicById(id: string): Promise<Result<Topic>>
  listTopics(): Promise<Result<readonly Topic[]>>
  watchTopics(watch: TopicWatch): Promise<Result<GroupMetadata>>
  forgetGroup(groupId: GroupId, incarnation: string): Promise<void>
  /** Returns the ids of up to `limit` groups after `after`, in order. */
  listGroups(after: string, limit: number): Promise<Result<readonly GroupId[]>>
  /** Returns the configs that were set for a group, whether it exists or not. */
  groupConfig(groupId: GroupId): Promise<Result<GroupConfigOverrides>>
  changeGroupConfig(
    groupId: GroupId,
    change: GroupConfigChange,
    validateOnly: boolean,
  ): Promise<Result<null>>
  /** Returns the groups with a config that was set. */
  listConfiguredGroups(): Promise<Result<readonly GroupId[]>>
  /**
   * Adds a transactional id to the list, or gives its entry another incarnation.
   *
   * Errors: `policy_violation`, `throttled` for a new one.
   */
  registerTransactionalId(transactionalId: string, incarnation: string): Promise<Result<null>>
  /** Removes an entry of this incarnation. */
  forgetTransactionalId(transactionalId: string, incarnation: string): Promise<void>
  /** Returns up to `limit` transactional ids after `after`, in order. */
  listTransactions(after: string, limit: number): Promise<Result<readonly string[]>>
  /** Adds an application to the list, unless it is there. Errors: `policy_violation`. */
  registerApplication(name: string): Promise<Result<null>>
  forgetApplication(name: string): Promise<void>
  /** Returns the names of all applications, in order. */
  listApplications(): Promise<Result<readonly string[]>>
  listClientQuotas(filter: QuotaFilter): Promise<Result<readonly ClientQuota[]>>
  /** Returns one result per alteration, in order. */
  alterClientQuotas(
    alterations: readonly QuotaAlteration[],
    validateOnly: boolean,
  ): Promise<Result<ReadonlyArray<Result<null>>>>
}

/** Returns the name of a partition's Durable Object. */
export function partitionObjectName(topicId: string, partition: number): string {
  return `${topicId}/${partition}`
}

/** The name of the cluster's only coordinator object. */
export const COORDINATOR_OBJECT_NAME = 'cluster'
