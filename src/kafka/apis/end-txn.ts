/**
 * Kafka's EndTxn (key 26): commits or aborts the transaction of a producer. From version 5 on each end raises the
 * producer's epoch (KIP-890), and the response carries it.
 */
import {
  bool,
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

/** First version of KIP-890. */
const EPOCHS_SINCE = 5

export const END_TXN = messages({
  key: 26,
  name: 'EndTxn',
  versions: [0, 5],
  flexibleSince: 3,
  request: { transactionalId: string, producerId: int64, producerEpoch: int16, committed: bool },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16,
    producerId: int64.in('5+').or(-1n),
    producerEpoch: int16.in('5+').or(-1),
  },
})

export type EndTxnRequest = RequestOf<typeof END_TXN>
export type EndTxnResponse = ResponseOf<typeof END_TXN>

export const endTxnApi = handled(
  END_TXN,
  async ({ committed, ...producer }, { broker, version, connection }) => {
    const call =
      version >= EPOCHS_SINCE
        ? { ...producer, version: 2 as const }
        : { ...producer, version: 1 as const, ...(connection !== undefined && { connection }) }
    try {
      const ended = await broker.transactions.end(call, committed ? 'commit' : 'abort')
      const { producerId, producerEpoch } = ended
      return { errorCode: NO_ERROR, producerId, producerEpoch }
    } catch (error) {
      return { errorCode: coordinatorErrorNumber(error, version) }
    }
  },
)
