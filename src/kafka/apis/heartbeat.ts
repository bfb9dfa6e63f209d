/** Kafka's Heartbeat (key 12), of the classic protocol: keeps a member alive, and notifies it of rebalances. */
import { parseGroupId } from '../../core/group/group-id.ts'
import {
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

export const HEARTBEAT = messages({
  key: 12,
  name: 'Heartbeat',
  versions: [0, 4],
  flexibleSince: 4,
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: nullableString.in('3+').or(null),
  },
  response: { throttleTimeMs: int32.in('1+').or(0), errorCode: int16 },
})

export type HeartbeatRequest = RequestOf<typeof HEARTBEAT>
export type HeartbeatResponse = ResponseOf<typeof HEARTBEAT>

export const heartbeatApi = handled(HEARTBEAT, async (request, { broker }) => {
  const { groupId, generationId: generation, memberId, groupInstanceId: instanceId } = request
  try {
    const beat = { memberId, instanceId, generation }
    await broker.members.classicHeartbeat(parseGroupId(groupId), beat)
    return { errorCode: NO_ERROR }
  } catch (error) {
    return { errorCode: errorNumber(error) }
  }
})
