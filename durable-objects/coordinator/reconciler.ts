/** Brings the partitions of a topic to the settings that its row wants, one pass at a time per topic. */
import { assert, EdgelogError } from '../../src/core/errors.ts'
import { COORDINATOR_FANOUT_MAX } from '../../src/core/limits.ts'
import type { PartitionApi } from '../../src/core/log/partition-api.ts'
import { partitionObjectName } from '../../src/core/topic/topic.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import type { TopicName } from '../../src/core/topic/topic-name.ts'
import {
  completeStep,
  nextStep,
  type TopicState,
  type TopicStep,
} from '../../src/core/topic/topic-state.ts'
import { CallLimit } from './call-limit.ts'
import type { TopicTable } from './topic-table.ts'

/** The namespace of the partition objects, typed with the calls that the coordinator may make. */
export type PartitionNamespace = DurableObjectNamespace<Rpc.DurableObjectBranded & PartitionApi>

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
    if (next === null) this.#topics.remove(topic.id)
    else this.#topics.write(next)
    this.#onStepDone(topic.name)
  }

  async #callPartitions(topic: TopicState, step: TopicStep): Promise<void> {
    if (step.kind === 'destroy') {
      await this.#forEachPartition(topic, step.partitions, (stub) => stub.destroy())
      return
    }
    const { partitions, overrides, version } = step.settings
    const config = resolveTopicConfig(overrides)
    await this.#forEachPartition(topic, partitions, (stub, partition) =>
      stub.configure({ topicId: topic.id, topic: topic.name, partition, version, config }),
    )
  }

  #forEachPartition(
    topic: TopicState,
    partitions: number,
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
          `partition ${partition} of topic ${topic.name} did not respond; the request is stored and continues in the background`,
          { cause },
        )
      }
    })
  }
}
