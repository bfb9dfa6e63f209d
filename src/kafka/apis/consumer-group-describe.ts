/**
 * Kafka's ConsumerGroupDescribe (key 69): state and members of groups of the consumer protocol
 * (KIP-848).
 */
import type { Broker } from '../../broker/broker.ts'
import { describeEach } from '../../broker/describe-each.ts'
import { fanOut } from '../../broker/fan-out.ts'
import { groupResource } from '../../core/access/resource.ts'
import { EdgelogError } from '../../core/errors.ts'
import { descriptionBytes } from '../../core/group/description-size.ts'
import type { AssignedTopic, GroupDescription } from '../../core/group/group-api.ts'
import { parseGroupId } from '../../core/group/group-id.ts'
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
import { errorNumbersOf, NO_ERROR } from '../error-number.ts'
import { GROUP_STATES } from '../group-states.ts'
import { handled } from '../handled.ts'
import { nameCheck } from '../unique-names.ts'
import { authorizedOperations, NO_OPERATIONS } from './authorized-operations.ts'

const { errorFields } = errorNumbersOf('group')

const assignment = struct({
  topicPartitions: array({ topicId: uuid, topicName: string, partitions: array(int32) }),
})

/** Kafka's type of a member. */
const CONSUMER = 1
const NOT_OURS = 'groupIds: not a group of the consumer protocol'
const UNKNOWN = {
  groupState: '',
  groupEpoch: 0,
  assignmentEpoch: 0,
  assignorName: '',
  members: [],
}

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

export const consumerGroupDescribeApi = handled(
  CONSUMER_GROUP_DESCRIBE,
  async (request, { broker }) => {
    const groupIds = [...new Set(request.groupIds)]
    const checkName = nameCheck('groupIds', groupIds)
    const results = await describeEach(
      groupIds,
      async (groupId, maxBytes) => {
        checkName(groupId)
        const group = await broker.groups.describe(parseGroupId(groupId), maxBytes)
        // Clients then use DescribeGroups.
        if (group.protocol !== 'consumer') throw new EdgelogError('group_id_not_found', NOT_OURS)
        return group
      },
      descriptionBytes,
    )
    const groups = results.map((result, index) =>
      result instanceof EdgelogError
        ? { ...errorFields(result), groupId: groupIds[index] as string, ...UNKNOWN }
        : described(result),
    )
    if (!request.includeAuthorizedOperations) return { groups }
    return { groups: await fanOut(groups, (group) => withOperations(group, broker)) }
  },
)

type DescribedGroup = ConsumerGroupDescribeResponse['groups'][number]

async function withOperations(group: DescribedGroup, broker: Broker): Promise<DescribedGroup> {
  if (group.errorCode !== NO_ERROR) return group
  const operations = await authorizedOperations(broker, groupResource(group.groupId))
  return { ...group, authorizedOperations: operations }
}

function described(group: GroupDescription): DescribedGroup {
  return {
    errorCode: NO_ERROR,
    groupId: group.groupId,
    groupState: GROUP_STATES[group.state],
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: group.assignor ?? '',
    members: group.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      memberEpoch: member.memberEpoch,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopicNames: member.topics,
      subscribedTopicRegex: member.topicPattern,
      assignment: assignmentOf(member.assignment),
      targetAssignment: assignmentOf(member.target),
      memberType: CONSUMER,
    })),
  }
}

function assignmentOf(topics: readonly AssignedTopic[]) {
  return {
    topicPartitions: topics.map(({ topicId, topic: topicName, partitions }) => ({
      topicId,
      topicName,
      partitions,
    })),
  }
}
