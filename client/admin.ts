/** Topic administration over the HTTP API. */
import { EdgelogError } from '../src/core/errors.ts'
import type { LocationHint } from '../src/core/topic/topic.ts'
import type { CallOptions } from './call-options.ts'
import { type ConfigValue, describeTopic, type TopicDescription } from './describe-topic.ts'
import {
  abortTransaction,
  describeTransaction,
  listTransactions,
  type TransactionDescription,
} from './describe-transaction.ts'
import { type GroupSummary, listGroups } from './group/list-groups.ts'
import { type Connection, request, requestJson } from './http/connection.ts'
import { partitionPath, recordsPath, topicPath } from './http/paths.ts'
import {
  rebuildTier,
  type TierRebuilding,
  type TierVerification,
  verifyTier,
} from './remote-storage.ts'
import { type BatchRange, type RestoreRange, readBatches, restoreBatches } from './restore.ts'

export interface NewTopicOptions {
  /** Returns the topic as it is if there is one of this name, in place of an error. */
  readonly ifNotExists?: boolean
  readonly partitions?: number
  readonly config?: Readonly<Record<string, ConfigValue>>
  /** Region hint for placing the partitions. */
  readonly locationHint?: LocationHint
}

export interface TopicChangeOptions {
  /** The new total; it can only grow. */
  readonly partitions?: number
  /** Keys to set; `null` resets a key to its default. */
  readonly config?: Readonly<Record<string, ConfigValue | null>>
}

export interface PartitionOffset {
  readonly partition: number
  readonly offset: number
}

/**
 * Creates, lists, describes, changes and deletes topics; lists groups; lists and aborts transactions.
 *
 * No call is retried automatically, except `readBatches` and `restoreBatches`. All throw `EdgelogError`:
 * `unavailable` if no response arrived.
 *
 * @example
 * await log.admin.createTopic('orders', { partitions: 3, config: { 'retention.ms': 86_400_000 } })
 */
