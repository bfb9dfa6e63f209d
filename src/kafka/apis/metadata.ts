/**
 * Kafka's Metadata (key 3): the brokers of the cluster, and the partitions of topics with their
 * leaders. Every client asks for it before it produces or fetches.
 */

import { fanOut } from '../../broker/fan-out.ts'
import { createTopic, listTopics } from '../../broker/topics.ts'
import { EdgelogError } from '../../core/errors.ts'
import {
  array,
  bool,
  int16,
  int32,
  messages,
  NO_UUID,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
  uuid,
} from '../../core/kafka/schema.ts'
import type { Topic } from '../../core/topic/topic.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import { brokerAt, CLUSTER_ID, LEADER_EPOCH, NODE_ID } from '../broker-node.ts'
import { errorNumbersOf, LEADER_NOT_AVAILABLE, NO_ERROR } from '../error-number.ts'
import { handled, type KafkaCall } from '../handled.ts'
import { topicOf } from '../named-topic.ts'
import { NO_OPERATIONS } from './authorized-operations.ts'

const { errorNumber } = errorNumbersOf('metadata')

/** Of responses; older ones have no null for it. */
const NO_NAME_SINCE = 12

export const METADATA = messages({
  key: 3,
  name: 'Metadata',
  versions: [0, 13],
  flexibleSince: 9,
  request: {
    /** Null: all topics. In version 0, which has no null, empty stands for all. */
    topics: array({
      topicId: uuid.in('10+').or(NO_UUID),
      /** Null where the topic is asked for by its id. */
      name: string.nullableIn('10+'),
    }).nullableIn('1+'),
    allowAutoTopicCreation: bool.in('4+').or(true),
    includeClusterAuthorizedOperations: bool.in('8-10').or(false),
    includeTopicAuthorizedOperations: bool.in('8+').or(false),
  },
  response: {
    throttleTimeMs: int32.in('3+').or(0),
    brokers: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: nullableString.in('1+').or(null),
    }),
    clusterId: nullableString.in('2+').or(null),
    controllerId: int32.in('1+').or(-1),
    topics: array({
      errorCode: int16,
      name: string.nullableIn('12+'),
      topicId: uuid.in('10+').or(NO_UUID),
      isInternal: bool.in('1+').or(false),
      partitions: array({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32.in('7+').or(-1),
        replicaNodes: array(int32),
        isrNodes: array(int32),
        offlineReplicas: array(int32).in('5+').or([]),
      }),
      topicAuthorizedOperations: int32.in('8+').or(NO_OPERATIONS),
    }),
    clusterAuthorizedOperations: int32.in('8-10').or(NO_OPERATIONS),
    errorCode: int16.in('13+').or(0),
  },
})

export type MetadataRequest = RequestOf<typeof METADATA>
export type MetadataResponse = ResponseOf<typeof METADATA>

export const metadataApi = handled(METADATA, async (request, call) => {
  const wanted = wantedTopics(request, call.version)
  const topics =
    wanted === null
      ? (await listTopics(call.cluster)).map(describe)
      : await fanOut(wanted, (one) => describeWanted(one, request, call))
  return {
    brokers: [brokerAt(call.address)],
    clusterId: CLUSTER_ID,
    controllerId: NODE_ID,
    topics,
  }
})

type WantedTopic = NonNullable<MetadataRequest['topics']>[number]
type DescribedTopic = MetadataResponse['topics'][number]

/** Null: all. */
function wantedTopics({ topics }: MetadataRequest, version: number): readonly WantedTopic[] | null {
  return version === 0 && topics?.length === 0 ? null : topics
}

async function describeWanted(
  wanted: WantedTopic,
  { allowAutoTopicCreation }: MetadataRequest,
  call: KafkaCall,
): Promise<DescribedTopic> {
  try {
    return describe(await topicOf(call.cluster, wanted))
  } catch (error) {
    const { name, topicId } = wanted
    const isMissing = error instanceof EdgelogError && error.code === 'unknown_topic_or_partition'
    if (isMissing && name !== null && allowAutoTopicCreation && call.settings.autoCreateTopics) {
      return await createNamed(name, call)
    }
    // Requests may lack a name two versions before responses may.
    const shownName = name ?? (call.version < NO_NAME_SINCE ? '' : null)
    return { errorCode: errorNumber(error), name: shownName, topicId, partitions: [] }
  }
}

/** Kafka's `auto.create.topics.enable`: who names a topic may mean to produce to it. */
async function createNamed(
  name: string,
  { cluster, settings }: KafkaCall,
): Promise<DescribedTopic> {
  const partitions = settings.numPartitions
  try {
    const topic = { name: parseTopicName(name), partitions, overrides: {} }
    return describe(await createTopic(cluster, topic))
  } catch (error) {
    // Somebody else creates it right now.
    const isThere = error instanceof EdgelogError && error.code === 'topic_already_exists'
    const errorCode = isThere ? LEADER_NOT_AVAILABLE : errorNumber(error)
    return { errorCode, name, partitions: [] }
  }
}

function describe({ name, id, partitions }: Topic): DescribedTopic {
  return {
    errorCode: NO_ERROR,
    name,
    topicId: id,
    partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({
      errorCode: NO_ERROR,
      partitionIndex,
      leaderId: NODE_ID,
      leaderEpoch: LEADER_EPOCH,
      replicaNodes: [NODE_ID],
      isrNodes: [NODE_ID],
    })),
  }
}
