/** Appends records, or batches as a client encoded them, to a topic's partitions. */
import { BatchBuilder } from '../core/batch/batch-builder.ts'
import { type BatchCheck, checkOfRecords } from '../core/batch/batch-check.ts'
import { checkBatch } from '../core/batch/decode-records.ts'
import type { NewRecord } from '../core/batch/record.ts'
import { assignMaxTimestamp, readBatchHeaders } from '../core/batch/record-batch.ts'
import { concatenate } from '../core/bytes/concatenate.ts'
import { assert, EdgelogError } from '../core/errors.ts'
import { REQUEST_BATCHES_MAX, SEQUENCE_GAP_WAIT_MS } from '../core/limits.ts'
import { checkAgainstConfig } from '../core/log/append.ts'
import type { AppendReply, AppendRequest, OverlapReply } from '../core/log/partition-api.ts'
import { partitionForKey } from '../core/topic/partitioner.ts'
import type { Topic } from '../core/topic/topic.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import { type AppendedBatches, appendTrimmed } from './append-trimmed.ts'
import { type Cluster, unknownPartition } from './cluster.ts'
import { requestCodecs } from './codecs.ts'
import { withErrorsOfRecords } from './record-errors.ts'

/** Most requests carry a record or a few; the buffer grows where they carry more. */
const ENCODE_BUFFER_BYTES = 1024

export interface AppendOptions {
  /** Appends only if this is the next offset, else `expected_offset_mismatch`. */
  readonly expectedOffset?: number
}

/** A record and, where the caller chose one, its partition. */
export interface ProduceRecord extends NewRecord {
  readonly partition: number | undefined
}

export interface RecordPosition {
  readonly partition: number
  readonly offset: number
}

/**
 * Appends record batches as they are, but for records of an idempotent producer that the log has: those
 * are cut off. All are checked first, and all or none are appended.
 *
 * @throws {EdgelogError} `invalid_request` for too many batches, `request_too_large` where they
 * decompress to too much; what `checkBatch`, `appendTrimmed` and the partition refuse.
 */
export async function appendBatches(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  batches: Uint8Array,
  options: AppendOptions = {},
): Promise<AppendedBatches> {
  const { checks, isIdempotent } = await checkBatches(batches)
  return await appendTrimmed(
    batches,
    checks,
    async (rest, checksOfRest) => {
      const encoded = { batches: rest, checks: checksOfRest, isIdempotent }
      return await append(cluster, name, partition, encoded, options)
    },
    async () => (await cluster.topic(name)).config.maxMessageBytes,
  )
}

export interface CheckedBatches {
  /** The check of each batch. */
  readonly checks: readonly BatchCheck[]
  readonly isIdempotent: boolean
}

/** Checks batches of a producer, and corrects what their headers say of the latest time. */
export async function checkBatches(batches: Uint8Array): Promise<CheckedBatches> {
  const checks: BatchCheck[] = []
  let isIdempotent = false
  const codecs = requestCodecs()
  const headers = readBatchHeaders(batches)
  if (headers.length > REQUEST_BATCHES_MAX) {
    throw new EdgelogError(
      'invalid_request',
      `body: at most ${REQUEST_BATCHES_MAX} batches are allowed, got ${headers.length}`,
    )
  }
  for (const header of headers) {
    const check = await checkBatch(batches, header, codecs)
    // As in Kafka: by the header's word the log finds a time, and lets go of what is old.
    if (check.maxTimestamp !== header.maxTimestamp) {
      assignMaxTimestamp(batches, header, check.maxTimestamp)
    }
    checks.push(check)
    isIdempotent ||= header.producerId >= 0n
  }
  return { checks, isIdempotent }
}

interface EncodedAppend {
  readonly batches: Uint8Array
  readonly checks: readonly BatchCheck[]
  /** Its sequence orders the batches, and may make them wait for one another. */
  readonly isIdempotent: boolean
}

