/**
 * Kafka's DeleteTopics (key 20): by name, and from version 6 on by name or id (KIP-516).
 */
import {
  array,
  int16,
  int32,
  messages,
  NO_UUID,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
  uuid,
} from '../../core/kafka/schema.ts'

export const DELETE_TOPICS = messages({
  key: 20,
  name: 'DeleteTopics',
  versions: [1, 6],
  flexibleSince: 4,
  request: {
    topics: array({ name: nullableString.or(null), topicId: uuid.or(NO_UUID) })
      .in('6+')
      .or([]),
    topicNames: array(string).in('0-5').or([]),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32.or(0),
    responses: array({
      name: string.nullableIn('6+'),
      topicId: uuid.in('6+').or(NO_UUID),
      errorCode: int16,
      errorMessage: nullableString.in('5+').or(null),
    }),
  },
})

export type DeleteTopicsRequest = RequestOf<typeof DELETE_TOPICS>
export type DeleteTopicsResponse = ResponseOf<typeof DELETE_TOPICS>
