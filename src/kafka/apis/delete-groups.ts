/**
 * Kafka's DeleteGroups (key 42): deletes groups without members, and their offsets.
 */
import { fanOut } from '../../broker/fan-out.ts'
import { deleteGroup } from '../../broker/groups.ts'
import { parseGroupId } from '../../core/group/group-id.ts'
import {
  array,
  int16,
  int32,
  messages,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { errorNumbersOf, NO_ERROR, orError } from '../error-number.ts'
import { handled } from '../handled.ts'

const { errorNumber } = errorNumbersOf('group')

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

export const deleteGroupsApi = handled(DELETE_GROUPS, async ({ groupsNames }, { cluster }) => ({
  results: await fanOut(groupsNames, async (groupId) => {
    const refusal = await orError(() => deleteGroup(cluster, parseGroupId(groupId)))
    return { groupId, errorCode: refusal === undefined ? NO_ERROR : errorNumber(refusal) }
  }),
}))
