/**
 * Kafka's AddPartitionsToTxn (key 24): adds partitions to the transaction of a producer, and begins it with the first
 * ones. Later versions are for brokers. Clients of KIP-890 do not use it, because their Produce adds partitions.
 */
import type { ClientCall, NamedPartition } from '../../broker/transaction-operations.ts'
import {
  array,
  int16,
  int32,
  int64,
  messages,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { NO_ERROR } from '../error-number.ts'
import { handled, type KafkaCall } from '../handled.ts'
import { coordinatorErrorNumber, OPERATION_NOT_ATTEMPTED } from '../transaction-errors.ts'

export const ADD_PARTITIONS_TO_TXN = messages({
  key: 24,
  name: 'AddPartitionsToTxn',
  versions: [0, 3],
  flexibleSince: 3,
  request: {
    v3AndBelowTransactionalId: string,
    v3AndBelowProducerId: int64,
    v3AndBelowProducerEpoch: int16,
    v3AndBelowTopics: array({ name: string, partitions: array(int32) }),
  },
  response: {
    throttleTimeMs: int32.or(0),
    resultsByTopicV3AndBelow: array({
      name: string,
      resultsByPartition: array({ partitionIndex: int32, partitionErrorCode: int16 }),
    }),
  },
})

export type AddPartitionsToTxnRequest = RequestOf<typeof ADD_PARTITIONS_TO_TXN>
export type AddPartitionsToTxnResponse = ResponseOf<typeof ADD_PARTITIONS_TO_TXN>

export const addPartitionsToTxnApi = handled(ADD_PARTITIONS_TO_TXN, async (request, call) => {
  const topics = request.v3AndBelowTopics
  const wanted = topics.flatMap(({ name, partitions }) =>
    partitions.map((partition) => ({ topic: name, partition })),
  )
  const numbers = (await addAll(request, wanted, call)).values()
  return {
    resultsByTopicV3AndBelow: topics.map(({ name, partitions }) => ({
      name,
      resultsByPartition: partitions.map((partitionIndex) => ({
        partitionIndex,
        partitionErrorCode: numbers.next().value as number,
      })),
    })),
  }
})

/** Returns one error number per partition, in order. */
async function addAll(
  request: AddPartitionsToTxnRequest,
  wanted: readonly NamedPartition[],
  { broker, version, connection }: KafkaCall,
): Promise<number[]> {
  const client: ClientCall = {
    transactionalId: request.v3AndBelowTransactionalId,
    producerId: request.v3AndBelowProducerId,
    producerEpoch: request.v3AndBelowProducerEpoch,
    version: 1,
    ...(connection !== undefined && { connection }),
  }
  try {
    const refused = await broker.transactions.addPartitions(client, wanted)
    if (refused.size === 0) return wanted.map(() => NO_ERROR)
    return wanted.map((_, index) => {
      const refusal = refused.get(index)
      return refusal === undefined
        ? OPERATION_NOT_ATTEMPTED
        : coordinatorErrorNumber(refusal, version)
    })
  } catch (error) {
    return wanted.map(() => coordinatorErrorNumber(error, version))
  }
}
