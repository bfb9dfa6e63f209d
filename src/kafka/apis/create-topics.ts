/**
 * Kafka's CreateTopics (key 19). -1 as the number of partitions or replicas means the default of the server, or the
 * number in the assignments (KIP-464). Like brokers, it accepts that in every version, although only version 4
 * introduced it; kafkajs relies on that.
 */
import { callValid } from '../../broker/call-valid.ts'
import { fanOut } from '../../broker/fan-out.ts'
import { topicResource } from '../../core/access/resource.ts'
import { EdgelogError } from '../../core/errors.ts'
import {
  array,
  bool,
  int8,
  int16,
  int32,
  messages,
  NO_UUID,
  nullableArray,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
  uuid,
} from '../../core/kafka/schema.ts'
import type { NewTopic, Topic } from '../../core/topic/topic.ts'
import { parseTopicConfigOverrides } from '../../core/topic/topic-config.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import { topicConfigEntries } from '../config-entries.ts'
import { errorNumbersOf, NO_ERROR, numberOf, toResult } from '../error-number.ts'
import { handled, type KafkaCall } from '../handled.ts'
import { nameCheck } from '../unique-names.ts'

const { errorFields } = errorNumbersOf('admin')

/** Stands for the default of the server (KIP-464). */
const UNSPECIFIED = -1
const REPLICAS = 1

export const CREATE_TOPICS = messages({
  key: 19,
  name: 'CreateTopics',
  versions: [2, 7],
  flexibleSince: 5,
  request: {
    topics: array({
      name: string,
      numPartitions: int32,
      replicationFactor: int16,
      assignments: array({ partitionIndex: int32, brokerIds: array(int32) }),
      configs: array({ name: string, value: nullableString }),
    }),
    timeoutMs: int32.or(60_000),
    validateOnly: bool.or(false),
  },
  response: {
    throttleTimeMs: int32.or(0),
    topics: array({
      name: string,
      topicId: uuid.in('7+').or(NO_UUID),
      errorCode: int16,
      errorMessage: nullableString.or(null),
      topicConfigErrorCode: int16.tag(0, '5+'),
      numPartitions: int32.in('5+').or(-1),
      replicationFactor: int16.in('5+').or(-1),
      /** Null if the caller may not see them. */
      configs: nullableArray({
        name: string,
        value: nullableString,
        readOnly: bool,
        configSource: int8.or(-1),
        isSensitive: bool,
      })
        .in('5+')
        .or([]),
    }),
  },
})

export type CreateTopicsRequest = RequestOf<typeof CREATE_TOPICS>
export type CreateTopicsResponse = ResponseOf<typeof CREATE_TOPICS>

export const createTopicsApi = handled(CREATE_TOPICS, async (request, call) => {
  const checkName = nameCheck(
    'topics',
    request.topics.map(({ name }) => name),
  )
  const { validateOnly } = request
  const asked = await fanOut(request.topics, (wanted) =>
    toResult(async () => {
      checkName(wanted.name)
      return { ...newTopic(wanted, call), validateOnly }
    }),
  )
  const results = await callValid(asked, (topics) => call.broker.topics.createEach(topics))
  const answered = request.topics.map(({ name }, index) => ({ name, result: results[index] }))
  return {
    topics: await fanOut(answered, async ({ name, result }): Promise<CreatedTopic> => {
      if (result instanceof EdgelogError) return { name, ...errorFields(result) }
      return await created(result as Topic, validateOnly, call)
    }),
  }
})

type WantedTopic = CreateTopicsRequest['topics'][number]
type CreatedTopic = CreateTopicsResponse['topics'][number]

/** Returns the created topic. A caller that may not see its configs gets an error code in their place (KIP-525). */
async function created(
  { name, id, partitions, overrides }: Topic,
  validateOnly: boolean,
  { broker }: KafkaCall,
): Promise<CreatedTopic> {
  // A validated topic has no id.
  const topicId = validateOnly ? NO_UUID : id
  const refusal = await broker.access.refusal('describe_configs', topicResource(name))
  if (refusal !== undefined) {
    return { name, topicId, errorCode: NO_ERROR, topicConfigErrorCode: numberOf(refusal.code) }
  }
  return {
    name,
    topicId,
    errorCode: NO_ERROR,
    numPartitions: partitions,
    replicationFactor: REPLICAS,
    configs: topicConfigEntries(overrides),
  }
}

/** @throws {EdgelogError} if the request itself is invalid. */
function newTopic(wanted: WantedTopic, { settings }: KafkaCall): NewTopic {
  const configs = Object.fromEntries(wanted.configs.map(({ name, value }) => [name, value]))
  return {
    name: parseTopicName(wanted.name),
    partitions: partitionsOf(wanted, settings.numPartitions),
    overrides: parseTopicConfigOverrides(configs),
  }
}

/**
 * Returns the number of partitions. Any number of replicas is accepted, because the platform replicates by itself;
 * tools send what a cluster would need.
 */
function partitionsOf(
  { numPartitions, replicationFactor, assignments }: WantedTopic,
  byDefault: number,
): number {
  if (assignments.length > 0) {
    if (numPartitions !== UNSPECIFIED || replicationFactor !== UNSPECIFIED) {
      const why = 'assignments: cannot be combined with numPartitions or replicationFactor'
      throw new EdgelogError('invalid_request', why)
    }
    const indexes = new Set(assignments.map(({ partitionIndex }) => partitionIndex))
    const isComplete = assignments.every((_, index) => indexes.has(index))
    if (isComplete && assignments.every(({ brokerIds }) => brokerIds.length > 0)) {
      return assignments.length
    }
    const why = 'assignments: consecutive partitions from 0, each with a broker, are needed'
    throw new EdgelogError('invalid_replica_assignment', why)
  }
  if (replicationFactor < 1 && replicationFactor !== UNSPECIFIED) {
    const why = `replicationFactor: at least 1 is allowed, got ${replicationFactor}`
    throw new EdgelogError('invalid_replication_factor', why)
  }
  return numPartitions === UNSPECIFIED ? byDefault : numPartitions
}
