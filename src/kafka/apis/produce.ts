/**
 * Kafka's Produce (key 0): appends record batches to partitions. With `acks` 0 it has no response.
 *
 * Versions 0 to 2 carry batches of old formats and are not served; librdkafka before 2.11.1 compresses
 * only where it sees version 0 advertised, so it is (KAFKA-18659).
 */
import {
  array,
  int16,
  int32,
  long,
  messages,
  nullableBytes,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
  uuid,
} from '../../core/kafka/schema.ts'
import { leaderIdAndEpoch, nodeEndpoints } from './leader-fields.ts'

export const PRODUCE = messages({
  key: 0,
  name: 'Produce',
  versions: [3, 13],
  advertisedSince: 0,
  flexibleSince: 9,
  request: {
    transactionalId: nullableString.or(null),
    acks: int16,
    timeoutMs: int32,
    topics: array({
      name: string.in('0-12'),
      topicId: uuid.in('13+'),
      partitions: array({ index: int32, records: nullableBytes }),
    }),
  },
  response: {
    topics: array({
      name: string.in('0-12'),
      topicId: uuid.in('13+'),
      partitions: array({
        index: int32,
        errorCode: int16,
        baseOffset: long,
        logAppendTimeMs: long.or(-1),
        logStartOffset: long.in('5+').or(-1),
        recordErrors: array({
          batchIndex: int32,
          batchIndexErrorMessage: nullableString.or(null),
        })
          .in('8+')
          .or([]),
        errorMessage: nullableString.in('8+').or(null),
        currentLeader: leaderIdAndEpoch.tag(0, '10+'),
      }),
    }),
    throttleTimeMs: int32.or(0),
    nodeEndpoints: nodeEndpoints.tag(0, '10+'),
  },
})

export type ProduceRequest = RequestOf<typeof PRODUCE>
export type ProduceResponse = ResponseOf<typeof PRODUCE>
