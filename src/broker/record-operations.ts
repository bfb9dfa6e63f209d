/** Operations on records: produce, fetch, tail, find by time, delete. */
import { topicResource } from '../core/access/resource.ts'
import type { NewRecord } from '../core/batch/record.ts'
import type { IsolationLevel, LogEnds } from '../core/log/log-ends.ts'
import type { PartitionDescription } from '../core/log/partition-api.ts'
import type { ProducerRules } from '../core/log/producer-state.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { Access } from './access.ts'
import { type AppendOptions, type StartedAppend, startAppend } from './append.ts'
import type { AppendedBatches } from './append-trimmed.ts'
import type { Cluster } from './cluster.ts'
import { deleteRecords } from './delete-records.ts'
import {
  type FetchedBatches,
  type FetchedRecords,
  type FetchOptions,
  fetchBatches,
  fetchRecords,
} from './fetch.ts'
import {
  type FetchManyOptions,
  type FetchResultOrError,
  fetchMany,
  type WantedPartition,
} from './fetch-many.ts'
import { findMaxTimestamp, findOffsetByTimestamp, type OffsetAndTimestamp } from './list-offsets.ts'
import { produceRecords, produceToPartition, type RecordPosition } from './produce.ts'
import type { ProduceRecord } from './record-shares.ts'
import { type RebuildResult, rebuildRemote } from './remote-rebuild.ts'
import { type VerifyOptions, type VerifyResult, verifyRemote } from './remote-verify.ts'
import { type RestoredRange, restoreRecords } from './restore.ts'
import { openSealedLog, type SealedLog } from './sealed-log.ts'
import {
  getFromTable,
  scanTable,
  type TableGetOptions,
  type TablePage,
  type TableRecord,
  type TableScanOptions,
} from './table.ts'
import { openTail, type Tail, type TailOptions } from './tail.ts'
import type { CalledTopic } from './topic-metadata.ts'

/** Every method throws `topic_authorization_failed`, in addition to the errors of the function it calls. */
export class RecordOperations {
  readonly #cluster: Cluster
  readonly #access: Access

  constructor(cluster: Cluster, access: Access) {
    this.#cluster = cluster
    this.#access = access
  }

  /** Needs `write` on the topic. */
  produce(name: TopicName, records: readonly ProduceRecord[]): Promise<RecordPosition[]> {
    return this.#access.guard('write', topicResource(name), () =>
      produceRecords(this.#cluster, name, records),
    )
  }

  /** Needs `write` on the topic. */
  produceToPartition(
    name: TopicName,
    partition: number,
    records: readonly NewRecord[],
    options: AppendOptions,
  ): Promise<RecordPosition[]> {
    return this.#access.guard('write', topicResource(name), () =>
      produceToPartition(this.#cluster, name, partition, records, options),
    )
  }

  /** Needs `write` on the topic. */
  async appendBatches(...append: Parameters<typeof this.startAppend>): Promise<AppendedBatches> {
    const { appended } = await this.startAppend(...append)
    return await appended
  }

  /** Needs `write` on the topic. */
  startAppend(
    topic: CalledTopic,
    partition: number,
    batches: Uint8Array,
    producerRules: ProducerRules,
    options: AppendOptions = {},
  ): Promise<StartedAppend> {
    return this.#access.guard('write', topicResource(topic.name), () =>
      startAppend(this.#cluster, topic, partition, batches, producerRules, options),
    )
  }

  /** Needs `read` on the topic. */
  fetchBatches(name: TopicName, partition: number, options: FetchOptions): Promise<FetchedBatches> {
    return this.#access.guard('read', topicResource(name), () =>
      fetchBatches(this.#cluster, name, partition, options),
    )
  }

  /** Needs `read` on the topic. */
  fetchRecords(name: TopicName, partition: number, options: FetchOptions): Promise<FetchedRecords> {
    return this.#access.guard('read', topicResource(name), () =>
      fetchRecords(this.#cluster, name, partition, options),
    )
  }

