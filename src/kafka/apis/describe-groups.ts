/**
 * Kafka's DescribeGroups (key 15): state and members of groups of the classic protocol.
 */
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
import { NO_OPERATIONS } from './authorized-operations.ts'

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
