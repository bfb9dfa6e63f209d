/**
 * The Durable Object that knows which topics exist: one per cluster, never on the path of a record.
 *
 * What is wished is written first, with an alarm beside it in the same commit; then the partitions are
 * told. A crash at any point leaves a row that the alarm brings to its end.
 */
import { DurableObject } from 'cloudflare:workers'
import { EdgelogError, type Reply, reply, replyAsync } from '../../src/core/errors.ts'
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
  /** Wait before partitions that did not answer are told again; doubles up to its bound. */
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
    // An alarm may have been used up, or lost, by the life before this one.
    if (this.#topics.hasPending()) this.#arm(RECONCILE_RETRY_MS_MIN)
  }

  /**
   * Creates a topic and answers once each of its partitions exists.
   *
   * Refusals: `topic_already_exists`, `invalid_topic`, `invalid_partitions`, `policy_violation`;
   * `unavailable` when a partition did not answer: the creation then goes on by itself.
   */
  async createTopic(request: NewTopic): Promise<Reply<Topic>> {
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
   * Adds partitions, sets config, or both; answers once every partition knows.
   *
   * Refusals: `unknown_topic_or_partition`, `invalid_partitions`, `invalid_config`; `unavailable` when
   * a partition did not answer: the change then goes on by itself and is seen when it is done.
   */
  async changeTopic(name: TopicName, change: TopicChange): Promise<Reply<Topic>> {
    return replyAsync(async () => {
      const topic = this.#findStaying(name)
      // Until it is there for the first time, only its deletion may be asked for.
      if (topic.applied === null) throw unknownTopic(name)
      const changed = decideChange(topic, change)
      return change.validateOnly ? wantedTopic(changed) : await this.#pursueVisible(changed)
    })
  }

  /**
   * Deletes a topic with its records. It is not seen from now on and its name is free; answers once
   * nothing is left of its partitions.
   *
   * Refusals: `unknown_topic_or_partition`, or with an id `unknown_topic_id`; `unavailable` when a
   * partition did not answer: the deletion then goes on by itself.
   */
  async deleteTopic(name: TopicName, id?: string): Promise<Reply<null>> {
    return replyAsync(async () => {
      if (id !== undefined && this.#topics.findColliding(name)?.id !== id) throw unknownTopicId(id)
      const topic = decideDelete(this.#findStaying(name))
      const deletion = this.#pursue(topic)
      // It is not seen any more from here on, however long its partitions take.
      this.#hintGroupsOf(name)
      await deletion
      return null
    })
  }

  /** Refusals: `unknown_topic_or_partition`. */
  async getTopic(name: TopicName): Promise<Reply<Topic>> {
    return reply(() => this.#findVisible(name))
  }

  /** Refusals: `unknown_topic_id`. */
  async getTopicById(id: string): Promise<Reply<Topic>> {
    return reply(() => {
      const state = this.#topics.findById(id)
      const topic = state === null ? null : visibleTopic(state)
      if (topic === null) throw unknownTopicId(id)
      return topic
    })
  }

  /** All topics, sorted by name. */
  async listTopics(): Promise<Reply<readonly Topic[]>> {
    return reply(() => this.#visibleTopics())
  }

  /**
   * The topics that a group asks for, and its config. It is noted as a group, and gets a hint when one of
   * these changes.
   *
   * Refusals: `unknown_topic_or_partition` for one of `requiredTopics`; of a group that is new
   * `policy_violation`, `throttled`.
   */
  async watchTopics(watch: TopicWatch): Promise<Reply<GroupMetadata>> {
    return reply(() => {
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

  async listGroups(after: string, limit: number): Promise<Reply<readonly GroupId[]>> {
    return reply(() => this.#groups.list(after, limit))
  }

  async groupConfig(groupId: GroupId): Promise<Reply<GroupConfigOverrides>> {
    return reply(() => this.#groupConfigs.read(groupId))
  }

  /** Refusals: `policy_violation`. */
  async changeGroupConfig(
    groupId: GroupId,
    change: GroupConfigChange,
    validateOnly: boolean,
  ): Promise<Reply<null>> {
    return reply(() => {
      const isChanged = this.#groupConfigs.change(groupId, change, validateOnly)
      if (isChanged && this.#groups.has(groupId)) void this.#hints.send([groupId])
      return null
    })
  }

  async listConfiguredGroups(): Promise<Reply<readonly GroupId[]>> {
    return reply(() => this.#groupConfigs.list())
  }

  async listClientQuotas(filter: QuotaFilter): Promise<Reply<readonly ClientQuota[]>> {
    return reply(() => this.#quotas.list(filter))
  }

  /** Refusals of single ones: `policy_violation`. */
  async alterClientQuotas(
    alterations: readonly QuotaAlteration[],
    validateOnly: boolean,
  ): Promise<Reply<ReadonlyArray<Reply<null>>>> {
    const alter = (alteration: QuotaAlteration) =>
      reply(() => {
        this.#quotas.alter(alteration, validateOnly)
        return null
      })
    return reply(() => alterations.map(alter))
  }

  /** Goes on with what a crash or a silent partition left undone. May run at any time, any often. */
  override async alarm(): Promise<void> {
    const pending = this.#topics.listPending()
    if (pending.length === 0) return
    // A fired alarm is used up: the next one is set before anything can go wrong.
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

  /** Writes the wish and its alarm in one turn, then tells the partitions. */
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
    // Somebody deleted it meanwhile.
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

  /** Not awaited: it belongs to the commit of its turn, and a failed commit resets the object. */
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
