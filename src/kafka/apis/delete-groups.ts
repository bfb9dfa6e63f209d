/**
 * Kafka's DeleteGroups (key 42): deletes groups without members, and their offsets.
 */
import { fanOut } from '../../broker/fan-out.ts'
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
import { errorNumbersOf, NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'
import { nameCheck } from '../unique-names.ts'

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

export const deleteGroupsApi = handled(DELETE_GROUPS, async (request, { broker }) => {
  const groupIds = [...new Set(request.groupsNames)]
  const checkName = nameCheck('groupsNames', groupIds)
  const results = await fanOut(groupIds, async (groupId) => {
    try {
      checkName(groupId)
      await broker.groups.delete(parseGroupId(groupId))
      return { groupId, errorCode: NO_ERROR }
    } catch (error) {
      return { groupId, errorCode: errorNumber(error) }
    }
  })
  return { results }
})
