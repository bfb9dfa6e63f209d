/** Appends records to a topic's partitions: encodes them into batches, and finds their offsets in the results. */
import { BatchBuilder } from '../core/batch/batch-builder.ts'
import { type BatchCheck, checkOfRecords } from '../core/batch/batch-check.ts'
import type { NewRecord } from '../core/batch/record.ts'
import { readBatchHeaders } from '../core/batch/record-batch.ts'
import { concatenate } from '../core/bytes/concatenate.ts'
import { assert, EdgelogError } from '../core/errors.ts'
import { ENCODE_BUFFER_BYTES_MAX } from '../core/limits.ts'
import { checkAgainstConfig } from '../core/log/append.ts'
import type { AppendResult } from '../core/log/partition-api.ts'
import { partitionForKey } from '../core/topic/partitioner.ts'
import type { Topic } from '../core/topic/topic.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { AppendOptions } from './append.ts'
import type { Cluster } from './cluster.ts'
import { withErrorsOfRecords } from './record-errors.ts'
import { unknownPartition } from './topic-errors.ts'

/** Most requests carry few records; the buffer grows if needed. */
const ENCODE_BUFFER_BYTES = 1024

/** Shared by the requests of an isolate, because records are encoded in one synchronous step. */
let sharedBuilder = new BatchBuilder(ENCODE_BUFFER_BYTES)

/** A record and, if the caller chose one, its partition. */
export interface ProduceRecord extends NewRecord {
  readonly partition: number | undefined
}

export interface RecordPosition {
  readonly partition: number
  readonly offset: number
}

interface PartitionShare {
  readonly records: readonly NewRecord[]
  /** Index of each record in the request. */
  readonly indexes: readonly number[]
}

/**
 * Appends records. Records with a key go to the partition that Kafka's default partitioner chooses; those without go to
 * one partition, chosen per request. Each partition's share is atomic; the whole request is not.
 *
 * @throws {EdgelogError} `partly_appended` if only some partitions failed: `details.offsets` has the positions of the
 * appended records, `details.cause` the error of the others.
 */
export async function produceRecords(
  cluster: Cluster,
  name: TopicName,
  records: readonly ProduceRecord[],
): Promise<RecordPosition[]> {
  const topic = await cluster.topics.get(name)
  const shares = [...shareOut(topic, records)]
  const [only] = shares
  if (only !== undefined && shares.length === 1) {
    const [partition, { records: all }] = only
    return await produceToPartition(cluster, name, partition, all, {})
  }
  const encoded = shares.map(([, share]) => encodeShare(share, topic.config.maxMessageBytes))
  refuseAsWhole(topic, encoded, records)
  const results = await Promise.allSettled(
    shares.map(([partition, share], index) =>
      appendShare(cluster, name, partition, share, encoded[index] as EncodedShare, {}),
    ),
  )
  const positions = new Array<RecordPosition | null>(records.length).fill(null)
  let failure: unknown
  for (const [index, [partition, share]] of shares.entries()) {
    const outcome = results[index] as PromiseSettledResult<AppendResult>
    if (outcome.status === 'rejected') failure ??= outcome.reason
    else placeShare(positions, partition, share, encoded[index] as EncodedShare, outcome.value)
  }
  if (failure === undefined) return positions as RecordPosition[]
  const isPartial = results.some(({ status }) => status === 'fulfilled')
  throw isPartial && failure instanceof EdgelogError ? partialFailure(failure, positions) : failure
}

/** Appends records to one partition, all or none. */
export async function produceToPartition(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  records: readonly NewRecord[],
  options: AppendOptions,
): Promise<RecordPosition[]> {
  const topic = await cluster.topics.get(name)
  const share = { records, indexes: records.map((_, index) => index) }
  const encoded = encodeShare(share, topic.config.maxMessageBytes)
  const result = await appendShare(cluster, name, partition, share, encoded, options)
  const positions = new Array<RecordPosition | null>(records.length).fill(null)
  placeShare(positions, partition, share, encoded, result)
  return positions as RecordPosition[]
}

async function appendShare(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  { records, indexes }: PartitionShare,
  { batches, checks }: EncodedShare,
  options: AppendOptions,
): Promise<AppendResult> {
  const request = { checks, producerRules: 'resendable', ...options, batches } as const
  try {
    const resultOf = await cluster.topics.callPartition(name, partition, (stub) =>
      stub.append(request),
    )
    assert(!('overlaps' in resultOf), 'only batches of an idempotent producer overlap')
    return resultOf
  } catch (error) {
    throw withErrorsOfRecords(error, records, indexes)
  }
}

