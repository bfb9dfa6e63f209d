/**
 * Kafka's Metadata (key 3): returns the brokers of the cluster, and the partitions of topics with their leaders. Every
 * client requests it before it produces or fetches.
 */

import type { Broker } from '../../broker/broker.ts'
import { fanOut } from '../../broker/fan-out.ts'
import { CLUSTER, topicResource } from '../../core/access/resource.ts'
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
import { KAFKA_METADATA_PARTITIONS_MAX, PARTITIONS_MAX } from '../../core/limits.ts'
import type { Topic } from '../../core/topic/topic.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import { brokerAt, CLUSTER_ID, LEADER_EPOCH, NODE_ID } from '../broker-node.ts'
import { errorNumbersOf, LEADER_NOT_AVAILABLE, NO_ERROR, numberOf } from '../error-number.ts'
import { handled, type KafkaCall } from '../handled.ts'
import { topicOf } from '../named-topic.ts'
import { nameCheck, uniqueBy } from '../unique-names.ts'
import { authorizedOperations, NO_OPERATIONS } from './authorized-operations.ts'

const { errorNumber } = errorNumbersOf('metadata')

/** First version in which the name in a response may be null. */
const NO_NAME_SINCE = 12

export const METADATA = messages({
  key: 3,
  name: 'Metadata',
  versions: [0, 13],
  flexibleSince: 9,
  request: {
    /** Null for all topics. Version 0 has no null: there an empty list stands for all. */
    topics: array({
      topicId: uuid.in('10+').or(NO_UUID),
      /** Null if the topic is requested by its id. */
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
  const found =
    wanted === null ? await call.broker.topics.list() : await findAll(wanted, request, call)
  return {
    brokers: [brokerAt(call.address)],
    clusterId: CLUSTER_ID,
    controllerId: NODE_ID,
    topics: request.includeTopicAuthorizedOperations
      ? await fanOut(describe(found), (topic) => withOperations(topic, call.broker))
      : describe(found),
    ...(request.includeClusterAuthorizedOperations && {
      clusterAuthorizedOperations: await authorizedOperations(call.broker, CLUSTER),
    }),
  }
})

const TOPIC_REFUSED = numberOf('topic_authorization_failed')

/** Adds the operations. Like a broker it also does so for an unknown name, but not for an unknown id. */
async function withOperations(topic: DescribedTopic, broker: Broker): Promise<DescribedTopic> {
  if (topic.name === null || topic.errorCode === TOPIC_REFUSED) return topic
  const operations = await authorizedOperations(broker, topicResource(topic.name))
  return { ...topic, topicAuthorizedOperations: operations }
}

type WantedTopic = NonNullable<MetadataRequest['topics']>[number]
type DescribedTopic = MetadataResponse['topics'][number]

/** Returns the requested topics; null for all. */
function wantedTopics({ topics }: MetadataRequest, version: number): readonly WantedTopic[] | null {
  return version === 0 && topics?.length === 0 ? null : topics
}

/** Returns each requested topic once: the topic, or its error. */
async function findAll(
  wanted: readonly WantedTopic[],
  request: MetadataRequest,
  call: KafkaCall,
): Promise<ReadonlyArray<Topic | DescribedTopic>> {
  const unique = uniqueBy(wanted, keyOf)
  const checkName = nameCheck('topics', unique.map(keyOf))
  return await fanOut(unique, async (one) => {
    try {
      checkName(keyOf(one))
      return await find(one, request, call)
    } catch (error) {
      const { name, topicId } = one
      // In requests the name may be null two versions earlier than in responses.
      const shownName = name ?? (call.version < NO_NAME_SINCE ? '' : null)
      return { errorCode: errorNumber(error), name: shownName, topicId, partitions: [] }
    }
  })
}

function keyOf({ name, topicId }: WantedTopic): string {
  return `${topicId} ${name}`
}

async function find(
  wanted: WantedTopic,
  { allowAutoTopicCreation }: MetadataRequest,
  call: KafkaCall,
): Promise<Topic | DescribedTopic> {
  const { name } = wanted
  try {
    return await topicOf(call.broker, wanted, 'describe')
  } catch (error) {
    const isMissing = error instanceof EdgelogError && error.code === 'unknown_topic_or_partition'
    const mayCreate = allowAutoTopicCreation && call.settings.autoCreateTopics
    if (isMissing && name !== null && mayCreate) return await createNamed(name, call)
    throw error
  }
}

/** Creates the topic for Kafka's `auto.create.topics.enable`, because the client may be about to produce to it. */
async function createNamed(
  name: string,
  { broker, settings }: KafkaCall,
): Promise<Topic | DescribedTopic> {
  const partitions = settings.numPartitions
  try {
    return await broker.topics.create({ name: parseTopicName(name), partitions, overrides: {} })
  } catch (error) {
    const isThere = error instanceof EdgelogError && error.code === 'topic_already_exists'
    if (!isThere) throw error
    // Another call is creating it.
    return { errorCode: LEADER_NOT_AVAILABLE, name, partitions: [] }
  }
}

/** All topics share these entries, so that they take memory only once. */
const PARTITIONS = Array.from({ length: PARTITIONS_MAX }, (_, partitionIndex) => ({
  errorCode: NO_ERROR,
  partitionIndex,
  leaderId: NODE_ID,
  leaderEpoch: LEADER_EPOCH,
  replicaNodes: [NODE_ID],
  isrNodes: [NODE_ID],
}))

/** Returns the topics with their partitions, up to the limit of partitions per response. */
export function describe(found: ReadonlyArray<Topic | DescribedTopic>): DescribedTopic[] {
  let left = KAFKA_METADATA_PARTITIONS_MAX
  return found.map((one) => {
    if ('errorCode' in one) return one
    if (one.partitions > left) return withoutRoom(one)
    left -= one.partitions
    return described(one)
  })
}

function described({ name, id: topicId, partitions }: Topic): DescribedTopic {
  return { errorCode: NO_ERROR, name, topicId, partitions: PARTITIONS.slice(0, partitions) }
}

/** Returns a topic without its partitions. A client that needs it requests it by its name. */
function withoutRoom({ name, id: topicId }: Topic): DescribedTopic {
  return { errorCode: LEADER_NOT_AVAILABLE, name, topicId, partitions: [] }
}
