/**
 * The Durable Object that stores which topics exist. There is one per cluster, and records never pass through it. A
 * thin shell: it receives calls, and `TopicChanges` makes changes that survive a crash.
 */
import { DurableObject } from 'cloudflare:workers'
import { type Result, replyAsync, resultOf } from '../../src/core/errors.ts'
import type { GroupMetadata } from '../../src/core/group/group-api.ts'
import type { GroupConfigChange, GroupConfigOverrides } from '../../src/core/group/group-config.ts'
import type { GroupId } from '../../src/core/group/group-id.ts'
import type { ClientQuota, QuotaAlteration } from '../../src/core/quota/client-quota.ts'
import type { QuotaFilter } from '../../src/core/quota/quota-filter.ts'
import type {
  CoordinatorApi,
  FoundPartition,
  NewTopic,
  Topic,
  TopicChange,
  TopicToDelete,
  TopicWatch,
} from '../../src/core/topic/topic.ts'
import type { TopicName } from '../../src/core/topic/topic-name.ts'
import { migrate } from '../migrate.ts'
import { nextTurn } from '../next-turn.ts'
import { ApplicationRegistry } from './application-registry.ts'
import { GroupConfigTable } from './group-config-table.ts'
import { GroupHints, type GroupNamespace } from './group-hints.ts'
import { GroupRegistry } from './group-registry.ts'
import { QuotaTable } from './quota-table.ts'
import type { PartitionNamespace } from './reconciler.ts'
import { COORDINATOR_SCHEMA } from './schema.ts'
import { TopicChanges } from './topic-changes.ts'
import { TopicTable } from './topic-table.ts'
import { TransactionRegistry } from './transaction-registry.ts'
import { VisibleTopics } from './visible-topics.ts'

export interface CoordinatorEnv {
  readonly PARTITION: PartitionNamespace
  readonly GROUP: GroupNamespace
}

interface Creations {
  readonly requests: NewTopic[]
  readonly results: Promise<ReadonlyArray<Result<Topic>>>
}

export class Coordinator extends DurableObject<CoordinatorEnv> implements CoordinatorApi {
  readonly #visible: VisibleTopics
  readonly #groups: GroupRegistry
  readonly #groupConfigs: GroupConfigTable
  readonly #quotas: QuotaTable
  readonly #transactions: TransactionRegistry
  readonly #applications: ApplicationRegistry
  readonly #changes: TopicChanges
  readonly #hints: GroupHints
  /** The creations of the next turn: they share its commit. */
  #creations: Creations | undefined

