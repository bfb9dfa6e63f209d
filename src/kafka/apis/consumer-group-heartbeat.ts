/**
 * Kafka's ConsumerGroupHeartbeat (key 68): joins a group of the consumer protocol, stays in it or leaves it (KIP-848).
 * A null field is unchanged since the last heartbeat.
 */
import { EdgelogError } from '../../core/errors.ts'
import { parseAssignorName } from '../../core/group/assign/assignor.ts'
import { type HeartbeatRequest, LEAVE_STATIC_EPOCH } from '../../core/group/group-api.ts'
import { parseGroupId } from '../../core/group/group-id.ts'
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
import { errorNumbersOf, NO_ERROR, numberOf } from '../error-number.ts'
import { handled, type KafkaCall } from '../handled.ts'
import { checkIds, shownClientId } from '../member-fields.ts'

const { errorFields } = errorNumbersOf('group')

/** Partitions of one topic, as owned by or assigned to a member. */
const topicPartitions = { topicId: uuid, partitions: array(int32) }

export const CONSUMER_GROUP_HEARTBEAT = messages({
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  versions: [0, 1],
  flexibleSince: 0,
  request: {
    groupId: string,
    memberId: string,
    /** 0: join, -1: leave, -2: leave temporarily, with an instance id. */
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

export const consumerGroupHeartbeatApi = handled(
  CONSUMER_GROUP_HEARTBEAT,
  async (request, call) => {
    try {
      const answer = await call.broker.members.heartbeat(heartbeatOf(request, call))
      const { assignment } = answer
      return {
        ...answer,
        errorCode: NO_ERROR,
        assignment: assignment && { topicPartitions: assignment },
      }
    } catch (error) {
      return { ...refusalOf(error), memberEpoch: request.memberEpoch, heartbeatIntervalMs: 0 }
    }
  },
)

/** @throws {EdgelogError} `invalid_group_id`, `unsupported_assignor`, `invalid_request`. */
function heartbeatOf(
  request: ConsumerGroupHeartbeatRequest,
  { clientId, clientHost }: KafkaCall,
): HeartbeatRequest {
  const { memberEpoch, rebalanceTimeoutMs, subscribedTopicNames, subscribedTopicRegex } = request
  const { rackId, serverAssignor, topicPartitions } = request
  if (memberEpoch < LEAVE_STATIC_EPOCH) {
    throw new EdgelogError(
      'invalid_request',
      `memberEpoch: at least -2 is allowed, got ${memberEpoch}`,
    )
  }
  const { memberId, instanceId } = request
  checkIds({ memberId, instanceId, rackId })
  return {
    groupId: parseGroupId(request.groupId),
    // In version 0 the server chooses the id.
    memberId: memberId === '' ? crypto.randomUUID() : memberId,
    memberEpoch,
    instanceId,
    clientId: shownClientId(clientId),
    clientHost,
    ...(rackId !== null && { rackId }),
    ...(rebalanceTimeoutMs >= 0 && { rebalanceTimeoutMs }),
    ...(subscribedTopicNames !== null && { topics: subscribedTopicNames }),
    ...(subscribedTopicRegex !== null && { topicPattern: subscribedTopicRegex }),
    ...(serverAssignor !== null && {
      assignor: parseAssignorName(serverAssignor, 'serverAssignor'),
    }),
    ...(topicPartitions !== null && { owned: topicPartitions }),
    mayNameUnknownTopics: true,
  }
}

/**
 * Returns the error of a heartbeat. For a deleted group it is UNKNOWN_MEMBER_ID, at which Kafka's client joins again;
 * at GROUP_ID_NOT_FOUND it would give up.
 */
function refusalOf(error: unknown): ReturnType<typeof errorFields> {
  const fields = errorFields(error)
  const isGone = fields.errorCode === numberOf('group_id_not_found')
  return isGone ? { ...fields, errorCode: numberOf('unknown_member_id') } : fields
}
