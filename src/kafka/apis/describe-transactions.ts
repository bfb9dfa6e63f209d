/** Kafka's DescribeTransactions (key 65): the states of transactional ids (KIP-664). */
import { fanOut } from '../../broker/fan-out.ts'
import { EdgelogError } from '../../core/errors.ts'
import {
  array,
  int16,
  int32,
  int64,
  long,
  messages,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import type { TransactionDescription } from '../../core/transaction/transaction-api.ts'
import { NO_ERROR, toResult } from '../error-number.ts'
import { handled } from '../handled.ts'
import { coordinatorErrorNumber } from '../transaction-errors.ts'
import { nameCheck } from '../unique-names.ts'

export const DESCRIBE_TRANSACTIONS = messages({
  key: 65,
  name: 'DescribeTransactions',
  versions: [0, 0],
  flexibleSince: 0,
  request: { transactionalIds: array(string) },
  response: {
    throttleTimeMs: int32.or(0),
    transactionStates: array({
      errorCode: int16,
      transactionalId: string,
      transactionState: string,
      transactionTimeoutMs: int32,
      transactionStartTimeMs: long,
      producerId: int64,
      producerEpoch: int16,
      topics: array({ topic: string, partitions: array(int32) }),
    }),
  },
})

export type DescribeTransactionsRequest = RequestOf<typeof DESCRIBE_TRANSACTIONS>
export type DescribeTransactionsResponse = ResponseOf<typeof DESCRIBE_TRANSACTIONS>

export const describeTransactionsApi = handled(
  DESCRIBE_TRANSACTIONS,
  async ({ transactionalIds }, { broker, version }) => {
    const ids = [...new Set(transactionalIds)]
    const checkName = nameCheck('transactionalIds', ids)
    return {
      transactionStates: await fanOut(ids, async (transactionalId) => {
        const described = await toResult(async () => {
          checkName(transactionalId)
          return await broker.transactionAdmin.describe(transactionalId)
        })
        if (!(described instanceof EdgelogError)) return stateOf(described)
        return {
          ...{ errorCode: coordinatorErrorNumber(described, version), transactionalId },
          ...{ transactionState: '', transactionTimeoutMs: 0, transactionStartTimeMs: 0 },
          ...{ producerId: 0n, producerEpoch: 0, topics: [] },
        }
      }),
    }
  },
)

function stateOf(description: TransactionDescription) {
  const { transactionalId, state, timeoutMs, startedAtMs, producerId, producerEpoch } = description
  const byTopic = Map.groupBy(description.partitions, ({ topic }) => topic)
  return {
    errorCode: NO_ERROR,
    transactionalId,
    transactionState: state,
    transactionTimeoutMs: timeoutMs,
    transactionStartTimeMs: startedAtMs,
    producerId,
    producerEpoch,
    topics: [...byTopic].map(([topic, of]) => ({
      topic,
      partitions: of.map(({ partition }) => partition),
    })),
  }
}
