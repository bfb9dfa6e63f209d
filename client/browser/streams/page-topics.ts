/** The topics of a topology, as this browser has them. */
import { EdgelogError } from '../../../src/core/errors.ts'
import type { StartPosition } from '../../../src/core/streams/application-api.ts'
import { BATCH_TARGET_BYTES } from '../../../src/core/streams/limits.ts'
import type { FetchedRecords, TaskInput } from '../../../src/core/streams/task-inputs.ts'
import { fetchRecords } from '../../streams/runner/fetch-records.ts'
import type { NewTopic, PlannedTopic, PlanTopics } from '../../streams/runner/topology-plan.ts'
import type { Engine } from '../engine.ts'

export class PageTopics implements PlanTopics {
  readonly #log: ReturnType<Engine['reading']['log']>
  readonly #signal: AbortSignal

  constructor(engine: Engine, signal: AbortSignal) {
    this.#log = engine.reading.log()
    this.#signal = signal
  }

  async find(name: string): Promise<PlannedTopic | undefined> {
    try {
      const { id, partitions, maxMessageBytes } = await this.#log.metadata.load(name)
      const batchBytesMax = Math.min(maxMessageBytes, BATCH_TARGET_BYTES)
      return { name, id, partitions, batchBytesMax }
    } catch (error) {
      const isMissing = error instanceof EdgelogError && error.code === 'unknown_topic_or_partition'
      if (!isMissing) throw error
      return undefined
    }
  }

  /** Returns a topic. A page creates none in the log; repartitions stay in this browser. */
  async ensure({ name, partitions, isInternal, node }: NewTopic): Promise<PlannedTopic> {
    if (isInternal) return { name, partitions, id: '', batchBytesMax: BATCH_TARGET_BYTES }
    const found = await this.find(name)
    if (found !== undefined) return found
    const why = `its topic ${name} does not exist; create it first`
    throw new EdgelogError('invalid_request', `node ${node}: ${why}`)
  }

  async startOffset({ name, id }: PlannedTopic, partition: number, from: StartPosition) {
    if (id === '') return 0
    const options = { from, maxBytes: 1, waitMs: 0, signal: this.#signal }
    return (await this.#log.source.fetch(name, partition, options)).from
  }

  async fetch(input: TaskInput, offset: number): Promise<FetchedRecords> {
    const { source, codecs } = this.#log
    return await fetchRecords({ source, codecs, signal: this.#signal }, input, offset)
  }
}
