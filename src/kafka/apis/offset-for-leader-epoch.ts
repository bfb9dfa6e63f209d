/**
 * Kafka's OffsetForLeaderEpoch (key 23): where an epoch of a partition's leader ends, by which a
 * consumer notices that a log was cut (KIP-320).
 */
import {
  array,
  int16,
  int32,
  long,
  messages,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'

export const OFFSET_FOR_LEADER_EPOCH = messages({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: [2, 4],
  flexibleSince: 4,
  request: {
    replicaId: int32.in('3+').or(-2),
    topics: array({
      topic: string,
      partitions: array({ partition: int32, currentLeaderEpoch: int32.or(-1), leaderEpoch: int32 }),
    }),
  },
  response: {
    throttleTimeMs: int32.or(0),
    topics: array({
      topic: string,
      partitions: array({
        errorCode: int16,
        partition: int32,
        leaderEpoch: int32.or(-1),
        endOffset: long.or(-1),
      }),
    }),
  },
})

export type OffsetForLeaderEpochRequest = RequestOf<typeof OFFSET_FOR_LEADER_EPOCH>
export type OffsetForLeaderEpochResponse = ResponseOf<typeof OFFSET_FOR_LEADER_EPOCH>
