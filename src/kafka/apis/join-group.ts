/**
 * Kafka's JoinGroup (key 11), of the classic protocol: a member offers protocols, and is answered when
 * all have joined. The leader alone is told of the members, and assigns (see `sync-group.ts`).
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

export const JOIN_GROUP = messages({
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexibleSince: 6,
  request: {
    groupId: string,
    sessionTimeoutMs: int32,
    /** -1 in version 0, where the session timeout stands for it. */
    rebalanceTimeoutMs: int32.in('1+').or(-1),
    memberId: string,
    groupInstanceId: nullableString.in('5+').or(null),
    protocolType: string,
    protocols: array({ name: string, metadata: bytes }),
    reason: nullableString.in('8+').or(null),
  },
  response: {
    throttleTimeMs: int32.in('2+').or(0),
    errorCode: int16,
    generationId: int32.or(-1),
    protocolType: nullableString.in('7+').or(null),
    /** Null from version 7 on only: what is refused before has '' instead. */
    protocolName: string.nullableIn('7+'),
    leader: string,
    skipAssignment: bool.in('9+').or(false),
    memberId: string,
    members: array({
      memberId: string,
      groupInstanceId: nullableString.in('5+').or(null),
      metadata: bytes,
    }),
  },
})

export type JoinGroupRequest = RequestOf<typeof JOIN_GROUP>
export type JoinGroupResponse = ResponseOf<typeof JOIN_GROUP>
