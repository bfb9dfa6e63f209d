/**
 * Kafka's ConsumerGroupDescribe (key 69): state and members of groups of the consumer protocol
 * (KIP-848).
 */
import {
  array,
  bool,
  int8,
  int16,
  int32,
  messages,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
  struct,
  uuid,
} from '../../core/kafka/schema.ts'
import { NO_OPERATIONS } from './authorized-operations.ts'

const assignment = struct({
  topicPartitions: array({ topicId: uuid, topicName: string, partitions: array(int32) }),
})

export const CONSUMER_GROUP_DESCRIBE = messages({
  key: 69,
  name: 'ConsumerGroupDescribe',
  versions: [0, 1],
  flexibleSince: 0,
  request: { groupIds: array(string), includeAuthorizedOperations: bool },
  response: {
    throttleTimeMs: int32.or(0),
    groups: array({
      errorCode: int16,
      errorMessage: nullableString.or(null),
      groupId: string,
      groupState: string,
      groupEpoch: int32,
      assignmentEpoch: int32,
      assignorName: string,
      members: array({
        memberId: string,
        instanceId: nullableString.or(null),
        rackId: nullableString.or(null),
        memberEpoch: int32,
        clientId: string,
        clientHost: string,
        subscribedTopicNames: array(string),
        subscribedTopicRegex: nullableString.or(null),
        assignment,
        targetAssignment: assignment,
        /** -1: not known, 0: classic, 1: consumer. */
        memberType: int8.in('1+').or(-1),
      }),
      authorizedOperations: int32.or(NO_OPERATIONS),
    }),
  },
})

export type ConsumerGroupDescribeRequest = RequestOf<typeof CONSUMER_GROUP_DESCRIBE>
export type ConsumerGroupDescribeResponse = ResponseOf<typeof CONSUMER_GROUP_DESCRIBE>
