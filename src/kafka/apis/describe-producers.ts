/** Kafka's DescribeProducers (key 61): the idempotent and transactional producers of partitions (KIP-664). */
import { fanOut } from '../../broker/fan-out.ts'
import { EdgelogError } from '../../core/errors.ts'
import {
  array,
  int16,
  int32,
  int64,
  long,
  messages,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { DESCRIBED_PRODUCERS_MAX } from '../../core/limits.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import { errorNumbersOf, NO_ERROR, toResult } from '../error-number.ts'
import { handled, type KafkaCall } from '../handled.ts'

const { errorFields } = errorNumbersOf('partition')

export const DESCRIBE_PRODUCERS = messages({
  key: 61,
  name: 'DescribeProducers',
  versions: [0, 0],
  flexibleSince: 0,
  request: { topics: array({ name: string, partitionIndexes: array(int32) }) },
  response: {
    throttleTimeMs: int32.or(0),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: nullableString.or(null),
        activeProducers: array({
          producerId: int64,
          producerEpoch: int32,
          lastSequence: int32.or(-1),
          lastTimestamp: long.or(-1),
          coordinatorEpoch: int32,
          currentTxnStartOffset: long.or(-1),
        }),
      }),
    }),
  },
})

export type DescribeProducersRequest = RequestOf<typeof DESCRIBE_PRODUCERS>
export type DescribeProducersResponse = ResponseOf<typeof DESCRIBE_PRODUCERS>

export const describeProducersApi = handled(DESCRIBE_PRODUCERS, async ({ topics }, { broker }) => {
  const count = topics.reduce((sum, { partitionIndexes }) => sum + partitionIndexes.length, 0)
  const limit = Math.max(1, Math.floor(DESCRIBED_PRODUCERS_MAX / count))
  return {
    topics: await fanOut(topics, async ({ name, partitionIndexes }) => ({
      name,
      partitions: await fanOut(partitionIndexes, (partition) =>
        describe(broker, name, partition, limit),
      ),
    })),
  }
})

async function describe(
  broker: KafkaCall['broker'],
  topic: string,
  partitionIndex: number,
  limit: number,
) {
  const producers = await toResult(() =>
    broker.transactionAdmin.describeProducers(parseTopicName(topic), partitionIndex, limit),
  )
  if (producers instanceof EdgelogError) {
    return { partitionIndex, ...errorFields(producers), activeProducers: [] }
  }
  return { partitionIndex, errorCode: NO_ERROR, activeProducers: producers }
}
