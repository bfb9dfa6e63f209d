/**
 * Calls the partitions of topics: opens them for their first call, and brings the opened ones to the settings that the
 * topic's row wants, one pass at a time per topic.
 *
 * `configure` must never follow `destroy`, and may arrive in any order with itself: the highest version wins. So a
 * deletion waits for the openings under way, no opening starts after it, and other passes do not wait.
 */
import { assert, EdgelogError } from '../../src/core/errors.ts'
import { COORDINATOR_FANOUT_MAX } from '../../src/core/limits.ts'
import type { PartitionApi } from '../../src/core/log/partition-api.ts'
import { partitionObjectName } from '../../src/core/topic/topic.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import type { TopicName } from '../../src/core/topic/topic-name.ts'
import {
  completeStep,
  decideOpen,
  nextStep,
  type TopicState,
  type TopicStep,
} from '../../src/core/topic/topic-state.ts'
import { CallLimit } from './call-limit.ts'
import type { TopicTable } from './topic-table.ts'

/** The namespace of the partition objects, typed with the calls that the coordinator may make. */
export type PartitionNamespace = DurableObjectNamespace<Rpc.DurableObjectBranded & PartitionApi>

/** Ends the message of an error: the change is stored. */
const CONTINUES = 'the request is stored and continues in the background'

/** One running step of one topic. */
interface Pass {
  /** The wanted version when the pass began; a later version needs another pass. */
  readonly version: number
  readonly ended: Promise<void>
}

export class Reconciler {
  readonly #topics: TopicTable
  readonly #partitions: PartitionNamespace
  readonly #onStepDone: (topic: TopicName) => void
  readonly #calls = new CallLimit(COORDINATOR_FANOUT_MAX)
  readonly #passes = new Map<string, Pass>()
  /** Running openings, by topic id and partition. */
  readonly #openings = new Map<string, Map<number, Promise<void>>>()

  /** @param onStepDone called in the same turn as the write that records a step. */
  constructor(
    topics: TopicTable,
    partitions: PartitionNamespace,
    onStepDone: (topic: TopicName) => void,
  ) {
    this.#topics = topics
    this.#partitions = partitions
    this.#onStepDone = onStepDone
  }

  /**
   * Opens a partition: configures it for its first call. Does nothing if the topic is gone or does not have it.
   * Concurrent openings of one partition share one call.
   *
   * @throws {EdgelogError} `unavailable` when the partition did not respond.
   */
  async open(id: string, partition: number): Promise<void> {
    const topic = this.#topics.findById(id)
    const opened = topic === null ? null : decideOpen(topic, partition)
    if (opened === null) return
    // Stored before the call leaves, so that a deletion reaches the partition whatever happens to the call.
    if (opened !== topic) this.#topics.writeOpened(opened)
    await (this.#openings.get(id)?.get(partition) ?? this.#startOpening(opened, partition))
  }

  #startOpening(topic: TopicState, partition: number): Promise<void> {
    const running = this.#openings.get(topic.id) ?? new Map<number, Promise<void>>()
    const opening = this.#configure(topic, [partition], 'try again').finally(() => {
      running.delete(partition)
      if (running.size === 0) this.#openings.delete(topic.id)
    })
    this.#openings.set(topic.id, running.set(partition, opening))
    return opening
  }

  /**
   * Returns when the version, or a later one, is applied, or when nothing is left of the topic.
   *
   * @throws {EdgelogError} `unavailable` when a pass for that version, or a later one, failed.
   */
  async reach(id: string, version: number): Promise<void> {
    // Each round waits for one pass; the first pass for this version is the last round.
    for (;;) {
      const topic = this.#topics.findById(id)
      if (topic === null || (topic.applied?.version ?? 0) >= version) return
      const pass = this.#passes.get(id) ?? this.#startPass(topic)
      try {
        await pass.ended
      } catch (error) {
        if (pass.version >= version) throw error
      }
    }
  }

  #startPass(topic: TopicState): Pass {
    const step = nextStep(topic)
    assert(step !== null, 'a topic that is not at its version has a next step')
    const ended = this.#runPass(topic, step).finally(() => this.#passes.delete(topic.id))
    const pass = { version: topic.wanted.version, ended }
    this.#passes.set(topic.id, pass)
    return pass
  }

  async #runPass(topic: TopicState, step: TopicStep): Promise<void> {
    await this.#callPartitions(topic, step)
    // The wanted settings may have changed meanwhile: record the completed step, keep the newer settings.
    const current = this.#topics.findById(topic.id)
    assert(current !== null, 'only the one pass of a topic removes its row')
    const next = completeStep(current, step)
    this.#topics.writeOrRemove(topic.id, next)
    this.#onStepDone(topic.name)
  }

  async #callPartitions(topic: TopicState, step: TopicStep): Promise<void> {
    if (step.kind === 'configure') {
      await this.#configure(topic, step.partitions, CONTINUES)
      return
    }
    // The errors of openings belong to their callers.
    await Promise.allSettled(this.#openings.get(topic.id)?.values() ?? [])
    await this.#forEachPartition(topic, step.partitions, CONTINUES, (stub) => stub.destroy())
  }

  async #configure(
    topic: TopicState,
    partitions: readonly number[],
    whatNext: string,
  ): Promise<void> {
    const { overrides, version } = topic.wanted
    const config = resolveTopicConfig(overrides)
    await this.#forEachPartition(topic, partitions, whatNext, (stub, partition) =>
      stub.configure({ topicId: topic.id, topic: topic.name, partition, version, config }),
    )
  }

  #forEachPartition(
    topic: TopicState,
    partitions: readonly number[],
    whatNext: string,
    call: (stub: ReturnType<PartitionNamespace['get']>, partition: number) => PromiseLike<void>,
  ): Promise<void> {
    const options = topic.locationHint === null ? {} : { locationHint: topic.locationHint }
    return this.#calls.forEach(partitions, async (partition) => {
      const objectId = this.#partitions.idFromName(partitionObjectName(topic.id, partition))
      try {
        // One stub per call: a stub that met a reset stays broken.
        await call(this.#partitions.get(objectId, options), partition)
      } catch (cause) {
        throw new EdgelogError(
          'unavailable',
          `partition ${partition} of topic ${topic.name} did not respond; ${whatNext}`,
          { cause },
        )
      }
    })
  }
}
