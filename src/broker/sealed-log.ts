/**
 * The sealed chunks of one partition. They may be kept by a cache, so a reader of kept ones calls no partition that
 * would refuse it: the topic and the log start, as this isolate read them a short time ago, decide instead.
 */
import { EdgelogError } from '../core/errors.ts'
import type { SealedChunk } from '../core/log/partition-api.ts'
import type { Topic } from '../core/topic/topic.ts'
import type { Cluster } from './cluster.ts'
import { unknownPartition } from './topic-errors.ts'

export class SealedLog {
  readonly topic: Topic
  readonly partition: number
  readonly #cluster: Cluster

  constructor(cluster: Cluster, topic: Topic, partition: number) {
    this.#cluster = cluster
    this.topic = topic
    this.partition = partition
  }

  /** True if anyone may read. */
  get isPublic(): boolean {
    return this.topic.config.publicRead === true
  }

  /** True if compaction may rewrite the chunks. */
  get isCompacted(): boolean {
    return this.topic.config.cleanupPolicy.includes('compact')
  }

  /**
   * Returns the log start as it was at most `KNOWN_LOG_START_AGE_MS` ago.
   *
   * @throws {EdgelogError} `unknown_topic_or_partition`, `unknown_topic_id`, `unavailable`.
   */
  async logStartOffset(): Promise<number> {
    const { bounds, topics } = this.#cluster
    const { id, name } = this.topic
    const known = bounds.recentLogStart(id, this.partition)
    if (known !== undefined) return known
    const described = await topics.callPartitionOf({ name, id }, this.partition, (stub) =>
      stub.describe(),
    )
    bounds.remember(id, this.partition, described)
    return described.logStartOffset
  }

  /**
   * Returns the chunk that holds an offset.
   *
   * @throws {EdgelogError} `not_sealed`, `offset_out_of_range`, `remote_storage_damaged`,
   * `remote_storage_unavailable`, and as `logStartOffset`.
   */
  async read(offset: number): Promise<SealedChunk> {
    return await this.#cluster.reader.readSealed(this.topic, this.partition, offset)
  }
}

/**
 * Opens the partition of a topic that existed a short time ago.
 *
 * @param mayLookUp returns whether the coordinator may be asked now; called only if it has to be
 * @throws {EdgelogError} `unknown_topic_id`, `unknown_topic_or_partition`, `throttled`, `unavailable`.
 */
export async function openSealedLog(
  cluster: Cluster,
  topicId: string,
  partition: number,
  mayLookUp: () => boolean,
): Promise<SealedLog> {
  const { topics } = cluster
  const known = topics.recentById(topicId)
  if (known === undefined && !mayLookUp()) {
    throw new EdgelogError('throttled', 'too many look-ups of topics without a token; try again')
  }
  const topic = known ?? (await topics.lookUpById(topicId))
  if (partition >= topic.partitions) throw unknownPartition(topic, partition)
  return new SealedLog(cluster, topic, partition)
}