async function append(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  { isIdempotent, ...encoded }: EncodedAppend,
  options: AppendOptions,
): Promise<AppendReply | OverlapReply> {
  const request: AppendRequest = {
    ...encoded,
    gapWaitMs: isIdempotent ? SEQUENCE_GAP_WAIT_MS : 0,
    mayBeginAnywhere: false,
    trimsOverlap: isIdempotent,
    ...options,
  }
  return await cluster.callPartition(name, partition, (stub) => stub.append(request))
}

interface PartitionShare {
  readonly records: NewRecord[]
  /** Where each record stood in the request. */
  readonly indexes: number[]
}

/**
 * Appends records. Those with a key go where Kafka's default partitioner sends them, those without to
 * one partition, chosen anew for each request. Each partition's share is atomic; the whole is not.
 *
 * @throws {EdgelogError} `partly_appended` where some partitions failed: `details.offsets` says what was
 * appended, `details.cause` why the rest was not.
 */
export async function produceRecords(
  cluster: Cluster,
  name: TopicName,
  records: readonly ProduceRecord[],
): Promise<RecordPosition[]> {
  const topic = await cluster.topic(name)
  const shares = [...shareOut(topic, records)]
  const encoded = shares.map(([, share]) => encodeShare(share, topic.config.maxMessageBytes))
  if (shares.length > 1) refuseAsWhole(topic, encoded, records)
  const outcomes = await Promise.allSettled(
    shares.map(([partition, share], index) =>
      appendShare(cluster, name, partition, share, encoded[index] as EncodedShare, {}),
    ),
  )
  const positions = new Array<RecordPosition | null>(records.length).fill(null)
  let failure: unknown
  for (const [index, [partition, share]] of shares.entries()) {
    const outcome = outcomes[index] as PromiseSettledResult<AppendReply>
    if (outcome.status === 'rejected') failure ??= outcome.reason
    else placeShare(positions, partition, share, encoded[index] as EncodedShare, outcome.value)
  }
  if (failure === undefined) return positions as RecordPosition[]
  const isPartial = outcomes.some(({ status }) => status === 'fulfilled')
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
  const topic = await cluster.topic(name)
  const share = { records: [...records], indexes: records.map((_, index) => index) }
  const encoded = encodeShare(share, topic.config.maxMessageBytes)
  const answer = await appendShare(cluster, name, partition, share, encoded, options)
  const positions = new Array<RecordPosition | null>(records.length).fill(null)
  placeShare(positions, partition, share, encoded, answer)
  return positions as RecordPosition[]
}

async function appendShare(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  { records, indexes }: PartitionShare,
  encoded: EncodedShare,
  options: AppendOptions,
): Promise<AppendReply> {
  const reply = await append(cluster, name, partition, encoded, options).catch((error: unknown) => {
    throw withErrorsOfRecords(error, records, indexes)
  })
  assert(!('overlaps' in reply), 'only batches of an idempotent producer overlap')
  return reply
}

function shareOut(topic: Topic, records: readonly ProduceRecord[]): Map<number, PartitionShare> {
  const shares = new Map<number, PartitionShare>()
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

interface EncodedShare extends EncodedAppend {
  /** Records of each batch. */
  readonly batchCounts: readonly number[]
}

/** Encodes into as few batches as `max.message.bytes` allows. */
function encodeShare(share: PartitionShare, maxMessageBytes: number): EncodedShare {
  const builder = new BatchBuilder(ENCODE_BUFFER_BYTES)
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
  return { batches: concatenate(batches), checks, isIdempotent: false, batchCounts }
}

function placeShare(
  positions: Array<RecordPosition | null>,
  partition: number,
  share: PartitionShare,
  encoded: EncodedShare,
  answer: AppendReply,
): void {
  let next = 0
  for (const [batch, count] of encoded.batchCounts.entries()) {
    for (let delta = 0; delta < count; delta++) {
      const offset = (answer.baseOffsets[batch] as number) + delta
      positions[share.indexes[next] as number] = { partition, offset }
      next += 1
    }
  }
}

/** What one partition would refuse is refused before another one has stored its share. */
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
