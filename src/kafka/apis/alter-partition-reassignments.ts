/**
 * Kafka's AlterPartitionReassignments (key 45): moves partitions to other brokers, or cancels a move (KIP-455). There
 * is one broker: a move to it changes nothing, and a move to another one is rejected.
 */

import { EdgelogError } from '../../core/errors.ts'
import {
  array,
  bool,
  int16,
  int32,
  messages,
  nullableArray,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { NODE_ID } from '../broker-node.ts'
import { clusterError } from '../cluster-error.ts'
import { errorNumbersOf, errorOf, NO_ERROR, numberOf } from '../error-number.ts'
import { handled } from '../handled.ts'
import { type FoundTopic, hasPartition, topicsByName } from '../topics-by-name.ts'

const { errorFields } = errorNumbersOf('admin')
const NO_REASSIGNMENT_IN_PROGRESS = 85

export const ALTER_PARTITION_REASSIGNMENTS = messages({
  key: 45,
  name: 'AlterPartitionReassignments',
  versions: [0, 1],
  flexibleSince: 0,
  request: {
    timeoutMs: int32.or(60_000),
    allowReplicationFactorChange: bool.in('1+').or(true),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        /** Null: the reassignment that is under way is cancelled. */
        replicas: nullableArray(int32).or(null),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.or(0),
    allowReplicationFactorChange: bool.in('1+').or(true),
    errorCode: int16,
    errorMessage: nullableString.or(null),
    responses: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: nullableString.or(null),
      }),
    }),
  },
})

export type AlterPartitionReassignmentsRequest = RequestOf<typeof ALTER_PARTITION_REASSIGNMENTS>
export type AlterPartitionReassignmentsResponse = ResponseOf<typeof ALTER_PARTITION_REASSIGNMENTS>

export const alterPartitionReassignmentsApi = handled(
  ALTER_PARTITION_REASSIGNMENTS,
  async ({ topics, allowReplicationFactorChange }, { broker }) => {
    const refusal = await clusterError(broker, 'alter')
    if (refusal !== undefined) {
      return { allowReplicationFactorChange, ...refusal, responses: [] }
    }
    const find = await topicsByName(
      broker,
      topics.map(({ name }) => name),
      'alter',
    )
    return {
      allowReplicationFactorChange,
      errorCode: NO_ERROR,
      responses: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((partition) => ({
          partitionIndex: partition.partitionIndex,
          ...outcomeOf(name, find(name), partition),
        })),
      })),
    }
  },
)

type Reassignment = AlterPartitionReassignmentsRequest['topics'][number]['partitions'][number]

/** Returns the result of one move, with a controller's messages. */
function outcomeOf(
  name: string,
  topic: FoundTopic,
  { partitionIndex, replicas }: Reassignment,
): { readonly errorCode: number; readonly errorMessage?: string } {
  if (topic instanceof EdgelogError) return errorFields(topic)
  const missing = numberOf('unknown_topic_or_partition')
  if (topic === null) return errorOf(missing, `Unable to find a topic named ${name}.`)
  if (!hasPartition(topic, partitionIndex)) {
    return errorOf(missing, `Unable to find partition ${name}:${partitionIndex}.`)
  }
  if (replicas === null) return { errorCode: NO_REASSIGNMENT_IN_PROGRESS }
  const why = whyNot(replicas)
  if (why === null) return { errorCode: NO_ERROR }
  const invalid = numberOf('invalid_replica_assignment')
  return errorOf(invalid, `The manual partition assignment includes ${why}`)
}

function whyNot(replicas: readonly number[]): string | null {
  if (replicas.length === 0) return 'an empty replica list.'
  const other = replicas.filter((nodeId) => nodeId !== NODE_ID).sort((a, b) => a - b)[0]
  if (other !== undefined) return `broker ${other}, but no such broker is registered.`
  return replicas.length > 1 ? `the broker ${NODE_ID} more than once.` : null
}
