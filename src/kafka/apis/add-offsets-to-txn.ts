/**
 * Kafka's AddOffsetsToTxn (key 25): adds a group to the transaction of a producer, which then commits offsets by
 * TxnOffsetCommit. Clients of KIP-890 do not use it, because their TxnOffsetCommit adds the group.
 */
import { parseGroupId } from '../../core/group/group-id.ts'
import {
  int16,
  int32,
  int64,
  messages,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'
import { coordinatorErrorNumber } from '../transaction-errors.ts'

export const ADD_OFFSETS_TO_TXN = messages({
  key: 25,
  name: 'AddOffsetsToTxn',
  versions: [0, 4],
  flexibleSince: 3,
  request: { transactionalId: string, producerId: int64, producerEpoch: int16, groupId: string },
  response: { throttleTimeMs: int32.or(0), errorCode: int16 },
})

export type AddOffsetsToTxnRequest = RequestOf<typeof ADD_OFFSETS_TO_TXN>
export type AddOffsetsToTxnResponse = ResponseOf<typeof ADD_OFFSETS_TO_TXN>

export const addOffsetsToTxnApi = handled(
  ADD_OFFSETS_TO_TXN,
  async ({ groupId, ...producer }, { broker, version, connection }) => {
    const numbered = connection !== undefined && { connection }
    try {
      const group = parseGroupId(groupId)
      await broker.transactions.addGroup({ ...producer, version: 1, ...numbered }, group)
      return { errorCode: NO_ERROR }
    } catch (error) {
      return { errorCode: coordinatorErrorNumber(error, version) }
    }
  },
)
