/** Shares records out to the partitions of a topic, and encodes each share into batches. */
import { BatchBuilder } from '../core/batch/batch-builder.ts'
import { type BatchCheck, checkOfRecords } from '../core/batch/batch-check.ts'
import type { NewRecord } from '../core/batch/record.ts'
import { readBatchHeaders } from '../core/batch/record-batch.ts'
import { concatenate } from '../core/bytes/concatenate.ts'
import { EdgelogError } from '../core/errors.ts'
import { ENCODE_BUFFER_BYTES_MAX } from '../core/limits.ts'
import { checkAgainstConfig } from '../core/log/append.ts'
import { partitionForKey } from '../core/topic/partitioner.ts'
import type { Topic } from '../core/topic/topic.ts'
import type { ProducerIdAndEpoch } from '../core/transaction/participant-api.ts'
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

export interface PartitionShare {
  readonly records: readonly NewRecord[]
  /** Index of each record in the request. */
  readonly indexes: readonly number[]
}

/**
 * Gives each record its partition: the chosen one, that of Kafka's default partitioner for its key, or else one for
 * all others.
 *
 * @param indexes those of the records in the request; by default they are all of it.
 * @throws {EdgelogError} `unknown_topic_or_partition`.
 */
export function shareOut(
  topic: Topic,
  records: readonly ProduceRecord[],
  indexes: readonly number[] = [...records.keys()],
): Map<number, PartitionShare> {
  const shares = new Map<number, { records: NewRecord[]; indexes: number[] }>()
  let stickyPartition: number | undefined
  for (const [position, record] of records.entries()) {
    let { partition } = record
    if (partition === undefined) {
      if (record.key === null) {
        stickyPartition ??= Math.floor(Math.random() * topic.partitions)
        partition = stickyPartition
      } else partition = partitionForKey(record.key, topic.partitions)
    } else if (partition >= topic.partitions) throw unknownPartition(topic, partition)
    const share = shares.get(partition) ?? { records: [], indexes: [] }
    share.records.push(record)
    share.indexes.push(indexes[position] as number)
    shares.set(partition, share)
  }
  return shares
}

export interface EncodedShare {
  readonly batches: Uint8Array
  readonly checks: readonly BatchCheck[]
  /** Number of records in each batch. */
  readonly batchCounts: readonly number[]
}

/**
 * Encodes into as few batches as `max.message.bytes` allows.
 *
 * @param transactional the producer of a transaction, whose first records these are.
 */
export function encodeShare(
  share: PartitionShare,
  maxMessageBytes: number,
  transactional?: ProducerIdAndEpoch,
): EncodedShare {
  try {
    return encodeWith(sharedBuilder, share, maxMessageBytes, transactional)
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
  transactional: ProducerIdAndEpoch | undefined,
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
    const producer = transactional && {
      ...transactional,
      baseSequence: closedRecords,
      isTransactional: true,
    }
    batches.push(builder.finish(producer))
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

/** Throws the errors that one partition would return, before another one has stored its share. */
export function refuseAsWhole(
  { config }: Topic,
  shares: readonly EncodedShare[],
  records: readonly NewRecord[],
  indexes: readonly number[] = [...records.keys()],
): void {
  const nowMs = Date.now()
  for (const { batches, checks } of shares) {
    for (const [index, header] of readBatchHeaders(batches).entries()) {
      const error = checkAgainstConfig(header, index, { config, nowMs, checks })
      if (error !== undefined) throw withErrorsOfRecords(error, records, indexes)
    }
  }
}
