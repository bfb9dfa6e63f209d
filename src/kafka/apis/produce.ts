/**
 * Kafka's Produce (key 0): appends record batches to partitions. With `acks` 0 it has no response.
 *
 * Versions 0 to 2 carry batches of old formats and are not served. Version 0 is advertised nevertheless, because
 * librdkafka before 2.11.1 compresses only if it is (KAFKA-18659).
 */
import type { StartedAppend } from '../../broker/append.ts'
import type { AppendedBatches } from '../../broker/append-trimmed.ts'
import { fanOut } from '../../broker/fan-out.ts'
import { BATCH_HEADER_BYTES } from '../../core/batch/header-layout.ts'
import { readBatchHeaders } from '../../core/batch/record-batch.ts'
import { EdgelogError } from '../../core/errors.ts'
import {
  array,
  int16,
  int32,
  long,
  messages,
  NO_UUID,
  nullableBytes,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
  uuid,
} from '../../core/kafka/schema.ts'
import { KAFKA_RECORD_ERRORS_MAX, THROTTLE_MS } from '../../core/limits.ts'
import { recordErrorsOf } from '../../core/log/record-errors.ts'
import type { Topic } from '../../core/topic/topic.ts'
import { errorNumbersOf, NO_ERROR, toResult } from '../error-number.ts'
import { type KafkaCall, pipelined } from '../handled.ts'
import { topicOf } from '../named-topic.ts'
import {
  type ProducedBatch,
  type ProduceTransaction,
  transactionOf,
} from '../produce-in-transaction.ts'
import { produceErrorNumber } from '../transaction-errors.ts'
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
  const topics = await fanOut(request.topics, ({ name, topicId }) =>
    toResult(() =>
      topicOf(call.broker, hasIds ? { name: null, topicId } : { name, topicId: NO_UUID }, 'write'),
    ),
  )
  const batches = request.topics.flatMap(({ partitions }, index) =>
    partitions.map((one) => ({ ...one, topic: topics[index] as Topic | EdgelogError })),
  )
  const transaction =
    refusal ?? (await toResult(() => transactionOf(request.transactionalId, batches, call)))
  const started = await fanOut(batches, (batch) =>
    toResult(() => {
      const { topic } = batch
      // An error of the transaction also stands for the batches that are not part of it.
      const error = [transaction, topic].find((one) => one instanceof EdgelogError)
      if (error !== undefined) throw error
      return startAppend(batch, transaction as ProduceTransaction | undefined, call)
    }),
  )
  const isOfCoordinator = (error: EdgelogError) => refusal === undefined && error === transaction
  return { response: respond(request, started, isOfCoordinator, call) }
})

/** Resolves when all appends are durable or have failed. */
async function respond(
  request: ProduceRequest,
  started: ReadonlyArray<StartedAppend | EdgelogError>,
  isOfCoordinator: (error: EdgelogError) => boolean,
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
    const errorCode = produceErrorNumber(result, call.version, isOfCoordinator(result))
    return errorCode === undefined ? response : { ...response, errorCode }
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

function refusalOfAll({ acks }: ProduceRequest): EdgelogError | undefined {
  if (acks >= -1 && acks <= 1) return undefined
  return new EdgelogError('invalid_required_acks', `acks: -1, 0 or 1 is allowed, got ${acks}`)
}

async function startAppend(
  batch: ProducedBatch,
  transaction: ProduceTransaction | undefined,
  { broker, version }: KafkaCall,
): Promise<StartedAppend> {
  const { index: partition, records } = batch
  const found = batch.topic as Topic
  if (records === null || records.length < BATCH_HEADER_BYTES) {
    throw new EdgelogError('invalid_record', 'records: one batch is needed')
  }
  checkOneBatch(records, version)
  const participant = transaction?.participants.get(batch)
  if (transaction !== undefined && participant !== undefined) {
    const { call, tagOf } = transaction
    return await broker.transactions.startAppend(call, participant, records, tagOf)
  }
  // As in a broker, a recreated topic is a different topic by id, and the same one by name.
  const topic = version >= IDS_SINCE ? found : { name: found.name }
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
