/**
 * Kafka's SyncGroup (key 14), of the classic protocol: the leader sends the
 * assignments of all members, and each member receives its own.
 */
import { parseGroupId } from '../../core/group/group-id.ts'
import {
  array,
  bytes,
  int16,
  int32,
  messages,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { errorNumbersOf, NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'

const { errorNumber } = errorNumbersOf('group')

const NO_ASSIGNMENT = new Uint8Array(0)

export const SYNC_GROUP = messages({
  key: 14,
  name: 'SyncGroup',
  versions: [0, 5],
  flexibleSince: 4,
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: nullableString.in('3+').or(null),
    protocolType: nullableString.in('5+').or(null),
    protocolName: nullableString.in('5+').or(null),
    assignments: array({ memberId: string, assignment: bytes }),
  },
  response: {
    throttleTimeMs: int32.in('1+').or(0),
    errorCode: int16,
    protocolType: nullableString.in('5+').or(null),
    protocolName: nullableString.in('5+').or(null),
    assignment: bytes,
  },
})

export type SyncGroupRequest = RequestOf<typeof SYNC_GROUP>
export type SyncGroupResponse = ResponseOf<typeof SYNC_GROUP>

export const syncGroupApi = handled(SYNC_GROUP, async (request, { broker }) => {
  const { groupId, generationId, groupInstanceId, ...rest } = request
  try {
    const synced = await broker.members.sync(parseGroupId(groupId), {
      ...rest,
      instanceId: groupInstanceId,
      generation: generationId,
    })
    return { ...synced, errorCode: NO_ERROR }
  } catch (error) {
    return { errorCode: errorNumber(error), assignment: NO_ASSIGNMENT }
  }
})
