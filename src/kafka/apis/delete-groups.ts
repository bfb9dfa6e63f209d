/**
 * Kafka's DeleteGroups (key 42): deletes groups without members, and their offsets.
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

export const DELETE_GROUPS = messages({
  key: 42,
  name: 'DeleteGroups',
  versions: [0, 2],
  flexibleSince: 2,
  request: { groupsNames: array(string) },
  response: {
    throttleTimeMs: int32.or(0),
    results: array({ groupId: string, errorCode: int16 }),
  },
})

export type DeleteGroupsRequest = RequestOf<typeof DELETE_GROUPS>
export type DeleteGroupsResponse = ResponseOf<typeof DELETE_GROUPS>
