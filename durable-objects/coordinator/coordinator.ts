/**
 * The Durable Object that stores which topics exist. There is one per cluster, and records never pass through it.
 *
 * It first writes the wanted state and, in the same commit, sets an alarm; then it calls the partitions. After a crash
 * at any point the alarm completes the change that the row describes.
 */
import { DurableObject } from 'cloudflare:workers'
import { EdgelogError, type Result, replyAsync, resultOf } from '../../src/core/errors.ts'
import type { GroupMetadata, TopicInterest } from '../../src/core/group/group-api.ts'
import type { GroupConfigChange, GroupConfigOverrides } from '../../src/core/group/group-config.ts'
import type { GroupId } from '../../src/core/group/group-id.ts'
import { RECONCILE_RETRY_MS_MAX, RECONCILE_RETRY_MS_MIN } from '../../src/core/limits.ts'
import type { ClientQuota, QuotaAlteration } from '../../src/core/quota/client-quota.ts'
import type { QuotaFilter } from '../../src/core/quota/quota-filter.ts'
import type {
  CoordinatorApi,
  NewTopic,
  Topic,
  TopicChange,
  TopicWatch,
} from '../../src/core/topic/topic.ts'
import type { TopicName } from '../../src/core/topic/topic-name.ts'
import {
  decideChange,
  decideCreate,
  decideDelete,
  nextStep,
  type TopicState,
  visibleTopic,
  wantedTopic,
} from '../../src/core/topic/topic-state.ts'
import { report } from '../../src/events/report.ts'
import { migrate } from '../migrate.ts'
import { GroupConfigTable } from './group-config-table.ts'
import { GroupHints, type GroupNamespace } from './group-hints.ts'
import { GroupRegistry } from './group-registry.ts'
import { QuotaTable } from './quota-table.ts'
import { type PartitionNamespace, Reconciler } from './reconciler.ts'
import { COORDINATOR_SCHEMA } from './schema.ts'
import { TopicTable } from './topic-table.ts'

export interface CoordinatorEnv {
  readonly PARTITION: PartitionNamespace
  readonly GROUP: GroupNamespace
}

export class Coordinator extends DurableObject<CoordinatorEnv> implements CoordinatorApi {
  readonly #topics: TopicTable
  readonly #groups: GroupRegistry
  readonly #groupConfigs: GroupConfigTable
  readonly #quotas: QuotaTable
  readonly #reconciler: Reconciler
  readonly #hints: GroupHints
  /** Delay before partitions that did not respond are called again; doubles up to its limit. */
  #retryMs = RECONCILE_RETRY_MS_MIN

