/**
 * Kafka's LeaveGroup (key 13), of the classic protocol: members leave. From version 3 on a request may name many;
 * administrators use that to remove members (KIP-345).
 */
import { parseGroupId } from '../../core/group/group-id.ts'
import {
  array,
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

const { errorNumber, numberOf } = errorNumbersOf('group')

/** Older versions name one member, whose error is the top-level one (KIP-345). */
const BATCHES_SINCE = 3

export const LEAVE_GROUP = messages({
  key: 13,
  name: 'LeaveGroup',
  versions: [0, 5],
  flexibleSince: 4,
  request: {
    groupId: string,
    memberId: string.in('0-2').or(''),
    members: array({
      memberId: string,
      groupInstanceId: nullableString.or(null),
      reason: nullableString.in('5+').or(null),
    })
      .in('3+')
      .or([]),
  },
  response: {
    throttleTimeMs: int32.in('1+').or(0),
    errorCode: int16,
    members: array({
      memberId: string,
      groupInstanceId: nullableString.or(null),
      errorCode: int16,
    })
      .in('3+')
      .or([]),
  },
})

export type LeaveGroupRequest = RequestOf<typeof LEAVE_GROUP>
export type LeaveGroupResponse = ResponseOf<typeof LEAVE_GROUP>

export const leaveGroupApi = handled(LEAVE_GROUP, async (request, { broker, version }) => {
  const isOne = version < BATCHES_SINCE
  const leaving = isOne
    ? [{ memberId: request.memberId, instanceId: null }]
    : request.members.map(({ memberId, groupInstanceId }) => ({
        memberId,
        instanceId: groupInstanceId,
      }))
  try {
    const left = await broker.members.leave(parseGroupId(request.groupId), leaving)
    const members = left.map(({ memberId, instanceId, error }) => ({
      memberId,
      groupInstanceId: instanceId,
      errorCode: error === null ? NO_ERROR : numberOf(error),
    }))
    return { errorCode: isOne ? (members[0]?.errorCode ?? NO_ERROR) : NO_ERROR, members }
  } catch (error) {
    return { errorCode: errorNumber(error), members: [] }
  }
})
