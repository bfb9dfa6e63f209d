/**
 * Kafka's ListGroups (key 16): the groups of the cluster, of both protocols. Empty filters let all
 * through (KIP-518, KIP-848).
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

export const LIST_GROUPS = messages({
  key: 16,
  name: 'ListGroups',
  versions: [0, 5],
  flexibleSince: 3,
  request: {
    statesFilter: array(string).in('4+').or([]),
    typesFilter: array(string).in('5+').or([]),
  },
  response: {
    throttleTimeMs: int32.in('1+').or(0),
    errorCode: int16,
    groups: array({
      groupId: string,
      protocolType: string,
      groupState: string.in('4+'),
      groupType: string.in('5+'),
    }),
  },
})

export type ListGroupsRequest = RequestOf<typeof LIST_GROUPS>
export type ListGroupsResponse = ResponseOf<typeof LIST_GROUPS>
