/** The topics that a statement needs: checked before the statement is stored, so that nothing is half created. */
import { EdgelogError } from '../../core/errors.ts'
import type { CatalogEffect, PendingEffect } from '../../core/sql/catalog/catalog-api.ts'
import { SqlError } from '../../core/sql/errors.ts'
import type { WantedTopic } from '../../core/sql/statements/outcome.ts'
import {
  parseTopicConfigOverrides,
  resolveTopicConfig,
  type TopicConfigOverrides,
} from '../../core/topic/topic-config.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import type { Cluster } from '../cluster.ts'
import { createTopic } from '../topics.ts'

/** The topics as they are when all earlier statements are carried out. */
export class FutureTopics {
  readonly #cluster: Cluster
  readonly #pending: readonly PendingEffect[]
  readonly #known = new Map<string, number | undefined>()

  constructor(cluster: Cluster, pending: readonly PendingEffect[]) {
    this.#cluster = cluster
    this.#pending = pending
  }

  /** Returns the number of partitions; undefined for a topic that does not exist. */
  async partitionsOf(name: string): Promise<number | undefined> {
    if (this.#known.has(name)) return this.#known.get(name)
    const partitions = await this.#find(name)
    this.#known.set(name, partitions)
    return partitions
  }

  /** Notes a topic that the statement itself creates. */
  add(name: string, partitions: number): void {
    this.#known.set(name, partitions)
  }

  async #find(name: string): Promise<number | undefined> {
    for (const { effect } of this.#pending.toReversed()) {
      if (effect.kind === 'create-topic' && effect.name === name) return effect.partitions
      if (effect.kind === 'delete-topic' && effect.name === name) return undefined
    }
    try {
      return (await this.#cluster.topics.lookUp(parseTopicName(name, 'topic'))).partitions
    } catch (error) {
      const isMissing = error instanceof EdgelogError && error.code === 'unknown_topic_or_partition'
      if (isMissing) return undefined
      throw error
    }
  }
}

/**
 * Returns the effect that creates a topic; undefined if it exists.
 *
 * @throws {SqlError} for a topic that must exist and does not, or that exists with another number of partitions.
 * @throws {EdgelogError} for a topic that the cluster would refuse.
 */
export async function topicEffect(
  cluster: Cluster,
  wanted: WantedTopic,
  topics: FutureTopics,
): Promise<Extract<CatalogEffect, { kind: 'create-topic' }> | undefined> {
  const { name, properties, partitionsOf } = wanted
  const exists = await topics.partitionsOf(name)
  const source = partitionsOf === undefined ? undefined : await topics.partitionsOf(partitionsOf)
  if (partitionsOf !== undefined && source === undefined) {
    throw new SqlError(`Kafka topic does not exist: ${partitionsOf}`)
  }
  const partitions = properties.partitions ?? source
  if (exists !== undefined) {
    if (partitions === undefined || partitions === exists) return undefined
    throw new SqlError(
      `A Kafka topic with the name '${name}' already exists, with different partition/replica configuration than required. It has ${exists} partitions; ${partitions} are required`,
    )
  }
  if (partitions === undefined) {
    throw new SqlError(
      `Kafka topic does not exist: ${name}. PARTITIONS in the WITH clause creates it`,
    )
  }
  const overrides = configOf(wanted)
  await createTopic(cluster, {
    ...{ name: parseTopicName(name, 'topic'), partitions, overrides, validateOnly: true },
  })
  topics.add(name, partitions)
  return { kind: 'create-topic', name, partitions, overrides }
}

const DEFAULTS = resolveTopicConfig({})

/** A table keeps the latest row of each key. Windows also end: they are kept as long as other records. */
function configOf({
  properties,
  isTable,
  isWindowed,
  mustExist,
  windowRetentionMs = 0,
}: WantedTopic): TopicConfigOverrides {
  const { cleanupPolicy } = properties
  if (isTable && !isWindowed && properties.retentionMs !== undefined) {
    throw new SqlError(
      'Invalid config variable in the WITH clause: RETENTION_MS. Non-windowed tables do not support retention.',
    )
  }
  // -1 is without a limit.
  const ownMs = properties.retentionMs ?? DEFAULTS.retentionMs
  const isLonger = ownMs !== -1 && windowRetentionMs > ownMs
  const retentionMs = isLonger ? windowRetentionMs : properties.retentionMs
  const policy =
    cleanupPolicy?.toLowerCase() ??
    (isTable ? (isWindowed ? 'compact,delete' : 'compact') : undefined)
  // A table that no query writes has its rows in the topic only, so they are read there by their keys.
  const isRead = isTable && !isWindowed && mustExist && policy?.includes('compact') === true
  return parseTopicConfigOverrides({
    ...(isRead ? { 'edgelog.table.enable': true } : {}),
    ...(policy === undefined ? {} : { 'cleanup.policy': policy }),
    ...(retentionMs === undefined ? {} : { 'retention.ms': retentionMs }),
  })
}
