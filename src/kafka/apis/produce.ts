/**
 * Kafka's Produce (key 0): appends record batches to partitions. With `acks` 0 it has no response.
 *
 * Versions 0 to 2 carry batches of old formats and are not served. Version 0 is advertised nevertheless, because
 * librdkafka before 2.11.1 compresses only if it is (KAFKA-18659).
 */
import type { StartedAppend } from '../../broker/append.ts'
import type { AppendedBatches } from '../../broker/append-trimmed.ts'
import { fanOut } from '../../broker/fan-out.ts'
import type { CalledTopic } from '../../broker/topic-metadata.ts'
import { BATCH_HEADER_BYTES } from '../../core/batch/header-layout.ts'
import { readBatchHeaders } from '../../core/batch/record-batch.ts'
import { EdgelogError } from '../../core/errors.ts'
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
import { KAFKA_RECORD_ERRORS_MAX, THROTTLE_MS } from '../../core/limits.ts'
import { recordErrorsOf } from '../../core/log/record-errors.ts'
import { errorNumbersOf, NO_ERROR, toResult } from '../error-number.ts'
import { type KafkaCall, pipelined } from '../handled.ts'
import { calledTopic } from '../named-topic.ts'
import { leaderIdAndEpoch, nodeEndpoints } from './leader-fields.ts'

const { errorFields } = errorNumbersOf('produce')

/** First version that supports zstd (KIP-110). */
const ZSTD_SINCE = 7
/** Older versions name topics (KIP-516). */
const IDS_SINCE = 13

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

/** Starts the appends of a request in the order of the requests of the connection. */
export const produceApi = pipelined(PRODUCE, async (request, call) => {
  const refusal = refusalOfAll(request)
  const hasIds = call.version >= IDS_SINCE
  const called = await fanOut(request.topics, ({ name, topicId }) =>
    toResult(() => calledTopic(call.broker, { name, topicId }, hasIds, 'write')),
  )
  const appends = request.topics.flatMap(({ partitions }, index) =>
    partitions.map((one) => ({ ...one, topic: called[index] as CalledTopic | EdgelogError })),
  )
  const started = await fanOut(appends, ({ topic, index, records }) =>
    toResult(() => {
      const error = refusal ?? (topic instanceof EdgelogError ? topic : undefined)
      if (error !== undefined) throw error
      return startAppend(topic as CalledTopic, index, records, call)
    }),
  )
  return { response: respond(request, started, call) }
})

/** Resolves when all appends are durable or have failed. */
async function respond(
  request: ProduceRequest,
  started: ReadonlyArray<StartedAppend | EdgelogError>,
  call: KafkaCall,
): Promise<ProduceResponse | null> {
  let throttleTimeMs = 0
  let recordErrorsLeft = KAFKA_RECORD_ERRORS_MAX
  let next = 0
  const partitionResponse = async (index: number): Promise<PartitionResponse> => {
    const append = started[next++] as StartedAppend | EdgelogError
    const result = append instanceof EdgelogError ? append : await toResult(() => append.appended)
    if (!(result instanceof EdgelogError)) return appended(index, result)
    if (result.code === 'throttled') throttleTimeMs = THROTTLE_MS
    const response = refused(index, result, recordErrorsLeft)
    recordErrorsLeft -= response.recordErrors.length
    return response
  }
  const topics: ProduceResponse['topics'][number][] = []
  for (const { name, topicId, partitions: wanted } of request.topics) {
    const partitions: PartitionResponse[] = []
    for (const { index } of wanted) partitions.push(await partitionResponse(index))
    topics.push({ name, topicId, partitions })
  }
  if (request.acks !== 0) return { topics, throttleTimeMs }
  // Without a response, only closing the connection can signal the error.
  const isError = ({ errorCode }: PartitionResponse) => errorCode !== NO_ERROR
  if (topics.some(({ partitions }) => partitions.some(isError))) call.close()
  return null
}

type PartitionResponse = ProduceResponse['topics'][number]['partitions'][number]

function refusalOfAll({ acks, transactionalId }: ProduceRequest): EdgelogError | undefined {
  if (acks < -1 || acks > 1) {
    return new EdgelogError('invalid_required_acks', `acks: -1, 0 or 1 is allowed, got ${acks}`)
  }
  if (transactionalId === null) return undefined
  return new EdgelogError('invalid_txn_state', 'transactions are not supported yet')
}

async function startAppend(
  topic: CalledTopic,
  partition: number,
  records: Uint8Array | null,
  { broker, version }: KafkaCall,
): Promise<StartedAppend> {
  if (records === null || records.length < BATCH_HEADER_BYTES) {
    throw new EdgelogError('invalid_record', 'records: one batch is needed')
  }
  checkOneBatch(records, version)
  return await broker.records.startAppend(topic, partition, records, 'kafka')
}

/** Rejects batches that Kafka's Produce does not allow for one partition. */
function checkOneBatch(records: Uint8Array, version: number): void {
  const [header, ...others] = readBatchHeaders(records)
  if (others.length > 0) {
    const why = `records: one batch is allowed, got ${others.length + 1}`
    throw new EdgelogError('invalid_record', why)
  }
  if (version < ZSTD_SINCE && header?.compression === 'zstd') {
    const why = `records: zstd needs Produce version ${ZSTD_SINCE}, got ${version}`
    throw new EdgelogError('unsupported_compression_type', why)
  }
  // Control batches are rejected later, by the check of each batch.
  if (header?.isTransactional && !header.isControl) {
    throw new EdgelogError('invalid_txn_state', 'transactional batches are not supported yet')
  }
}

function appended(
  index: number,
  { baseOffsets: [baseOffset = -1], logAppendTime, logStartOffset }: AppendedBatches,
): PartitionResponse {
  return {
    index,
    errorCode: NO_ERROR,
    baseOffset,
    logAppendTimeMs: logAppendTime ?? -1,
    logStartOffset,
  }
}

/**
 * Returns the error of a partition. A producer fails the named records with their
 * messages, and the others as part of their batch.
 */
function refused(partition: number, error: EdgelogError, recordErrorsMax: number) {
  const recordErrors = recordErrorsOf(error)
    .slice(0, recordErrorsMax)
    .map(({ index, message }) => ({ batchIndex: index, batchIndexErrorMessage: message }))
  return { index: partition, ...errorFields(error), baseOffset: -1, recordErrors }
}
