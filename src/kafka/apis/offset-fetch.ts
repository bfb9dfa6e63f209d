/**
 * Kafka's OffsetFetch (key 9): what groups have committed. Up to version 7 of one group, from 8 on of
 * many (KIP-709); no topics (null) stands for all that a group has offsets of.
 */
import {
  array,
  bool,
  int16,
  int32,
  long,
  messages,
  NO_UUID,
  nullableArray,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
  uuid,
} from '../../core/kafka/schema.ts'

export const OFFSET_FETCH = messages({
  key: 9,
  name: 'OffsetFetch',
  versions: [1, 10],
  flexibleSince: 6,
  request: {
    groupId: string.in('0-7').or(''),
    topics: array({ name: string, partitionIndexes: array(int32) })
      .in('0-7')
      .nullableIn('2-7')
      .or([]),
    groups: array({
      groupId: string,
      memberId: nullableString.in('9+').or(null),
      memberEpoch: int32.in('9+').or(-1),
      topics: nullableArray({
        name: string.in('8-9').or(''),
        topicId: uuid.in('10+').or(NO_UUID),
        partitionIndexes: array(int32),
      }),
    })
      .in('8+')
      .or([]),
    requireStable: bool.in('7+').or(false),
  },
  response: {
    throttleTimeMs: int32.in('3+').or(0),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        committedOffset: long,
        committedLeaderEpoch: int32.in('5-7').or(-1),
        metadata: nullableString,
        errorCode: int16,
      }),
    })
      .in('0-7')
      .or([]),
    errorCode: int16.in('2-7').or(0),
    groups: array({
      groupId: string,
      topics: array({
        name: string.in('8-9'),
        topicId: uuid.in('10+'),
        partitions: array({
          partitionIndex: int32,
          committedOffset: long,
          committedLeaderEpoch: int32.or(-1),
          metadata: nullableString,
          errorCode: int16,
        }),
      }),
      errorCode: int16.or(0),
    })
      .in('8+')
      .or([]),
  },
})

export type OffsetFetchRequest = RequestOf<typeof OFFSET_FETCH>
export type OffsetFetchResponse = ResponseOf<typeof OFFSET_FETCH>
