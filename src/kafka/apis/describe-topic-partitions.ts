/** Kafka's DescribeTopicPartitions (key 75): returns the topics of Metadata, page by page (KIP-966). */
import type { Broker } from '../../broker/broker.ts'
import { fanOut } from '../../broker/fan-out.ts'
import { topicResource } from '../../core/access/resource.ts'
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
import { KAFKA_DESCRIBED_PARTITIONS_MAX } from '../../core/limits.ts'
import type { Topic } from '../../core/topic/topic.ts'
import { LEADER_EPOCH, NODE_ID } from '../broker-node.ts'
import { errorNumbersOf, NO_ERROR, toResult } from '../error-number.ts'
import { handled } from '../handled.ts'
import { authorizedOperations, NO_OPERATIONS } from './authorized-operations.ts'

const { errorNumber } = errorNumbersOf('admin')

/** The first partition of the next page. */
const cursor = nullableStruct({ topicName: string, partitionIndex: int32 }).or(null)

export const DESCRIBE_TOPIC_PARTITIONS = messages({
  key: 75,
  name: 'DescribeTopicPartitions',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    /** Empty for all topics. */
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
        /** Never null, although Kafka's definition allows it: its own admin client fails on null. */
        eligibleLeaderReplicas: nullableArray(int32),
        /** Like `eligibleLeaderReplicas`. */
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
  async (request, { broker }) => {
    const { topics, nextCursor } = await describePage(request, broker)
    // A request cannot ask for operations. Like a broker, it always returns them, also for unknown topics.
    const withOperations = await fanOut(topics, async (topic) => ({
      ...topic,
      topicAuthorizedOperations: await authorizedOperations(
        broker,
        topicResource(topic.name as string),
      ),
    }))
    return { topics: withOperations, nextCursor }
  },
)

async function describePage(
  { topics: wanted, cursor, responsePartitionLimit }: DescribeTopicPartitionsRequest,
  broker: Broker,
): Promise<Pick<DescribeTopicPartitionsResponse, 'topics' | 'nextCursor'>> {
  let left = Math.min(Math.max(1, responsePartitionLimit), KAFKA_DESCRIBED_PARTITIONS_MAX)
  // Each topic, also a missing one, uses up at least one partition of the limit, so no more are needed.
  const found = await findFrom(broker, wanted, cursor?.topicName ?? '', left + 1)
  const topics: DescribedTopic[] = []
  for (const { name, topic } of found) {
    if (left <= 0) return { topics, nextCursor: { topicName: name, partitionIndex: 0 } }
    if (topic instanceof EdgelogError) {
      topics.push({ errorCode: errorNumber(topic), name, topicId: NO_UUID, partitions: [] })
      left -= 1
      continue
    }
    const first = cursor?.topicName === name ? Math.max(0, cursor.partitionIndex) : 0
    const end = Math.min(topic.partitions, first + left)
    const partitions = describePartitions(first, end)
    left -= Math.max(1, partitions.length)
    topics.push({ errorCode: NO_ERROR, name, topicId: topic.id, partitions })
    if (end < topic.partitions) {
      return { topics, nextCursor: { topicName: name, partitionIndex: end } }
    }
  }
  return { topics, nextCursor: null }
}

interface FoundTopic {
  readonly name: string
  readonly topic: Topic | EdgelogError
}

/** Returns the first `count` topics from a name on, of the named ones or of all. */
async function findFrom(
  broker: Broker,
  wanted: DescribeTopicPartitionsRequest['topics'],
  from: string,
  count: number,
): Promise<readonly FoundTopic[]> {
  if (wanted.length === 0) {
    const all = (await broker.topics.list()).filter(({ name }) => name >= from)
    return all.slice(0, count).map((topic) => ({ name: topic.name, topic }))
  }
  const names = [...new Set(wanted.map(({ name }) => name))].filter((name) => name >= from).sort()
  return await fanOut(names.slice(0, count), async (name) => ({
    name,
    topic: await toResult(() => broker.topics.find({ name }, 'describe')),
  }))
}

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
