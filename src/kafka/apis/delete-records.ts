/**
 * Kafka's DeleteRecords (key 21): moves the start of logs to an offset; -1 stands for their end.
 */
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
      /** `lowWatermark` is where the log begins now; -1 where that failed. */
      partitions: array({ partitionIndex: int32, lowWatermark: long, errorCode: int16 }),
    }),
  },
})

export type DeleteRecordsRequest = RequestOf<typeof DELETE_RECORDS>
export type DeleteRecordsResponse = ResponseOf<typeof DELETE_RECORDS>
