/**
 * The Durable Object that knows which topics exist: one per cluster, never on the path of a record.
 *
 * What is wished is written first, with an alarm beside it in the same commit; then the partitions are
 * told. A crash at any point leaves a row that the alarm brings to its end.
 */
import { DurableObject } from 'cloudflare:workers'
import { EdgelogError, type Reply, reply, replyAsync } from '../../src/core/errors.ts'
import { RECONCILE_RETRY_MS_MAX, RECONCILE_RETRY_MS_MIN } from '../../src/core/limits.ts'
import type { CoordinatorApi, NewTopic, Topic, TopicChange } from '../../src/core/topic/topic.ts'
import type { TopicName } from '../../src/core/topic/topic-name.ts'
import {
  decideChange,
  decideCreate,
  decideDelete,
  nextStep,
  type TopicState,
  visibleTopic,
} from '../../src/core/topic/topic-state.ts'
import { type PartitionNamespace, Reconciler } from './reconciler.ts'
import { TopicTable } from './topic-table.ts'

export interface CoordinatorEnv {
  readonly PARTITION: PartitionNamespace
}

export class Coordinator extends DurableObject<CoordinatorEnv> implements CoordinatorApi {
  readonly #topics: TopicTable
  readonly #reconciler: Reconciler
  /** Wait before partitions that did not answer are told again; doubles up to its bound. */
  #retryMs = RECONCILE_RETRY_MS_MIN

  constructor(ctx: DurableObjectState, env: CoordinatorEnv) {
    super(ctx, env)
    this.#topics = new TopicTable(ctx.storage.sql)
    this.#reconciler = new Reconciler(this.#topics, env.PARTITION, () => this.#disarmIfSettled())
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
      return await this.#pursueVisible(topic)
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
      return await this.#pursueVisible(decideChange(topic, change))
    })
  }

  /**
   * Deletes a topic with its records. It is not seen from now on and its name is free; answers once
   * nothing is left of its partitions.
   *
   * Refusals: `unknown_topic_or_partition`; `unavailable` when a partition did not answer: the
   * deletion then goes on by itself.
   */
  async deleteTopic(name: TopicName): Promise<Reply<null>> {
    return replyAsync(async () => {
      await this.#pursue(decideDelete(this.#findStaying(name)))
      return null
    })
  }

  /** Refusals: `unknown_topic_or_partition`. */
  async getTopic(name: TopicName): Promise<Reply<Topic>> {
    return reply(() => {
      const topic = visibleTopic(this.#findStaying(name))
      if (topic === null) throw unknownTopic(name)
      return topic
    })
  }

  /** All topics, sorted by name. */
  async listTopics(): Promise<Reply<readonly Topic[]>> {
    return reply(() =>
      this.#topics
        .listStaying()
        .map(visibleTopic)
        .filter((topic) => topic !== null)
        .sort((one, other) => (one.name < other.name ? -1 : 1)),
    )
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
    for (const result of results) {
      if (result.status === 'rejected') console.warn('topic is not settled:', result.reason)
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

function unknownTopic(name: TopicName): EdgelogError {
  return new EdgelogError('unknown_topic_or_partition', `topic ${name} does not exist`)
}
