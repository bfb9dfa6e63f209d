/** The topics of a topology, over the HTTP API: plans, fetches, appends, and waiting for more. */
import type { Decompressors } from '../../../src/core/compression/codec.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import type { StartPosition } from '../../../src/core/streams/application-api.ts'
import {
  BATCH_TARGET_BYTES,
  FETCH_BYTES,
  INTERNAL_TRUNCATE_RECORDS,
} from '../../../src/core/streams/limits.ts'
import { partitionName } from '../../../src/core/streams/outgoing.ts'
import type {
  FetchedRecords,
  PositionedInput,
  TaskInput,
} from '../../../src/core/streams/task-inputs.ts'
import type { OutgoingBatches } from '../../../src/core/streams/turn-row.ts'
import type { Client, ClientParts } from '../../client.ts'
import { sleep } from '../../clock.ts'
import type { FetchedBatches } from '../../consumer/fetch-batches.ts'
import { type LogSource, networkSource } from '../../consumer/log-source.ts'
import { SealedSource } from '../../consumer/sealed-source.ts'
import type { TopicDescription } from '../../describe-topic.ts'
import { LONG_POLL_WAIT_MS, REQUEST_TIMEOUT_MS, WATCH_RETRY_MS } from '../../limits.ts'
import { postByFetch } from '../../producer/batch-request.ts'
import { decodeFetched, fetchRecords } from '../runner/fetch-records.ts'
import type { NewTopic, PlannedTopic, PlanTopics } from '../runner/topology-plan.ts'

/** Records that a watch has found: the next fetch returns them. */
interface Found {
  readonly offset: number
  readonly fetched: FetchedBatches
}

export class LogTopics implements PlanTopics {
  readonly #log: Client
  readonly #parts: ClientParts
  readonly #codecs: Decompressors
  readonly #source: LogSource
  readonly #network: LogSource
  readonly #news: (topic: string, partition: number) => void
  readonly #stop: AbortSignal
  readonly #watched = new Set<string>()
  readonly #found = new Map<string, Found>()
  readonly #truncated = new Map<string, number>()

  /** @param news called when a watched partition has records. */
  constructor(log: Client, stop: AbortSignal, news: (topic: string, partition: number) => void) {
    this.#log = log
    this.#parts = log.parts
    this.#codecs = this.#parts.codecs
    this.#network = networkSource(this.#parts.connection)
    this.#source = new SealedSource(this.#parts.connection, this.#network)
    this.#stop = stop
    this.#news = news
  }

  async find(name: string): Promise<PlannedTopic | undefined> {
    try {
      return plannedTopic(await this.#log.admin.describeTopic(name, { partitionDetails: false }))
    } catch (error) {
      if (!(error instanceof EdgelogError) || error.code !== 'unknown_topic_or_partition') {
        throw error
      }
      return undefined
    }
  }

  async ensure({ name, partitions, isInternal }: NewTopic): Promise<PlannedTopic> {
    const found = await this.find(name)
    if (found !== undefined) return found
    const config = isInternal ? { config: { 'retention.ms': -1 } } : {}
    const created = { ifNotExists: true, partitions, ...config }
    return plannedTopic(await this.#log.admin.createTopic(name, created))
  }

  async startOffset({ name }: PlannedTopic, partition: number, from: StartPosition) {
    const options = { from, maxBytes: 1, waitMs: 0, signal: this.#stop }
    return (await this.#network.fetch(name, partition, options)).from
  }

  async fetch(input: TaskInput, offset: number): Promise<FetchedRecords> {
    const name = partitionName(input.topic, input.partition)
    const found = this.#found.get(name)
    this.#found.delete(name)
    if (found?.offset === offset) return await decodeFetched(found.fetched, this.#codecs)
    const source = { source: this.#source, codecs: this.#codecs, signal: this.#stop }
    return await fetchRecords(source, input, offset)
  }

  /** Appends batches, which may be in the log already. */
  async append({ topic, partition, batches }: OutgoingBatches): Promise<void> {
    const { connection } = this.#parts
    const options = { timeoutMs: REQUEST_TIMEOUT_MS, signal: this.#stop }
    const { outcome, refusal } = await postByFetch(connection, topic, partition, batches, options)
    if (outcome.kind === 'acked') {
      this.#news(topic, partition)
      return
    }
    const mayRetry = outcome.kind === 'unknown' || outcome.kind === 'throttled'
    if (refusal !== undefined && (!mayRetry || refusal.retryable)) throw refusal
    const why = refusal?.message ?? 'the log did not respond'
    throw new EdgelogError('unavailable', why, { cause: refusal })
  }

  /** Waits for records behind the positions. */
  watch(positions: readonly PositionedInput[]): void {
    for (const { topic, partition, offset } of positions) {
      const name = partitionName(topic, partition)
      if (this.#watched.has(name)) continue
      this.#watched.add(name)
      void this.#untilRecords(topic, partition, offset).finally(() => {
        this.#watched.delete(name)
        this.#news(topic, partition)
      })
    }
  }

  /** Deletes the records of internal topics that are processed, some at a time. Their positions are durable. */
  truncate(positions: readonly PositionedInput[], isInternal: (topic: string) => boolean): void {
    for (const { topic, partition, offset } of positions) {
      if (!isInternal(topic)) continue
      const name = partitionName(topic, partition)
      const before = this.#truncated.get(name) ?? 0
      if (offset - before < INTERNAL_TRUNCATE_RECORDS) continue
      this.#truncated.set(name, offset)
      const call = { signal: this.#stop }
      // The next time it is tried again: nobody waits for the space.
      const again = () => this.#truncated.set(name, before)
      this.#log.admin.deleteRecords(topic, partition, offset, call).catch(again)
    }
  }

  /** Resolves when there are records, after an error, or when the topology stops. */
  async #untilRecords(topic: string, partition: number, offset: number): Promise<void> {
    const signal = this.#stop
    const options = { from: offset, maxBytes: FETCH_BYTES, waitMs: LONG_POLL_WAIT_MS, signal }
    try {
      for (;;) {
        const fetched = await this.#network.fetch(topic, partition, options)
        if (fetched.to <= offset) continue
        this.#found.set(partitionName(topic, partition), { offset, fetched })
        return
      }
    } catch {
      // The fetch of the task, which follows, reports the error, or tries again.
      if (!signal.aborted) await sleep(this.#parts.connection.clock, WATCH_RETRY_MS, signal)
    }
  }
}

function plannedTopic({ name, id, partitions, config }: TopicDescription): PlannedTopic {
  const batchBytesMax = Math.min(Number(config['max.message.bytes']), BATCH_TARGET_BYTES)
  return { name, id, partitions, batchBytesMax }
}
