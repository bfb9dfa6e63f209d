/**
 * Kafka's CreatePartitions (key 37): raises the number of partitions of topics to `count`.
 */
import { fanOut } from '../../broker/fan-out.ts'
import {
  array,
  bool,
  int16,
  int32,
  messages,
  nullableArray,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import { errorNumbersOf, NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'
import { nameCheck } from '../unique-names.ts'

const { errorFields } = errorNumbersOf('admin')

export const CREATE_PARTITIONS = messages({
  key: 37,
  name: 'CreatePartitions',
  versions: [0, 3],
  flexibleSince: 2,
  request: {
    topics: array({
      name: string,
      count: int32,
      assignments: nullableArray({ brokerIds: array(int32) }),
    }),
    timeoutMs: int32,
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32.or(0),
    results: array({ name: string, errorCode: int16, errorMessage: nullableString.or(null) }),
  },
})

export type CreatePartitionsRequest = RequestOf<typeof CREATE_PARTITIONS>
export type CreatePartitionsResponse = ResponseOf<typeof CREATE_PARTITIONS>

/** Ignores assignments: they name replicas, and there is only one node. */
export const createPartitionsApi = handled(
  CREATE_PARTITIONS,
  async ({ topics, validateOnly }, { broker }) => {
    const checkName = nameCheck(
      'topics',
      topics.map(({ name }) => name),
    )
    const results = await fanOut(topics, async ({ name, count }) => {
      try {
        checkName(name)
        await broker.topics.change(parseTopicName(name), { partitions: count, validateOnly })
        return { name, errorCode: NO_ERROR }
      } catch (error) {
        return { name, ...errorFields(error) }
      }
    })
    return { results }
  },
)
