/**
 * Kafka's ConsumerGroupHeartbeat (key 68): joins, stays in and leaves a group of the consumer protocol
 * (KIP-848). What is null has not changed since the last heartbeat.
 */
import {
  array,
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

/** Partitions of one topic, as a member has them or is to have them. */
const topicPartitions = { topicId: uuid, partitions: array(int32) }

export const CONSUMER_GROUP_HEARTBEAT = messages({
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  versions: [0, 1],
  flexibleSince: 0,
  request: {
    groupId: string,
    memberId: string,
    /** 0: join, -1: leave, -2: leave for a while with an instance id. */
    memberEpoch: int32,
    instanceId: nullableString.or(null),
    rackId: nullableString.or(null),
    rebalanceTimeoutMs: int32.or(-1),
    subscribedTopicNames: nullableArray(string).or(null),
    subscribedTopicRegex: nullableString.in('1+').or(null),
    serverAssignor: nullableString.or(null),
    topicPartitions: nullableArray(topicPartitions).or(null),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16,
    errorMessage: nullableString.or(null),
    memberId: nullableString.or(null),
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    assignment: nullableStruct({ topicPartitions: array(topicPartitions) }).or(null),
  },
})

export type ConsumerGroupHeartbeatRequest = RequestOf<typeof CONSUMER_GROUP_HEARTBEAT>
export type ConsumerGroupHeartbeatResponse = ResponseOf<typeof CONSUMER_GROUP_HEARTBEAT>
