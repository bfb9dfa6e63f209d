/** Kafka's ListPartitionReassignments (key 46): lists partitions that are moving to other brokers (KIP-455). */

import {
  array,
  int16,
  int32,
  messages,
  nullableArray,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { clusterError } from '../cluster-error.ts'
import { NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'

export const LIST_PARTITION_REASSIGNMENTS = messages({
  key: 46,
  name: 'ListPartitionReassignments',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    timeoutMs: int32.or(60_000),
    /** Null for all. */
    topics: nullableArray({ name: string, partitionIndexes: array(int32) }).or(null),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16,
    errorMessage: nullableString.or(null),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        replicas: array(int32),
        addingReplicas: array(int32),
        removingReplicas: array(int32),
      }),
    }),
  },
})

export type ListPartitionReassignmentsRequest = RequestOf<typeof LIST_PARTITION_REASSIGNMENTS>
export type ListPartitionReassignmentsResponse = ResponseOf<typeof LIST_PARTITION_REASSIGNMENTS>

/** Returns an empty list: partitions never move. */
export const listPartitionReassignmentsApi = handled(
  LIST_PARTITION_REASSIGNMENTS,
  async (_, { broker }) => {
    const refusal = await clusterError(broker, 'describe')
    return { errorCode: NO_ERROR, ...refusal, topics: [] }
  },
)
