/**
 * Kafka's OffsetDelete (key 47): forgets what a group has committed for some partitions (KIP-496).
 */
import {
  array,
  int16,
  int32,
  messages,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'

export const OFFSET_DELETE = messages({
  key: 47,
  name: 'OffsetDelete',
  versions: [0, 0],
  flexibleSince: null,
  request: {
    groupId: string,
    topics: array({ name: string, partitions: array({ partitionIndex: int32 }) }),
  },
  response: {
    errorCode: int16,
    throttleTimeMs: int32.or(0),
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
})

export type OffsetDeleteRequest = RequestOf<typeof OFFSET_DELETE>
export type OffsetDeleteResponse = ResponseOf<typeof OFFSET_DELETE>
