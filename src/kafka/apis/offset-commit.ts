/**
 * Kafka's OffsetCommit (key 8): a group remembers how far it has read. Used by both protocols, and by
 * consumers without a group membership (generation -1, no member id).
 */
import {
  array,
  int16,
  int32,
  long,
  messages,
  NO_UUID,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
  uuid,
} from '../../core/kafka/schema.ts'

export const OFFSET_COMMIT = messages({
  key: 8,
  name: 'OffsetCommit',
  versions: [2, 10],
  flexibleSince: 8,
  request: {
    groupId: string,
    generationIdOrMemberEpoch: int32.or(-1),
    memberId: string,
    groupInstanceId: nullableString.in('7+').or(null),
    retentionTimeMs: long.in('2-4').or(-1),
    topics: array({
      name: string.in('0-9').or(''),
      topicId: uuid.in('10+').or(NO_UUID),
      partitions: array({
        partitionIndex: int32,
        committedOffset: long,
        committedLeaderEpoch: int32.in('6+').or(-1),
        committedMetadata: nullableString,
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.in('3+').or(0),
    topics: array({
      name: string.in('0-9'),
      topicId: uuid.in('10+'),
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
})

export type OffsetCommitRequest = RequestOf<typeof OFFSET_COMMIT>
export type OffsetCommitResponse = ResponseOf<typeof OFFSET_COMMIT>
