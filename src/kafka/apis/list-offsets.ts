/**
 * Kafka's ListOffsets (key 2): the offset of a timestamp, or with a timestamp below zero that of a
 * place: -1 the end, -2 the start, -3 the largest timestamp, -4 to -6 tiers of storage.
 */
import {
  array,
  int8,
  int16,
  int32,
  long,
  messages,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'

export const LIST_OFFSETS = messages({
  key: 2,
  name: 'ListOffsets',
  versions: [1, 11],
  flexibleSince: 6,
  request: {
    replicaId: int32,
    /** 0: read uncommitted, 1: read committed. */
    isolationLevel: int8.in('2+').or(0),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        currentLeaderEpoch: int32.in('4+').or(-1),
        timestamp: long,
      }),
    }),
    timeoutMs: int32.in('10+').or(0),
  },
  response: {
    throttleTimeMs: int32.in('2+').or(0),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        timestamp: long.or(-1),
        offset: long.or(-1),
        leaderEpoch: int32.in('4+').or(-1),
      }),
    }),
  },
})

export type ListOffsetsRequest = RequestOf<typeof LIST_OFFSETS>
export type ListOffsetsResponse = ResponseOf<typeof LIST_OFFSETS>
