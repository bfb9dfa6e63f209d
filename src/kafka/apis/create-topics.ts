/**
 * Kafka's CreateTopics (key 19). -1 for the number of partitions or replicas stands for the default of
 * the server, or for what the assignments say (KIP-464).
 */
import {
  array,
  bool,
  int8,
  int16,
  int32,
  messages,
  NO_UUID,
  nullableArray,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
  uuid,
} from '../../core/kafka/schema.ts'

export const CREATE_TOPICS = messages({
  key: 19,
  name: 'CreateTopics',
  versions: [2, 7],
  flexibleSince: 5,
  request: {
    topics: array({
      name: string,
      numPartitions: int32,
      replicationFactor: int16,
      assignments: array({ partitionIndex: int32, brokerIds: array(int32) }),
      configs: array({ name: string, value: nullableString }),
    }),
    timeoutMs: int32.or(60_000),
    validateOnly: bool.or(false),
  },
  response: {
    throttleTimeMs: int32.or(0),
    topics: array({
      name: string,
      topicId: uuid.in('7+').or(NO_UUID),
      errorCode: int16,
      errorMessage: nullableString.or(null),
      topicConfigErrorCode: int16.tag(0, '5+'),
      numPartitions: int32.in('5+').or(-1),
      replicationFactor: int16.in('5+').or(-1),
      /** Null where the caller may not see them. */
      configs: nullableArray({
        name: string,
        value: nullableString,
        readOnly: bool,
        configSource: int8.or(-1),
        isSensitive: bool,
      })
        .in('5+')
        .or([]),
    }),
  },
})

export type CreateTopicsRequest = RequestOf<typeof CREATE_TOPICS>
export type CreateTopicsResponse = ResponseOf<typeof CREATE_TOPICS>
