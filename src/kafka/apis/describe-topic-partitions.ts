/**
 * Kafka's DescribeTopicPartitions (key 75): Metadata's topics, page by page (KIP-966).
 */
import { listTopics } from '../../broker/topics.ts'
import { EdgelogError } from '../../core/errors.ts'
import {
  array,
  bool,
  int16,
  int32,
  messages,
  NO_UUID,
  nullableArray,
  nullableString,
  nullableStruct,
  type RequestOf,
  type ResponseOf,
  string,
  uuid,
} from '../../core/kafka/schema.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import { LEADER_EPOCH, NODE_ID } from '../broker-node.ts'
import { errorNumbersOf, NO_ERROR, orError } from '../error-number.ts'
import { handled } from '../handled.ts'
import { NO_OPERATIONS } from './authorized-operations.ts'

const { errorNumber } = errorNumbersOf('admin')

/** The first partition of the next page. */
const cursor = nullableStruct({ topicName: string, partitionIndex: int32 }).or(null)

/** Kafka's `max.request.partition.size.limit`. */
const PARTITIONS_MAX = 2_000

export const DESCRIBE_TOPIC_PARTITIONS = messages({
  key: 75,
  name: 'DescribeTopicPartitions',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    /** None: all topics. */
    topics: array({ name: string }),
    responsePartitionLimit: int32.or(2_000),
    cursor,
  },
  response: {
    throttleTimeMs: int32.or(0),
    topics: array({
      errorCode: int16,
      name: nullableString,
      topicId: uuid,
      isInternal: bool.or(false),
      partitions: array({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32.or(-1),
        replicaNodes: array(int32),
        isrNodes: array(int32),
        /** Not left out, though Kafka's definition lets it be null: its own admin client fails on null. */
        eligibleLeaderReplicas: nullableArray(int32),
        /** As `eligibleLeaderReplicas`. */
        lastKnownElr: nullableArray(int32),
        offlineReplicas: array(int32),
      }),
      topicAuthorizedOperations: int32.or(NO_OPERATIONS),
    }),
    nextCursor: cursor,
  },
})

export type DescribeTopicPartitionsRequest = RequestOf<typeof DESCRIBE_TOPIC_PARTITIONS>
export type DescribeTopicPartitionsResponse = ResponseOf<typeof DESCRIBE_TOPIC_PARTITIONS>

export const describeTopicPartitionsApi = handled(
  DESCRIBE_TOPIC_PARTITIONS,
  async (request, { cluster }) => {
    const { cursor } = request
    const names = request.topics.map(({ name }) => name)
    const wanted = names.length > 0 ? names : (await listTopics(cluster)).map(({ name }) => name)
    let left = Math.min(Math.max(1, request.responsePartitionLimit), PARTITIONS_MAX)
    const topics: DescribedTopic[] = []
    for (const name of [...new Set(wanted)].sort()) {
      if (cursor !== null && name < cursor.topicName) continue
      const first = cursor?.topicName === name ? cursor.partitionIndex : 0
      if (left === 0) return { topics, nextCursor: { topicName: name, partitionIndex: 0 } }
      const topic = await orError(() => cluster.topic(parseTopicName(name)))
      if (topic instanceof EdgelogError) {
        topics.push({ errorCode: errorNumber(topic), name, topicId: NO_UUID, partitions: [] })
        continue
      }
      const end = Math.min(topic.partitions, Math.max(0, first) + left)
      const partitions = describePartitions(Math.max(0, first), end)
      left -= partitions.length
      topics.push({ errorCode: NO_ERROR, name, topicId: topic.id, partitions })
      if (end < topic.partitions) {
        return { topics, nextCursor: { topicName: name, partitionIndex: end } }
      }
    }
    return { topics, nextCursor: null }
  },
)

type DescribedTopic = DescribeTopicPartitionsResponse['topics'][number]

function describePartitions(first: number, end: number): DescribedTopic['partitions'] {
  return Array.from({ length: Math.max(0, end - first) }, (_, index) => ({
    errorCode: NO_ERROR,
    partitionIndex: first + index,
    leaderId: NODE_ID,
    leaderEpoch: LEADER_EPOCH,
    replicaNodes: [NODE_ID],
    isrNodes: [NODE_ID],
    eligibleLeaderReplicas: [],
    lastKnownElr: [],
    offlineReplicas: [],
  }))
}
