/**
 * Creates, changes and deletes topics, and opens their partitions.
 *
 * A change first writes the wanted state and, in the same commit, sets an alarm; then it calls the opened partitions.
 * After a crash at any point the alarm completes the change that the row describes.
 */
import { RECONCILE_RETRY_MS_MAX, RECONCILE_RETRY_MS_MIN } from '../../src/core/limits.ts'
import type { NewTopic, Topic, TopicChange } from '../../src/core/topic/topic.ts'
import type { TopicName } from '../../src/core/topic/topic-name.ts'
import {
  completeStep,
  decideChange,
  decideCreate,
  decideDelete,
  nextStep,
  type TopicState,
  visibleTopic,
  wantedTopic,
} from '../../src/core/topic/topic-state.ts'
import { report } from '../../src/events/report.ts'
import { type PartitionNamespace, Reconciler } from './reconciler.ts'
import type { TopicTable } from './topic-table.ts'
import { unknownTopic, unknownTopicId } from './visible-topics.ts'

export class TopicChanges {
  readonly #storage: DurableObjectStorage
  readonly #topics: TopicTable
  readonly #reconciler: Reconciler
  readonly #hintGroupsOf: (topic: TopicName) => void
  /** Delay before partitions that did not respond are called again; doubles up to its limit. */
  #retryMs = RECONCILE_RETRY_MS_MIN

  /** @param hintGroupsOf called when a topic that groups see has changed. */
  constructor(
    storage: DurableObjectStorage,
    topics: TopicTable,
    partitions: PartitionNamespace,
    hintGroupsOf: (topic: TopicName) => void,
  ) {
    this.#storage = storage
    this.#topics = topics
    this.#hintGroupsOf = hintGroupsOf
    this.#reconciler = new Reconciler(topics, partitions, (topic) => {
      this.#disarmIfSettled()
      hintGroupsOf(topic)
    })
    // The alarm may have fired, or been lost, before this restart.
    if (topics.hasPending()) this.#arm(RECONCILE_RETRY_MS_MIN)
  }

  /** @throws {EdgelogError} the errors of `decideCreate`. */
  create(request: NewTopic): Topic {
    const topic = decideCreate(request, {
      id: crypto.randomUUID(),
      nowMs: Date.now(),
      existing: this.#topics.findColliding(request.name),
      topicCount: this.#topics.countStaying(),
    })
    if (request.validateOnly !== true) {
      this.#topics.write(topic)
      this.#hintGroupsOf(topic.name)
    }
    return wantedTopic(topic)
  }

  /** @throws {EdgelogError} `unknown_topic_or_partition`, `unavailable`, the errors of `decideChange`. */
  async change(name: TopicName, change: TopicChange): Promise<Topic> {
    const topic = this.#find(name)
    // A topic that an earlier release is still creating can only be deleted.
    if (topic.applied === null) throw unknownTopic(name)
    const changed = decideChange(topic, change)
    if (change.validateOnly) return wantedTopic(changed)
    await this.#pursue(changed)
    const settled = this.#topics.findById(topic.id)
    const visible = settled === null ? null : visibleTopic(settled)
    // The topic was deleted in the meantime.
    if (visible === null) throw unknownTopic(name)
    return visible
  }

  /** @throws {EdgelogError} `unknown_topic_or_partition`, or with an id `unknown_topic_id`; `unavailable`. */
  async delete(name: TopicName, id?: string): Promise<void> {
    if (id !== undefined && this.#topics.findColliding(name)?.id !== id) throw unknownTopicId(id)
    await this.#pursue(decideDelete(this.#find(name)))
  }

  /** @throws {EdgelogError} `unknown_topic_or_partition`, `unavailable`. */
  async open(name: TopicName, partition: number): Promise<void> {
    await this.#reconciler.open(this.#find(name).id, partition)
  }

  /** Continues all unfinished changes. Idempotent: may run at any time and repeatedly. */
  async resume(): Promise<void> {
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

  /** Brings a topic to its wanted state. Without opened partitions this is one write. */
  async #pursue(topic: TopicState): Promise<void> {
    const step = nextStep(topic)
    if (step === null) return
    if (step.partitions.length === 0) {
      this.#topics.writeOrRemove(topic.id, completeStep(topic, step))
      this.#hintGroupsOf(topic.name)
      return
    }
    this.#topics.write(topic)
    this.#arm(RECONCILE_RETRY_MS_MIN)
    // The topic is invisible from here on, however long its partitions take.
    if (topic.isDeleting) this.#hintGroupsOf(topic.name)
    await this.#reconciler.reach(topic.id, topic.wanted.version)
  }

  #find(name: TopicName): TopicState {
    const topic = this.#topics.findStaying(name)
    if (topic === null) throw unknownTopic(name)
    return topic
  }

  /** Not awaited: the write belongs to the commit of its turn, and a failed commit resets the object. */
  #arm(delayMs: number): void {
    void this.#storage.setAlarm(Date.now() + delayMs)
  }

  #disarmIfSettled(): void {
    if (this.#topics.hasPending()) return
    this.#retryMs = RECONCILE_RETRY_MS_MIN
    void this.#storage.deleteAlarm()
  }
}
