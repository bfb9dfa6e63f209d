/**
 * Kafka's DeleteTopics (key 20): by name, and from version 6 on by name or id (KIP-516).
 */
import type { Broker } from '../../broker/broker.ts'
import { callValid } from '../../broker/call-valid.ts'
import { fanOut } from '../../broker/fan-out.ts'
import { EdgelogError } from '../../core/errors.ts'
import {
  array,
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
import type { TopicToDelete } from '../../core/topic/topic.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import { errorNumbersOf, NO_ERROR, toResult } from '../error-number.ts'
import { handled } from '../handled.ts'
import { type NamedTopic, topicOf } from '../named-topic.ts'
import { nameCheck } from '../unique-names.ts'

const { errorFields } = errorNumbersOf('admin')

export const DELETE_TOPICS = messages({
  key: 20,
  name: 'DeleteTopics',
  versions: [1, 6],
  flexibleSince: 4,
  request: {
    topics: array({ name: nullableString.or(null), topicId: uuid.or(NO_UUID) })
      .in('6+')
      .or([]),
    topicNames: array(string).in('0-5').or([]),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32.or(0),
    responses: array({
      name: string.nullableIn('6+'),
      topicId: uuid.in('6+').or(NO_UUID),
      errorCode: int16,
      errorMessage: nullableString.in('5+').or(null),
    }),
  },
})

export type DeleteTopicsRequest = RequestOf<typeof DELETE_TOPICS>
export type DeleteTopicsResponse = ResponseOf<typeof DELETE_TOPICS>

export const deleteTopicsApi = handled(DELETE_TOPICS, async (request, { broker, version }) => {
  const wanted: readonly NamedTopic[] =
    version < 6 ? request.topicNames.map((name) => ({ name, topicId: NO_UUID })) : request.topics
  const checkName = nameCheck('topics', wanted.map(keyOf))
  const found = await fanOut(wanted, (one) =>
    toResult(async () => {
      checkName(keyOf(one))
      return await find(broker, one)
    }),
  )
  const results = await callValid(found, async (topics) => {
    const deleted = await broker.topics.deleteEach(topics.map(({ reference }) => reference))
    return topics.map((topic, index) => deleted[index] ?? topic)
  })
  return { responses: wanted.map((one, index) => responseOf(one, results[index] as Found)) }
})

function keyOf({ name, topicId }: NamedTopic): string {
  return name ?? topicId
}

interface FoundTopic {
  readonly topicId: string
  readonly reference: TopicToDelete
}

type Found = FoundTopic | EdgelogError

/** @throws {EdgelogError} if there is no such topic, or the caller may not delete it. */
async function find(broker: Broker, wanted: NamedTopic): Promise<FoundTopic> {
  if (wanted.name !== null && wanted.topicId !== NO_UUID) {
    throw new EdgelogError('invalid_request', 'topics: a name or an id is needed, not both')
  }
  if (wanted.name === null) {
    const { name, id } = await topicOf(broker, wanted, 'delete')
    return { topicId: id, reference: { name, id } }
  }
  const { name, id } = await broker.topics.lookUp(parseTopicName(wanted.name), 'delete')
  return { topicId: id, reference: { name } }
}

function responseOf(wanted: NamedTopic, found: Found): DeleteTopicsResponse['responses'][number] {
  if (found instanceof EdgelogError) return { ...wanted, ...errorFields(found) }
  return { name: found.reference.name, topicId: found.topicId, errorCode: NO_ERROR }
}
