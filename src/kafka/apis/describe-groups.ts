/** Kafka's DescribeGroups (key 15): returns state and members of groups of the classic protocol. */
import type { Broker } from '../../broker/broker.ts'
import { describeEach } from '../../broker/describe-each.ts'
import { fanOut } from '../../broker/fan-out.ts'
import { groupResource } from '../../core/access/resource.ts'
import { EdgelogError, type ErrorCode } from '../../core/errors.ts'
import type { ClassicGroupDescription } from '../../core/group/classic-api.ts'
import { classicDescriptionBytes } from '../../core/group/description-size.ts'
import { parseGroupId } from '../../core/group/group-id.ts'
import {
  array,
  bool,
  bytes,
  int16,
  int32,
  messages,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { errorNumbersOf, NO_ERROR, numberOf } from '../error-number.ts'
import { GROUP_STATES } from '../group-states.ts'
import { handled } from '../handled.ts'
import { nameCheck } from '../unique-names.ts'
import { authorizedOperations, NO_OPERATIONS } from './authorized-operations.ts'

const { errorFields } = errorNumbersOf('group')

/** Before that version, a group that does not exist is described as dead (KIP-1043). */
const MISSING_IS_ERROR_SINCE = 6
const MISSING = new Set<ErrorCode>(['group_id_not_found', 'inconsistent_group_protocol'])

export const DESCRIBE_GROUPS = messages({
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 6],
  flexibleSince: 5,
  request: {
    groups: array(string),
    includeAuthorizedOperations: bool.in('3+').or(false),
  },
  response: {
    throttleTimeMs: int32.in('1+').or(0),
    groups: array({
      errorCode: int16,
      errorMessage: nullableString.in('6+').or(null),
      groupId: string,
      groupState: string,
      protocolType: string,
      protocolData: string,
      members: array({
        memberId: string,
        groupInstanceId: nullableString.in('4+').or(null),
        clientId: string,
        clientHost: string,
        memberMetadata: bytes,
        memberAssignment: bytes,
      }),
      authorizedOperations: int32.in('3+').or(NO_OPERATIONS),
    }),
  },
})

export type DescribeGroupsRequest = RequestOf<typeof DESCRIBE_GROUPS>
export type DescribeGroupsResponse = ResponseOf<typeof DESCRIBE_GROUPS>

/** Describes groups. As in Kafka, this API treats groups of the consumer protocol as missing. */
export const describeGroupsApi = handled(DESCRIBE_GROUPS, async (request, call) => {
  const groupIds = [...new Set(request.groups)]
  const checkName = nameCheck('groups', groupIds)
  const results = await describeEach(
    groupIds,
    async (groupId, maxBytes) => {
      checkName(groupId)
      const group = await call.broker.groups.describeClassic(parseGroupId(groupId), maxBytes)
      return { ...group, groupId }
    },
    classicDescriptionBytes,
  )
  const groups = results.map((result, index) =>
    result instanceof EdgelogError
      ? refused(groupIds[index] as string, result, call.version)
      : described(result),
  )
  if (!request.includeAuthorizedOperations) return { groups }
  return { groups: await fanOut(groups, (group) => withOperations(group, call.broker)) }
})

type DescribedGroup = DescribeGroupsResponse['groups'][number]

/** Adds the operations. Like a broker it also does so for a group described as dead, but not for an error. */
async function withOperations(group: DescribedGroup, broker: Broker): Promise<DescribedGroup> {
  if (group.errorCode !== NO_ERROR) return group
  const operations = await authorizedOperations(broker, groupResource(group.groupId))
  return { ...group, authorizedOperations: operations }
}

function described(group: ClassicGroupDescription & { readonly groupId: string }): DescribedGroup {
  return {
    errorCode: NO_ERROR,
    groupId: group.groupId,
    groupState: GROUP_STATES[group.state],
    protocolType: group.protocolType ?? '',
    protocolData: group.protocolName ?? '',
    members: group.members.map(({ instanceId, metadata, assignment, ...member }) => ({
      ...member,
      groupInstanceId: instanceId,
      memberMetadata: metadata,
      memberAssignment: assignment,
    })),
  }
}

function refused(groupId: string, error: EdgelogError, version: number): DescribedGroup {
  const isMissing = MISSING.has(error.code)
  const fields = errorFields(error)
  const errorCode = isMissing
    ? version < MISSING_IS_ERROR_SINCE
      ? NO_ERROR
      : numberOf('group_id_not_found')
    : fields.errorCode
  const groupState = isMissing ? 'Dead' : ''
  return {
    ...fields,
    errorCode,
    groupId,
    groupState,
    protocolType: '',
    protocolData: '',
    members: [],
  }
}
