/**
 * Kafka's JoinGroup (key 11), of the classic protocol: a member offers protocols, and gets the response when all have
 * joined. Only the leader receives the list of members, and assigns (see `sync-group.ts`).
 */
import { EdgelogError } from '../../core/errors.ts'
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
import { errorNumbersOf, NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'
import { checkIds, shownClientId } from '../member-fields.ts'

const { errorNumber } = errorNumbersOf('group')

const KNOWN_MEMBER_ID_SINCE = 4
const NULL_PROTOCOL_SINCE = 7
const SKIP_ASSIGNMENT_SINCE = 9

export const JOIN_GROUP = messages({
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexibleSince: 6,
  request: {
    groupId: string,
    sessionTimeoutMs: int32,
    /** -1 in version 0: then the session timeout is used. */
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
    /** Null only from version 7 on; before that an error has ''. */
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

export const joinGroupApi = handled(JOIN_GROUP, async (request, call) => {
  const { rebalanceTimeoutMs, sessionTimeoutMs } = request
  try {
    checkIds({ memberId: request.memberId, groupInstanceId: request.groupInstanceId })
    const joined = await call.broker.members.join({
      groupId: parseGroupId(request.groupId),
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      clientId: shownClientId(call.clientId),
      clientHost: call.clientHost,
      sessionTimeoutMs,
      rebalanceTimeoutMs: rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs,
      protocolType: request.protocolType,
      protocols: request.protocols,
      requiresKnownMemberId: call.version >= KNOWN_MEMBER_ID_SINCE,
      supportsSkippingAssignment: call.version >= SKIP_ASSIGNMENT_SINCE,
    })
    const { generation: generationId, members, ...rest } = joined
    const others = members.map(({ instanceId, ...one }) => ({
      ...one,
      groupInstanceId: instanceId,
    }))
    return { ...rest, generationId, members: others, errorCode: NO_ERROR }
  } catch (error) {
    return {
      errorCode: errorNumber(error),
      protocolName: call.version >= NULL_PROTOCOL_SINCE ? null : '',
      leader: '',
      memberId: givenMemberId(error) ?? request.memberId,
      members: [],
    }
  }
})

/** Returns the member id in `member_id_required`, with which the client must join again (KIP-394). */
function givenMemberId(error: unknown): string | undefined {
  const given = error instanceof EdgelogError ? error.details?.memberId : undefined
  return typeof given === 'string' ? given : undefined
}