  constructor(ctx: DurableObjectState, env: CoordinatorEnv) {
    super(ctx, env)
    migrate(ctx.storage, COORDINATOR_SCHEMA)
    const topics = new TopicTable(ctx.storage.sql)
    this.#visible = new VisibleTopics(topics)
    this.#groups = new GroupRegistry(ctx.storage.sql)
    this.#groupConfigs = new GroupConfigTable(ctx.storage.sql)
    this.#hints = new GroupHints(env.GROUP)
    this.#quotas = new QuotaTable(ctx.storage.sql)
    this.#transactions = new TransactionRegistry(ctx.storage.sql)
    this.#applications = new ApplicationRegistry(ctx.storage.sql)
    this.#changes = new TopicChanges(ctx.storage, topics, env.PARTITION, (topic) =>
      this.#hintGroupsOf(topic),
    )
  }

  /**
   * Creates a topic. Its partitions are opened one by one, each for its first call.
   *
   * Errors: `topic_already_exists`, `invalid_topic`, `invalid_partitions`, `policy_violation`.
   */
  async createTopic(request: NewTopic): Promise<Result<Topic>> {
    this.#creations ??= this.#startCreations()
    const { requests, results } = this.#creations
    const index = requests.push(request) - 1
    return (await results)[index] as Result<Topic>
  }

  /** Creates in the next turn what is requested until then. */
  #startCreations(): Creations {
    const requests: NewTopic[] = []
    const results = nextTurn().then(() => {
      this.#creations = undefined
      return requests.map((request) => resultOf(() => this.#changes.create(request)))
    })
    return { requests, results }
  }

  /** Creates topics in one turn, and so in one commit. Errors of single topics: those of `createTopic`. */
  async createTopics(requests: readonly NewTopic[]): Promise<Result<ReadonlyArray<Result<Topic>>>> {
    return resultOf(() => requests.map((request) => resultOf(() => this.#changes.create(request))))
  }

  /**
   * Adds partitions, sets config, or both; returns once every opened partition has applied the change.
   *
   * Errors: `unknown_topic_or_partition`, `invalid_partitions`, `invalid_config`; `unavailable` when a partition did
   * not respond: the change then continues in the background and becomes visible when it is complete.
   */
  async changeTopic(name: TopicName, change: TopicChange): Promise<Result<Topic>> {
    return replyAsync(() => this.#changes.change(name, change))
  }

  /**
   * Deletes a topic with its records. The topic is invisible and its name is free at
   * once; returns when nothing is left of its partitions.
   *
   * Errors: `unknown_topic_or_partition`, or with an id `unknown_topic_id`; `unavailable` when a partition did not
   * respond: the deletion then continues in the background.
   */
  async deleteTopic(name: TopicName, id?: string): Promise<Result<null>> {
    return replyAsync(async () => {
      await this.#changes.delete(name, id)
      return null
    })
  }

  /** Deletes topics at the same time. Errors of single topics: those of `deleteTopic`. */
  async deleteTopics(
    topics: readonly TopicToDelete[],
  ): Promise<Result<ReadonlyArray<Result<null>>>> {
    return replyAsync(() => Promise.all(topics.map(({ name, id }) => this.deleteTopic(name, id))))
  }

  /** Errors: `unknown_topic_or_partition`. */
  async getTopic(name: TopicName): Promise<Result<Topic>> {
    return resultOf(() => this.#visible.get(name))
  }

  /** Errors: `unknown_topic_or_partition`. */
  async findPartition(name: TopicName, partition: number): Promise<Result<FoundPartition>> {
    return resultOf(() => this.#visible.findPartition(name, partition))
  }

  /**
   * Opens a partition that the topic has, and returns the topic.
   *
   * Errors: `unknown_topic_or_partition`; `unavailable` when the partition did not respond.
   */
  async openPartition(name: TopicName, partition: number): Promise<Result<Topic>> {
    return replyAsync(async () => {
      await this.#changes.open(name, partition)
      // The topic may have been changed, deleted or recreated meanwhile.
      return this.#visible.get(name)
    })
  }

  /** Errors: `unknown_topic_id`. */
  async getTopicById(id: string): Promise<Result<Topic>> {
    return resultOf(() => this.#visible.getById(id))
  }

  /** Returns all topics, sorted by name. */
  async listTopics(): Promise<Result<readonly Topic[]>> {
    return resultOf(() => this.#visible.list())
  }

  /**
   * Returns the topics that a group uses, and its config. Registers the
   * group, which gets a hint when one of these changes.
   *
   * Errors: `unknown_topic_or_partition` for one of `requiredTopics`; for a
   * new group also `policy_violation`, `throttled`.
   */
  async watchTopics(watch: TopicWatch): Promise<Result<GroupMetadata>> {
    return resultOf(() => {
      const { groupId, incarnation, interest } = watch
      for (const name of watch.requiredTopics) this.#visible.get(name as TopicName)
      this.#groups.note(groupId, incarnation, interest, Date.now())
      const topics = this.#visible.of(interest).map(({ id, name, partitions }) => {
        return { id, name, partitions }
      })
      return { topics, config: this.#groupConfigs.read(groupId) }
    })
  }

  async forgetGroup(groupId: GroupId, incarnation: string): Promise<void> {
    this.#groups.forget(groupId, incarnation)
  }

  async listGroups(after: string, limit: number): Promise<Result<readonly GroupId[]>> {
    return resultOf(() => this.#groups.list(after, limit))
  }

  async groupConfig(groupId: GroupId): Promise<Result<GroupConfigOverrides>> {
    return resultOf(() => this.#groupConfigs.read(groupId))
  }

  /** Errors: `policy_violation`. */
  async changeGroupConfig(
    groupId: GroupId,
    change: GroupConfigChange,
    validateOnly: boolean,
  ): Promise<Result<null>> {
    return resultOf(() => {
      const isChanged = this.#groupConfigs.change(groupId, change, validateOnly)
      if (isChanged && this.#groups.has(groupId)) void this.#hints.send([groupId])
      return null
    })
  }

  async listConfiguredGroups(): Promise<Result<readonly GroupId[]>> {
    return resultOf(() => this.#groupConfigs.list())
  }

  /** Errors: `policy_violation`, `throttled` for a new id. */
  async registerTransactionalId(
    transactionalId: string,
    incarnation: string,
  ): Promise<Result<null>> {
    return resultOf(() => {
      this.#transactions.register(transactionalId, incarnation, Date.now())
      return null
    })
  }

  async forgetTransactionalId(transactionalId: string, incarnation: string): Promise<void> {
    this.#transactions.forget(transactionalId, incarnation)
  }

  async listTransactions(after: string, limit: number): Promise<Result<readonly string[]>> {
    return resultOf(() => this.#transactions.list(after, limit))
  }

  /** Errors: `policy_violation`. */
  async registerApplication(name: string): Promise<Result<null>> {
    return resultOf(() => {
      this.#applications.register(name)
      return null
    })
  }

  async forgetApplication(name: string): Promise<void> {
    this.#applications.forget(name)
  }

  async listApplications(): Promise<Result<readonly string[]>> {
    return resultOf(() => this.#applications.list())
  }

  async listClientQuotas(filter: QuotaFilter): Promise<Result<readonly ClientQuota[]>> {
    return resultOf(() => this.#quotas.list(filter))
  }

  /** Errors of single alterations: `policy_violation`. */
  async alterClientQuotas(
    alterations: readonly QuotaAlteration[],
    validateOnly: boolean,
  ): Promise<Result<ReadonlyArray<Result<null>>>> {
    const alter = (alteration: QuotaAlteration) =>
      resultOf(() => {
        this.#quotas.alter(alteration, validateOnly)
        return null
      })
    return resultOf(() => alterations.map(alter))
  }

  /**
   * Continues what a crash or an unresponsive partition left unfinished.
   * Idempotent: may run at any time and repeatedly.
   */
  override async alarm(): Promise<void> {
    await this.#changes.resume()
  }

  #hintGroupsOf(topic: TopicName): void {
    void this.#hints.send(this.#groups.interestedIn(topic))
  }
}
