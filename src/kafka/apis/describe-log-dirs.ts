/** Kafka's DescribeLogDirs (key 35): returns the sizes of partitions (KIP-113). */

import type { Broker } from '../../broker/broker.ts'
import type { SizedPartition } from '../../broker/partition-sizes.ts'
import { EdgelogError } from '../../core/errors.ts'
import {
  array,
  bool,
  int16,
  int32,
  long,
  messages,
  nullableArray,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { KAFKA_METADATA_PARTITIONS_MAX, KAFKA_PARTITION_SIZES_MAX } from '../../core/limits.ts'
import type { Topic } from '../../core/topic/topic.ts'
import { LOG_DIR } from '../broker-node.ts'
import { errorNumbersOf, NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'
import { hasPartition, topicsByName } from '../topics-by-name.ts'

const { errorNumber } = errorNumbersOf('admin')
const UNKNOWN_SIZE = -1

export const DESCRIBE_LOG_DIRS = messages({
  key: 35,
  name: 'DescribeLogDirs',
  versions: [1, 5],
  flexibleSince: 2,
  request: {
    /** Null: all. */
    topics: nullableArray({ topic: string, partitions: array(int32) }),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16.in('3+').or(0),
    results: array({
      errorCode: int16,
      logDir: string,
      topics: array({
        name: string,
        partitions: array({
          partitionIndex: int32,
          partitionSize: long,
          offsetLag: long,
          isFutureKey: bool,
        }),
      }),
      /** Size of the disk; -1 if unknown. */
      totalBytes: long.in('4+').or(-1),
      usableBytes: long.in('4+').or(-1),
      isCordoned: bool.in('5+').or(false),
    }),
  },
})

export type DescribeLogDirsRequest = RequestOf<typeof DESCRIBE_LOG_DIRS>
export type DescribeLogDirsResponse = ResponseOf<typeof DESCRIBE_LOG_DIRS>

/** Describes the one directory. Like a broker, it leaves out partitions that do not exist. */
export const describeLogDirsApi = handled(DESCRIBE_LOG_DIRS, async (request, { broker }) => {
  try {
    const partitions = await wantedPartitions(request, broker)
    const sized = await broker.topics.partitionSizes(partitions, KAFKA_PARTITION_SIZES_MAX)
    const dir = { errorCode: NO_ERROR, logDir: LOG_DIR, topics: byTopic(sized) }
    return { errorCode: NO_ERROR, results: [dir] }
  } catch (error) {
    if (!(error instanceof EdgelogError)) throw error
    const errorCode = errorNumber(error)
    // Versions without a top-level error return it with the directory.
    return { errorCode, results: [{ errorCode, logDir: LOG_DIR, topics: [] }] }
  }
})

type WantedPartition = Omit<SizedPartition, 'sizeBytes'>

/** Returns each requested partition once. */
async function wantedPartitions(
  { topics }: DescribeLogDirsRequest,
  broker: Broker,
): Promise<readonly WantedPartition[]> {
  if (topics === null) return allPartitions(await broker.topics.listForCluster('describe'))
  const find = await topicsByName(
    broker,
    topics.map(({ topic }) => topic),
    'describe',
  )
  const wanted = new Map<string, WantedPartition>()
  for (const { topic: name, partitions } of topics) {
    const topic = find(name)
    if (topic instanceof EdgelogError) throw topic
    for (const partition of partitions) {
      const isThere = topic !== null && hasPartition(topic, partition)
      if (isThere) wanted.set(`${name}-${partition}`, { topic, partition })
    }
  }
  return [...wanted.values()]
}

/** Returns all partitions, up to the limit of one response. */
export function allPartitions(topics: readonly Topic[]): WantedPartition[] {
  const wanted: WantedPartition[] = []
  for (const topic of topics) {
    for (let partition = 0; partition < topic.partitions; partition++) {
      if (wanted.length === KAFKA_METADATA_PARTITIONS_MAX) return wanted
      wanted.push({ topic, partition })
    }
  }
  return wanted
}

type DescribedTopic = DescribeLogDirsResponse['results'][number]['topics'][number]

function byTopic(sized: readonly SizedPartition[]): DescribedTopic[] {
  const topics = new Map<string, DescribedTopic['partitions'][number][]>()
  for (const { topic, partition: partitionIndex, sizeBytes } of sized) {
    const partitions = topics.get(topic.name) ?? []
    const partitionSize = sizeBytes ?? UNKNOWN_SIZE
    partitions.push({ partitionIndex, partitionSize, offsetLag: 0, isFutureKey: false })
    topics.set(topic.name, partitions)
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }))
}
