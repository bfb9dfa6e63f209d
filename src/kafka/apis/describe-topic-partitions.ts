/**
 * Kafka's DescribeTopicPartitions (key 75): Metadata's topics, page by page (KIP-966).
 */
import {
  array,
  bool,
  int16,
  int32,
  messages,
  nullableArray,
  nullableString,
  nullableStruct,
  type RequestOf,
  type ResponseOf,
  string,
  uuid,
} from '../../core/kafka/schema.ts'
import { NO_OPERATIONS } from './authorized-operations.ts'

/** The first partition of the next page. */
const cursor = nullableStruct({ topicName: string, partitionIndex: int32 }).or(null)

export const DESCRIBE_TOPIC_PARTITIONS = messages({
  key: 75,
  name: 'DescribeTopicPartitions',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    /** None: all topics. */
    topics: array({ name: string }),
    responsePartitionLimit: int32.or(2_000),
    cursor,
  },
  response: {
    throttleTimeMs: int32.or(0),
    topics: array({
      errorCode: int16,
      name: nullableString,
      topicId: uuid,
      isInternal: bool.or(false),
      partitions: array({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32.or(-1),
        replicaNodes: array(int32),
        isrNodes: array(int32),
        /** Not left out, though Kafka's definition lets it be null: its own admin client fails on null. */
        eligibleLeaderReplicas: nullableArray(int32),
        /** As `eligibleLeaderReplicas`. */
        lastKnownElr: nullableArray(int32),
        offlineReplicas: array(int32),
      }),
      topicAuthorizedOperations: int32.or(NO_OPERATIONS),
    }),
    nextCursor: cursor,
  },
})

export type DescribeTopicPartitionsRequest = RequestOf<typeof DESCRIBE_TOPIC_PARTITIONS>
export type DescribeTopicPartitionsResponse = ResponseOf<typeof DESCRIBE_TOPIC_PARTITIONS>
