/**
 * Kafka's LeaveGroup (key 13), of the classic protocol: members leave. From version 3 on one request may
 * name many, which is how an administrator removes them (KIP-345).
 */
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
