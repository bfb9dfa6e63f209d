/** Reads the description of a topic over the HTTP API. */
import type { LogEnds } from '../src/core/log/log-ends.ts'
import type { RemoteDescription } from '../src/core/log/partition-api.ts'
import { type Connection, requestJson } from './http/connection.ts'
import { topicPath } from './http/paths.ts'

export type ConfigValue = string | number | boolean

export interface PartitionDetails extends LogEnds {
  readonly partition: number
  /** The bytes of the whole log, wherever they lie. */
  readonly sizeBytes: number
  /** Only of a topic with `remote.storage.enable=true`. */
  readonly remote?: RemoteDescription
}

export interface TopicDescription {
  readonly name: string
  /** A topic that is deleted and created again gets another id. */
  readonly id: string
  readonly partitions: number
  /** Kafka's config keys, defaults included. */
  readonly config: Readonly<Record<string, ConfigValue>>
  readonly partitionDetails?: readonly PartitionDetails[]
}

interface DescribeTopicOptions {
  /** True to include how far the log of each partition reaches, which costs a call per partition. */
  readonly partitionDetails: boolean
  readonly signal?: AbortSignal | undefined
}

/** @throws {EdgelogError} `unknown_topic_or_partition`, `invalid_topic`, `unavailable`, ... */
export async function describeTopic(
  connection: Connection,
  name: string,
  { partitionDetails, signal }: DescribeTopicOptions,
): Promise<TopicDescription> {
  const path = `${topicPath(name)}?partitionDetails=${partitionDetails}`
  return await requestJson(connection, path, { signal })
}