export class Admin {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** @throws {EdgelogError} `topic_already_exists`, `invalid_topic`, `invalid_config`, `invalid_partitions`. */
  async createTopic(
    name: string,
    { ifNotExists = false, ...topic }: NewTopicOptions = {},
    { signal }: CallOptions = {},
  ): Promise<TopicDescription> {
    const body = JSON.stringify({ name, ...topic })
    const call = { method: 'POST', body, contentType: 'application/json', signal } as const
    try {
      return await requestJson(this.#connection, '/v1/topics', call)
    } catch (error) {
      const exists = error instanceof EdgelogError && error.code === 'topic_already_exists'
      if (!(exists && ifNotExists)) throw error
      return await describeTopic(this.#connection, name, { partitionDetails: false, signal })
    }
  }

  async listTopics({ signal }: CallOptions = {}): Promise<readonly TopicDescription[]> {
    const result = await requestJson<{ topics: readonly TopicDescription[] }>(
      this.#connection,
      '/v1/topics',
      { signal },
    )
    return result.topics
  }

  /** @throws {EdgelogError} `unknown_topic_or_partition`. */
  async describeTopic(
    name: string,
    options: CallOptions & { readonly partitionDetails?: boolean } = {},
  ): Promise<TopicDescription> {
    const { partitionDetails = true, signal } = options
    return await describeTopic(this.#connection, name, { partitionDetails, signal })
  }

  /** @throws {EdgelogError} `unknown_topic_or_partition`, `invalid_config`, `invalid_partitions`. */
  async alterTopic(
    name: string,
    change: TopicChangeOptions,
    { signal }: CallOptions = {},
  ): Promise<TopicDescription> {
    return await requestJson(this.#connection, topicPath(name), {
      method: 'PATCH',
      body: JSON.stringify(change),
      contentType: 'application/json',
      signal,
    })
  }

  /**
   * Returns the offset of a place in each partition: `earliest`, `latest`, or `{ timestamp }` for the first record at
   * or after a time (the end of the log if there is none).
   *
   * @throws {EdgelogError} `unknown_topic_or_partition`.
   * @example
   * const yesterday = Date.now() - 86_400_000
   * const offsets = await log.admin.listOffsets('orders', { timestamp: yesterday })
   */
  async listOffsets(
    topic: string,
    at: 'earliest' | 'latest' | { readonly timestamp: number },
    { signal }: CallOptions = {},
  ): Promise<readonly PartitionOffset[]> {
    const isTime = typeof at === 'object'
    const options = { partitionDetails: !isTime, signal }
    const description = await describeTopic(this.#connection, topic, options)
    if (!isTime) {
      return (description.partitionDetails ?? []).map(({ partition, ...ends }) => ({
        partition,
        offset: at === 'earliest' ? ends.logStartOffset : ends.lastStableOffset,
      }))
    }
    const offsets: PartitionOffset[] = []
    for (let partition = 0; partition < description.partitions; partition++) {
      const path = `${recordsPath(topic, partition)}?timestamp=${at.timestamp}&maxBytes=1`
      const call = { method: 'HEAD', signal } as const
      const offset = await request(this.#connection, path, call, async ({ headers }) =>
        Number(headers.get('edgelog-offset')),
      )
      offsets.push({ partition, offset })
    }
    return offsets
  }

  /**
   * Deletes the records of a partition below an offset; `latest` deletes all that there are. Resolves to the new log
   * start.
   *
   * @throws {EdgelogError} `offset_out_of_range`, `policy_violation` for a topic that is only compacted,
   * `unknown_topic_or_partition`.
   */
  async deleteRecords(
    topic: string,
    partition: number,
    beforeOffset: number | 'latest',
    { signal }: CallOptions = {},
  ): Promise<number> {
    const path = `${partitionPath(topic, partition)}/delete-records`
    const body = JSON.stringify({ beforeOffset })
    const call = { method: 'POST', body, contentType: 'application/json', signal } as const
    const { logStartOffset } = await requestJson<{ logStartOffset: number }>(
      this.#connection,
      path,
      call,
    )
    return logStartOffset
  }

  /**
   * Checks the objects that a partition of a topic with remote storage has in R2.
   *
   * @throws {EdgelogError} `unknown_topic_or_partition`, `remote_storage_unavailable`.
   */
  async verifyTier(
    topic: string,
    partition: number,
    { data = false, signal }: CallOptions & { readonly data?: boolean } = {},
  ): Promise<TierVerification> {
    return await verifyTier(this.#connection, topic, partition, { data, signal })
  }

  /**
   * Adds the objects in R2 to a partition that has lost its records of them.
   *
   * @throws {EdgelogError} `unknown_topic_or_partition`, `remote_storage_unavailable`.
   */
  async rebuildTier(
    topic: string,
    partition: number,
    { signal }: CallOptions = {},
  ): Promise<TierRebuilding> {
    return await rebuildTier(this.#connection, topic, partition, { signal })
  }

  /**
   * Returns committed record batches of a partition from an offset on, as they are stored, without those of aborted
   * transactions: at least one if there is one, up to `maxBytes`. For copies of a log, with `restoreBatches`.
   *
   * @throws {EdgelogError} `offset_out_of_range`, `unknown_topic_or_partition`.
   */
  async readBatches(
    topic: string,
    partition: number,
    {
      offset,
      maxBytes,
      ...options
    }: CallOptions & { readonly offset: number; readonly maxBytes: number },
  ): Promise<BatchRange> {
    return await readBatches(this.#connection, topic, partition, offset, maxBytes, options)
  }

  /**
   * Appends batches of another log at the offsets that they had there. The partition must be empty, or have only what
   * was restored from the same topic, up to `from`. A range without batches sets the log start of an empty partition.
   *
   * @throws {EdgelogError} `expected_offset_mismatch`, `policy_violation` if the partition has other records,
   * `unknown_topic_or_partition`.
   */
  async restoreBatches(
    topic: string,
    partition: number,
    range: RestoreRange,
    options: CallOptions = {},
  ): Promise<void> {
    await restoreBatches(this.#connection, topic, partition, range, options)
  }

  /** Returns all groups, sorted by id. */
  async listGroups({ signal }: CallOptions = {}): Promise<readonly GroupSummary[]> {
    return await listGroups(this.#connection, signal)
  }

  /** Returns all transactional ids with their transactions, sorted by id. */
  async listTransactions({ signal }: CallOptions = {}): Promise<readonly TransactionDescription[]> {
    return await listTransactions(this.#connection, signal)
  }

  /** @throws {EdgelogError} `transactional_id_not_found`. */
  async describeTransaction(
    transactionalId: string,
    { signal }: CallOptions = {},
  ): Promise<TransactionDescription> {
    return await describeTransaction(this.#connection, transactionalId, signal)
  }

  /**
   * Aborts the open transaction of a producer, and fences the producer.
   *
   * @throws {EdgelogError} `transactional_id_not_found`, `invalid_txn_state` if no transaction is open.
   */
  async abortTransaction(transactionalId: string, { signal }: CallOptions = {}): Promise<void> {
    await abortTransaction(this.#connection, transactionalId, signal)
  }

  /** @throws {EdgelogError} `unknown_topic_or_partition`. */
  async deleteTopic(name: string, { signal }: CallOptions = {}): Promise<void> {
    await request(this.#connection, topicPath(name), { method: 'DELETE', signal }, async () => {})
  }
}
