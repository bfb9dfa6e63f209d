/**
 * Kafka's AlterReplicaLogDirs (key 34): moves partitions to another log directory of a broker (KIP-113).
 */

import { EdgelogError } from '../../core/errors.ts'
import {
  array,
  int16,
  int32,
  messages,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { LOG_DIR } from '../broker-node.ts'
import { clusterError } from '../cluster-error.ts'
import { errorNumbersOf, NO_ERROR, numberOf } from '../error-number.ts'
import { handled } from '../handled.ts'
import { type FoundTopic, hasPartition, topicsByName } from '../topics-by-name.ts'

const { errorNumber } = errorNumbersOf('admin')
const LOG_DIR_NOT_FOUND = 57

export const ALTER_REPLICA_LOG_DIRS = messages({
  key: 34,
  name: 'AlterReplicaLogDirs',
  versions: [1, 2],
  flexibleSince: 2,
  request: {
    dirs: array({ path: string, topics: array({ name: string, partitions: array(int32) }) }),
  },
  response: {
    throttleTimeMs: int32.or(0),
    results: array({
      topicName: string,
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
})

export type AlterReplicaLogDirsRequest = RequestOf<typeof ALTER_REPLICA_LOG_DIRS>
export type AlterReplicaLogDirsResponse = ResponseOf<typeof ALTER_REPLICA_LOG_DIRS>

/** Accepts only the one directory, which holds all partitions. */
export const alterReplicaLogDirsApi = handled(
  ALTER_REPLICA_LOG_DIRS,
  async ({ dirs }, { broker }) => {
    const refusal = await clusterError(broker, 'alter')
    const find = await topicsByName(
      broker,
      dirs.flatMap(({ topics }) => topics.map(({ name }) => name)),
      'alter',
    )
    const results = new Map<string, AlterReplicaLogDirsPartition[]>()
    for (const { path, topics } of dirs) {
      for (const { name, partitions } of topics) {
        const outcomes = results.get(name) ?? []
        results.set(name, outcomes)
        for (const partitionIndex of partitions) {
          const errorCode = refusal?.errorCode ?? outcomeOf(path, find(name), partitionIndex)
          outcomes.push({ partitionIndex, errorCode })
        }
      }
    }
    return { results: [...results].map(([topicName, partitions]) => ({ topicName, partitions })) }
  },
)

type AlterReplicaLogDirsPartition =
  AlterReplicaLogDirsResponse['results'][number]['partitions'][number]

function outcomeOf(path: string, topic: FoundTopic, partition: number): number {
  if (path !== LOG_DIR) return LOG_DIR_NOT_FOUND
  if (topic instanceof EdgelogError) return errorNumber(topic)
  const isThere = topic !== null && hasPartition(topic, partition)
  return isThere ? NO_ERROR : numberOf('unknown_topic_or_partition')
}
