/**
 * Kafka's WriteTxnMarkers (key 27): ends a transaction in single partitions, without its coordinator. Only operators
 * need it, for `kafka-transactions.sh abort`. `coordinatorEpoch` is the number of the transaction, as in the response
 * of DescribeProducers.
 */
import { fanOut } from '../../broker/fan-out.ts'
import { EdgelogError } from '../../core/errors.ts'
import {
  array,
  bool,
  int16,
  int32,
  int64,
  messages,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import { errorNumbersOf, NO_ERROR, toResult } from '../error-number.ts'
import { handled } from '../handled.ts'

const { errorNumber } = errorNumbersOf('partition')

export const WRITE_TXN_MARKERS = messages({
  key: 27,
  name: 'WriteTxnMarkers',
  versions: [1, 1],
  flexibleSince: 1,
  request: {
    markers: array({
      producerId: int64,
      producerEpoch: int16,
      transactionResult: bool,
      topics: array({ name: string, partitionIndexes: array(int32) }),
      coordinatorEpoch: int32,
    }),
  },
  response: {
    markers: array({
      producerId: int64,
      topics: array({
        name: string,
        partitions: array({ partitionIndex: int32, errorCode: int16 }),
      }),
    }),
  },
})

export type WriteTxnMarkersRequest = RequestOf<typeof WRITE_TXN_MARKERS>
export type WriteTxnMarkersResponse = ResponseOf<typeof WRITE_TXN_MARKERS>

export const writeTxnMarkersApi = handled(WRITE_TXN_MARKERS, async (request, { broker }) => {
  const write = async (
    { producerId, producerEpoch, transactionResult, coordinatorEpoch }: Marker,
    topic: string,
    partition: number,
  ) => {
    await broker.transactionAdmin.writeMarker(parseTopicName(topic), partition, {
      ...{ producerId, producerEpoch, version: 1, number: coordinatorEpoch },
      outcome: transactionResult ? 'commit' : 'abort',
    })
  }
  return {
    markers: await fanOut(request.markers, async (marker) => ({
      producerId: marker.producerId,
      topics: await fanOut(marker.topics, async ({ name, partitionIndexes }) => ({
        name,
        partitions: await fanOut(partitionIndexes, async (partitionIndex) => {
          const result = await toResult(() => write(marker, name, partitionIndex))
          const errorCode = result instanceof EdgelogError ? errorNumber(result) : NO_ERROR
          return { partitionIndex, errorCode }
        }),
      })),
    })),
  }
})

type Marker = WriteTxnMarkersRequest['markers'][number]
