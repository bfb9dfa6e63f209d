/**
 * Kafka's DescribeQuorum (key 55): returns the nodes that store the cluster metadata (KIP-595). In Kafka that is a log
 * replicated by controllers; here it is the rows of the coordinator, so the quorum is the one node.
 */
import {
  array,
  int16,
  int32,
  long,
  messages,
  NO_UUID,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
  uint16,
  uuid,
} from '../../core/kafka/schema.ts'
import { LEADER_EPOCH, LISTENER_NAME, NODE_ID } from '../broker-node.ts'
import { clusterError } from '../cluster-error.ts'
import { errorOf, NO_ERROR, numberOf } from '../error-number.ts'
import { handled } from '../handled.ts'

/** Partition 0 of this topic is the metadata log in Kafka. */
const METADATA_TOPIC = '__cluster_metadata'
/** There is no such log, so it has no records. */
const NO_RECORDS = 0

const replicaState = {
  replicaId: int32,
  replicaDirectoryId: uuid.in('2+'),
  logEndOffset: long,
  lastFetchTimestamp: long.in('1+').or(-1),
  lastCaughtUpTimestamp: long.in('1+').or(-1),
}

export const DESCRIBE_QUORUM = messages({
  key: 55,
  name: 'DescribeQuorum',
  versions: [0, 2],
  flexibleSince: 0,
  request: {
    topics: array({ topicName: string, partitions: array({ partitionIndex: int32 }) }),
  },
  response: {
    errorCode: int16,
    errorMessage: nullableString.in('2+').or(null),
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: nullableString.in('2+').or(null),
        leaderId: int32,
        leaderEpoch: int32,
        highWatermark: long,
        currentVoters: array(replicaState),
        observers: array(replicaState),
      }),
    }),
    nodes: array({
      nodeId: int32,
      listeners: array({ name: string, host: string, port: uint16 }),
    })
      .in('2+')
      .or([]),
  },
})

export type DescribeQuorumRequest = RequestOf<typeof DESCRIBE_QUORUM>
export type DescribeQuorumResponse = ResponseOf<typeof DESCRIBE_QUORUM>

export const describeQuorumApi = handled(
  DESCRIBE_QUORUM,
  async ({ topics }, { address, broker }) => {
    const refusal = await clusterError(broker, 'describe')
    if (refusal !== undefined) return { ...refusal, topics: [] }
    // Like a broker, it describes the quorum only if the metadata partition is the only one requested.
    const [topic, ...otherTopics] = topics
    const [partition, ...otherPartitions] = topic?.partitions ?? []
    const isMetadata =
      topic?.topicName === METADATA_TOPIC &&
      partition?.partitionIndex === 0 &&
      otherTopics.length + otherPartitions.length === 0
    if (isMetadata) {
      const partitions = [quorum(Date.now())]
      const listeners = [{ name: LISTENER_NAME, ...address }]
      const nodes = [{ nodeId: NODE_ID, listeners }]
      return { errorCode: NO_ERROR, topics: [{ topicName: METADATA_TOPIC, partitions }], nodes }
    }
    return {
      errorCode: NO_ERROR,
      topics: topics.map(({ topicName, partitions }) => ({
        topicName,
        partitions: partitions.map(({ partitionIndex }) => missing(partitionIndex)),
      })),
    }
  },
)

type DescribedPartition = DescribeQuorumResponse['topics'][number]['partitions'][number]

function quorum(nowMs: number): DescribedPartition {
  const voter = {
    replicaId: NODE_ID,
    replicaDirectoryId: NO_UUID,
    logEndOffset: NO_RECORDS,
    lastFetchTimestamp: nowMs,
    lastCaughtUpTimestamp: nowMs,
  }
  return {
    partitionIndex: 0,
    errorCode: NO_ERROR,
    leaderId: NODE_ID,
    leaderEpoch: LEADER_EPOCH,
    highWatermark: NO_RECORDS,
    currentVoters: [voter],
    observers: [],
  }
}

function missing(partitionIndex: number): DescribedPartition {
  const code = numberOf('unknown_topic_or_partition')
  return {
    partitionIndex,
    ...errorOf(code, 'This server does not host this topic-partition.'),
    leaderId: 0,
    leaderEpoch: 0,
    highWatermark: 0,
    currentVoters: [],
    observers: [],
  }
}
