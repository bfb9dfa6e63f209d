/** Kafka's DeleteRecords (key 21): raises the start of logs to an offset; -1 stands for their end. */
import { fanOut } from '../../broker/fan-out.ts'
import { EdgelogError } from '../../core/errors.ts'
import {
  array,
  int16,
  int32,
  long,
  messages,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { errorNumbersOf, NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'
import { nameCheck } from '../unique-names.ts'

const { errorNumber, numberOf } = errorNumbersOf('partition')

/** Stands for the end of the log: deletes all records. */
const UP_TO_THE_END = -1

export const DELETE_RECORDS = messages({
  key: 21,
  name: 'DeleteRecords',
  versions: [0, 2],
  flexibleSince: 2,
  request: {
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, offset: long }),
    }),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32.or(0),
    topics: array({
      name: string,
      /** `lowWatermark` is the new log start; -1 after an error. */
      partitions: array({ partitionIndex: int32, lowWatermark: long, errorCode: int16 }),
    }),
  },
})

export type DeleteRecordsRequest = RequestOf<typeof DELETE_RECORDS>
export type DeleteRecordsResponse = ResponseOf<typeof DELETE_RECORDS>

export const deleteRecordsApi = handled(DELETE_RECORDS, async (request, { broker }) => {
  const checkName = nameCheck(
    'topics',
    request.topics.map(({ name }) => name),
  )
  const topics = await fanOut(request.topics, async ({ name, partitions }) => ({
    name,
    partitions: await fanOut(partitions, async ({ partitionIndex, offset }) => {
      try {
        checkName(name)
        const before = offset === UP_TO_THE_END ? 'highWatermark' : offset
        const topic = await broker.topics.find({ name }, 'delete')
        const lowWatermark = await broker.records.deleteBefore(topic, partitionIndex, before)
        return { partitionIndex, lowWatermark, errorCode: NO_ERROR }
      } catch (error) {
        return { partitionIndex, lowWatermark: -1, errorCode: numberOfNamed(error) }
      }
    }),
  }))
  return { topics }
})

/**
 * Returns the error number. An offset of a deleted topic is meaningless for a new topic with
 * the same name, so the client must refresh its metadata.
 */
function numberOfNamed(error: unknown): number {
  const isAnother = error instanceof EdgelogError && error.code === 'unknown_topic_id'
  return isAnother ? numberOf('unknown_topic_or_partition') : errorNumber(error)
}