  constructor(ctx: DurableObjectState, env: CoordinatorEnv) {
    super(ctx, env)
    migrate(ctx.storage, COORDINATOR_SCHEMA)
    this.#topics = new TopicTable(ctx.storage.sql)
    this.#groups = new GroupRegistry(ctx.storage.sql)
    this.#groupConfigs = new GroupConfigTable(ctx.storage.sql)
    this.#hints = new GroupHints(env.GROUP)
    this.#quotas = new QuotaTable(ctx.storage.sql)
    this.#reconciler = new Reconciler(this.#topics, env.PARTITION, (topic) => {
      this.#disarmIfSettled()
      this.#hintGroupsOf(topic)
    })
    // The alarm may have fired, or been lost, before this restart.
    if (this.#topics.hasPending()) this.#arm(RECONCILE_RETRY_MS_MIN)
  }

  /**
   * Creates a topic and returns once each of its partitions exists.
   *
   * Errors: `topic_already_exists`, `invalid_topic`, `invalid_partitions`, `policy_violation`; `unavailable` when a
   * partition did not respond: the creation then continues in the background.
   */
  async createTopic(request: NewTopic): Promise<Result<Topic>> {
    return replyAsync(async () => {
      const topic = decideCreate(request, {
        id: crypto.randomUUID(),
        nowMs: Date.now(),
        existing: this.#topics.findColliding(request.name),
        topicCount: this.#topics.countStaying(),
      })
      return request.validateOnly ? wantedTopic(topic) : await this.#pursueVisible(topic)
    })
  }

  /**
   * Adds partitions, sets config, or both; returns once every partition has applied the change.
   *
   * Errors: `unknown_topic_or_partition`, `invalid_partitions`, `invalid_config`; `unavailable` when a partition did
   * not respond: the change then continues in the background and becomes visible when it is complete.
   */
  async changeTopic(name: TopicName, change: TopicChange): Promise<Result<Topic>> {
    return replyAsync(async () => {
      const topic = this.#findStaying(name)
      // A topic still being created can only be deleted.
      if (topic.applied === null) throw unknownTopic(name)
      const changed = decideChange(topic, change)
      return change.validateOnly ? wantedTopic(changed) : await this.#pursueVisible(changed)
    })
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
      if (id !== undefined && this.#topics.findColliding(name)?.id !== id) throw unknownTopicId(id)
      const topic = decideDelete(this.#findStaying(name))
      const deletion = this.#pursue(topic)
      // The topic is invisible from here on, however long its partitions take.
      this.#hintGroupsOf(name)
      await deletion
      return null
    })
  }

  /** Errors: `unknown_topic_or_partition`. */
  async getTopic(name: TopicName): Promise<Result<Topic>> {
    return resultOf(() => this.#findVisible(name))
  }

  /** Errors: `unknown_topic_id`. */
  async getTopicById(id: string): Promise<Result<Topic>> {
    return resultOf(() => {
      const state = this.#topics.findById(id)
      const topic = state === null ? null : visibleTopic(state)
      if (topic === null) throw unknownTopicId(id)
      return topic
    })
  }

  /** Returns all topics, sorted by name. */
  async listTopics(): Promise<Result<readonly Topic[]>> {
    return resultOf(() => this.#visibleTopics())
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
      for (const name of watch.requiredTopics) this.#findVisible(name as TopicName)
      this.#groups.note(groupId, incarnation, interest, Date.now())
      const topics = this.#topicsOf(interest).map(({ id, name, partitions }) => {
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
    const pending = this.#topics.listPending()
    if (pending.length === 0) return
    // A fired alarm is gone, so set the next one before anything can fail.
    this.#retryMs = Math.min(this.#retryMs * 2, RECONCILE_RETRY_MS_MAX)
    this.#arm(this.#retryMs)
    const results = await Promise.allSettled(
      pending.map((topic) => this.#reconciler.reach(topic.id, topic.wanted.version)),
    )
    for (const [index, result] of results.entries()) {
      const topic = pending[index]?.name
      if (result.status === 'fulfilled' || topic === undefined) continue
      report({ type: 'topic_not_settled', topic, error: result.reason })
    }
  }

  /** Writes the wanted state and its alarm in one turn, then calls the partitions. */
  async #pursue(topic: TopicState): Promise<void> {
    if (nextStep(topic) === null) return
    this.#topics.write(topic)
    this.#arm(RECONCILE_RETRY_MS_MIN)
    await this.#reconciler.reach(topic.id, topic.wanted.version)
  }

  async #pursueVisible(topic: TopicState): Promise<Topic> {
    await this.#pursue(topic)
    const settled = this.#topics.findById(topic.id)
    const visible = settled === null ? null : visibleTopic(settled)
    // The topic was deleted in the meantime.
    if (visible === null) throw unknownTopic(topic.name)
    return visible
  }

  #findStaying(name: TopicName): TopicState {
    const topic = this.#topics.findColliding(name)
    if (topic?.name !== name) throw unknownTopic(name)
    return topic
  }

  #findVisible(name: TopicName): Topic {
    const topic = visibleTopic(this.#findStaying(name))
    if (topic === null) throw unknownTopic(name)
    return topic
  }

  #visibleTopics(): Topic[] {
    return this.#topics
      .listStaying()
      .map(visibleTopic)
      .filter((topic) => topic !== null)
      .sort((one, other) => (one.name < other.name ? -1 : 1))
  }

  #topicsOf({ names, all }: TopicInterest): Topic[] {
    if (all) return this.#visibleTopics()
    return names.flatMap((name) => {
      const topic = this.#topics.findColliding(name as TopicName)
      const visible = topic?.name === name ? visibleTopic(topic) : null
      return visible === null ? [] : [visible]
    })
  }

  #hintGroupsOf(topic: TopicName): void {
    void this.#hints.send(this.#groups.interestedIn(topic))
  }

  /** Not awaited: the write belongs to the commit of its turn, and a failed commit resets the object. */
  #arm(delayMs: number): void {
    void this.ctx.storage.setAlarm(Date.now() + delayMs)
  }

  #disarmIfSettled(): void {
    if (this.#topics.hasPending()) return
    this.#retryMs = RECONCILE_RETRY_MS_MIN
    void this.ctx.storage.deleteAlarm()
  }
}

function unknownTopicId(id: string): EdgelogError {
  return new EdgelogError('unknown_topic_id', `no topic has the id ${id}`)
}

function unknownTopic(name: TopicName): EdgelogError {
  return new EdgelogError('unknown_topic_or_partition', `topic ${name} does not exist`)
}
