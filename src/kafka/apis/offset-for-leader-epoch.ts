/**
 * Kafka's OffsetForLeaderEpoch (key 23): returns where a leader epoch of a partition
 * ends. Consumers use it to detect a truncated log (KIP-320).
 */
import type { Broker } from '../../broker/broker.ts'
import { fanOut } from '../../broker/fan-out.ts'
import {
  array,
  int16,
  int32,
  long,
  messages,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import { LEADER_EPOCH } from '../broker-node.ts'
import { errorNumbersOf, NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'
import { epochError } from '../leader-epoch.ts'

const { errorNumber } = errorNumbersOf('partition')

export const OFFSET_FOR_LEADER_EPOCH = messages({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: [2, 4],
  flexibleSince: 4,
  request: {
    replicaId: int32.in('3+').or(-2),
    topics: array({
      topic: string,
      partitions: array({ partition: int32, currentLeaderEpoch: int32.or(-1), leaderEpoch: int32 }),
    }),
  },
  response: {
    throttleTimeMs: int32.or(0),
    topics: array({
      topic: string,
      partitions: array({
        errorCode: int16,
        partition: int32,
        leaderEpoch: int32.or(-1),
        endOffset: long.or(-1),
      }),
    }),
  },
})

export type OffsetForLeaderEpochRequest = RequestOf<typeof OFFSET_FOR_LEADER_EPOCH>
export type OffsetForLeaderEpochResponse = ResponseOf<typeof OFFSET_FOR_LEADER_EPOCH>

export const offsetForLeaderEpochApi = handled(
  OFFSET_FOR_LEADER_EPOCH,
  async (request, { broker }) => ({
    topics: await fanOut(request.topics, async ({ topic, partitions }) => ({
      topic,
      partitions: await fanOut(partitions, (one) => endOf(broker, topic, one)),
    })),
  }),
)

type AskedPartition = OffsetForLeaderEpochRequest['topics'][number]['partitions'][number]
type PartitionResponse = OffsetForLeaderEpochResponse['topics'][number]['partitions'][number]

/** Returns the end of the log for the only leader epoch. */
async function endOf(
  broker: Broker,
  topic: string,
  { partition, currentLeaderEpoch, leaderEpoch }: AskedPartition,
): Promise<PartitionResponse> {
  try {
    const refusal = epochError(currentLeaderEpoch)
    if (refusal !== undefined) throw refusal
    const name = parseTopicName(topic)
    const ends = await broker.records.describePartition(name, partition)
    const errorCode = NO_ERROR
    if (leaderEpoch !== LEADER_EPOCH) return { partition, errorCode }
    return { partition, errorCode, leaderEpoch, endOffset: ends.highWatermark }
  } catch (error) {
    return { partition, errorCode: errorNumber(error) }
  }
}