  /**
   * Needs `read` on each topic. An authorization error is the result of its partition; the
   * others then return without waiting, as for any other error.
   */
  async fetchMany(
    wanted: readonly WantedPartition[],
    options: FetchManyOptions,
  ): Promise<FetchResultOrError[]> {
    const refusals = await this.#access.refusals(
      'read',
      wanted.map(({ topic }) => topicResource(topic.name)),
    )
    if (refusals.size === 0) return await fetchMany(this.#cluster, wanted, options)
    const allowed = wanted.filter(({ topic }) => !refusals.has(topic.name))
    const fetched = await fetchMany(this.#cluster, allowed, { ...options, maxWaitMs: 0 })
    const next = fetched.values()
    return wanted.map(
      ({ topic }) => refusals.get(topic.name) ?? (next.next().value as FetchResultOrError),
    )
  }

  /** Needs `read` on the topic, unless the topic is public. */
  async openSealed(
    topicId: string,
    partition: number,
    mayLookUp: () => boolean,
  ): Promise<SealedLog> {
    const log = await openSealedLog(this.#cluster, topicId, partition, mayLookUp)
    if (!log.isPublic) await this.#access.check('read', topicResource(log.topic.name))
    return log
  }

  /** Needs `read` on the topic when the tail is opened: an open tail stays open. */
  openTail(name: TopicName, partition: number, options: TailOptions): Promise<Tail> {
    return this.#access.guard('read', topicResource(name), () =>
      openTail(this.#cluster, name, partition, options),
    )
  }

  /** Needs `read` on the topic. */
  tableGet(name: TopicName, options: TableGetOptions): Promise<TableRecord> {
    return this.#access.guard('read', topicResource(name), () =>
      getFromTable(this.#cluster, name, options),
    )
  }

  /** Needs `read` on the topic. */
  tableScan(name: TopicName, options: TableScanOptions): Promise<TablePage> {
    return this.#access.guard('read', topicResource(name), () =>
      scanTable(this.#cluster, name, options),
    )
  }

  /** Needs `describe` on the topic. */
  describePartition(name: TopicName, partition: number): Promise<PartitionDescription> {
    return this.#access.guard('describe', topicResource(name), () =>
      this.#cluster.topics.describePartition(name, partition),
    )
  }

  /** Needs `describe` on the topic. */
  findByTimestamp(
    name: TopicName,
    partition: number,
    timestamp: number,
    isolation: IsolationLevel,
  ): Promise<OffsetAndTimestamp | undefined> {
    return this.#access.guard('describe', topicResource(name), () =>
      findOffsetByTimestamp(this.#cluster, name, partition, timestamp, isolation),
    )
  }

  /** Needs `describe` on the topic. */
  findMaxTimestamp(
    name: TopicName,
    partition: number,
    isolation: IsolationLevel,
  ): Promise<OffsetAndTimestamp | undefined> {
    return this.#access.guard('describe', topicResource(name), () =>
      findMaxTimestamp(this.#cluster, name, partition, isolation),
    )
  }

  /** Needs `alter` on the topic. */
  verifyRemote(name: TopicName, partition: number, options: VerifyOptions): Promise<VerifyResult> {
    return this.#access.guard('alter', topicResource(name), () =>
      verifyRemote(this.#cluster, name, partition, options),
    )
  }

  /** Needs `alter` on the topic. */
  rebuildRemote(name: TopicName, partition: number, beforeOffset: number): Promise<RebuildResult> {
    return this.#access.guard('alter', topicResource(name), () =>
      rebuildRemote(this.#cluster, name, partition, beforeOffset),
    )
  }

  /** Needs `alter` and `write` on the topic. */
  async restore(name: TopicName, partition: number, range: RestoredRange): Promise<LogEnds> {
    await this.#access.check('alter', topicResource(name))
    return await this.#access.guard('write', topicResource(name), () =>
      restoreRecords(this.#cluster, name, partition, range),
    )
  }

  /** Needs `delete` on the topic. */
  deleteBefore(
    topic: CalledTopic,
    partition: number,
    beforeOffset: number | 'highWatermark',
  ): Promise<number> {
    return this.#access.guard('delete', topicResource(topic.name), () =>
      deleteRecords(this.#cluster, topic, partition, beforeOffset),
    )
  }
}
