/** Paths of the HTTP API that several rooms use. */
import { parseTopicName } from '../../src/core/topic/topic-name.ts'

/** @throws {EdgelogError} `invalid_topic`: a name like ".." would change the path. */
export function topicPath(name: string): string {
  return `/v1/topics/${parseTopicName(name, 'topic')}`
}

/** @throws {EdgelogError} `invalid_topic`. */
export function partitionPath(topic: string, partition: number): string {
  return `${topicPath(topic)}/partitions/${partition}`
}

/** @throws {EdgelogError} `invalid_topic`. */
export function recordsPath(topic: string, partition: number): string {
  return `${partitionPath(topic, partition)}/records`
}
