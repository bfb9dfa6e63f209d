/**
 * Kafka's Heartbeat (key 12), of the classic protocol: a member lives, and learns of rebalances.
 */
import {
  int16,
  int32,
  messages,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'

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