function shareOut(topic: Topic, records: readonly ProduceRecord[]): Map<number, PartitionShare> {
  const shares = new Map<number, { records: NewRecord[]; indexes: number[] }>()
  let stickyPartition: number | undefined
  for (const [index, record] of records.entries()) {
    let { partition } = record
    if (partition === undefined) {
      if (record.key === null) {
        stickyPartition ??= Math.floor(Math.random() * topic.partitions)
        partition = stickyPartition
      } else partition = partitionForKey(record.key, topic.partitions)
    } else if (partition >= topic.partitions) throw unknownPartition(topic, partition)
    const share = shares.get(partition) ?? { records: [], indexes: [] }
    share.records.push(record)
    share.indexes.push(index)
    shares.set(partition, share)
  }
  return shares
}

interface EncodedShare {
  readonly batches: Uint8Array
  readonly checks: readonly BatchCheck[]
  /** Number of records in each batch. */
  readonly batchCounts: readonly number[]
}

/** Encodes into as few batches as `max.message.bytes` allows. */
function encodeShare(share: PartitionShare, maxMessageBytes: number): EncodedShare {
  try {
    return encodeWith(sharedBuilder, share, maxMessageBytes)
  } finally {
    // After an error it still has records, and after a large request a large buffer.
    const { recordsCount, bufferBytes } = sharedBuilder
    if (recordsCount > 0 || bufferBytes > ENCODE_BUFFER_BYTES_MAX) {
      sharedBuilder = new BatchBuilder(ENCODE_BUFFER_BYTES)
    }
  }
}

function encodeWith(
  builder: BatchBuilder,
  share: PartitionShare,
  maxMessageBytes: number,
): EncodedShare {
  const batches: Uint8Array[] = []
  const batchCounts: number[] = []
  const checks: BatchCheck[] = []
  let closedRecords = 0
  const close = () => {
    const { recordsCount } = builder
    if (recordsCount === 0) return
    const end = closedRecords + recordsCount
    checks.push(checkOfRecords(share.records.slice(closedRecords, end)))
    batchCounts.push(recordsCount)
    batches.push(builder.finish())
    closedRecords = end
  }
  for (const [index, record] of share.records.entries()) {
    const sizeBytesMax = BatchBuilder.recordSizeBytesMax(record)
    if (builder.sizeBytes + sizeBytesMax > maxMessageBytes) close()
    if (builder.sizeBytes + sizeBytesMax > maxMessageBytes) {
      throw new EdgelogError(
        'message_too_large',
        `records[${share.indexes[index]}]: about ${sizeBytesMax} bytes are over ` +
          `max.message.bytes=${maxMessageBytes}`,
      )
    }
    builder.append(record)
  }
  close()
  return { batches: concatenate(batches), checks, batchCounts }
}

function placeShare(
  positions: Array<RecordPosition | null>,
  partition: number,
  share: PartitionShare,
  encoded: EncodedShare,
  result: AppendResult,
): void {
  let next = 0
  for (const [batch, count] of encoded.batchCounts.entries()) {
    for (let delta = 0; delta < count; delta++) {
      const offset = (result.baseOffsets[batch] as number) + delta
      positions[share.indexes[next] as number] = { partition, offset }
      next += 1
    }
  }
}

/** Throws the errors that one partition would return, before another one has stored its share. */
function refuseAsWhole(
  { config }: Topic,
  shares: readonly EncodedShare[],
  records: readonly NewRecord[],
): void {
  const nowMs = Date.now()
  for (const { batches, checks } of shares) {
    for (const [index, header] of readBatchHeaders(batches).entries()) {
      const error = checkAgainstConfig(header, index, { config, nowMs, checks })
      if (error !== undefined) throw withErrorsOfRecords(error, records, [...records.keys()])
    }
  }
}

function partialFailure(
  failure: EdgelogError,
  offsets: ReadonlyArray<RecordPosition | null>,
): EdgelogError {
  return new EdgelogError(
    'partly_appended',
    `only the records with a position in details.offsets were appended: ${failure.message}`,
    { details: { offsets, cause: failure.toBody() }, cause: failure },
  )
}
