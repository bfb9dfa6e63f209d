/**
 * Kafka's DeleteTopics (key 20): by name, and from version 6 on by name or id (KIP-516).
 */
import type { Broker } from '../../broker/broker.ts'
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
import { parseTopicName } from '../../core/topic/topic-name.ts'
import { errorNumbersOf, NO_ERROR } from '../error-number.ts'
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
  return {
    responses: await fanOut(wanted, async (one) => {
      try {
        checkName(keyOf(one))
        return await remove(broker, one)
      } catch (error) {
        return { ...one, ...errorFields(error) }
      }
    }),
  }
})

function keyOf({ name, topicId }: NamedTopic): string {
  return name ?? topicId
}

async function remove(
  broker: Broker,
  wanted: NamedTopic,
): Promise<DeleteTopicsResponse['responses'][number]> {
  if (wanted.name !== null && wanted.topicId !== NO_UUID) {
    throw new EdgelogError('invalid_request', 'topics: a name or an id is needed, not both')
  }
  if (wanted.name === null) {
    const { name, id: topicId } = await topicOf(broker, wanted, 'delete')
    await broker.topics.delete(name, topicId)
    return { name, topicId, errorCode: NO_ERROR }
  }
  const { name, id: topicId } = await broker.topics.lookUp(parseTopicName(wanted.name), 'delete')
  await broker.topics.delete(name)
  return { name, topicId, errorCode: NO_ERROR }
}
