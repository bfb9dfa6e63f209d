/**
 * The RPC interface of a partition's Durable Object for the broker and the coordinator. Types only: both sides
 * of the RPC import this file and never each other.
 *
 * The bytes of a request or a result are its last field: the runtime serializes fields in their order into a buffer
 * that fits the bytes, and copies all of them into a larger one for a field behind them.
 */
import type { BatchCheck } from '../batch/batch-check.ts'
import type { Result } from '../errors.ts'
import type { TopicConfig } from '../topic/topic-config.ts'
import type { TransactionParticipant, TransactionTag } from '../transaction/participant-api.ts'
import type { BatchOverlap } from './append.ts'
import type { IsolationLevel, LogEnds } from './log-ends.ts'
import type { ProducerRules, StoredPiece } from './producer-state.ts'
import type { PartitionIdentity, RemoteRange, RemoteSegment } from './remote/remote-segment.ts'
import type {
  TableGetRequest,
  TableGetResult,
  TableScanRequest,
  TableScanResult,
} from './table-api.ts'
import type { AbortedTransaction } from './transactions.ts'

/** The topic data that the coordinator sends to a partition and the partition stores. */
export interface PartitionAssignment {
  readonly topicId: string
  readonly topic: string
  readonly partition: number
  /** Grows with each change of the topic; an older version never replaces a newer one. */
  readonly version: number
  readonly config: TopicConfig
}

export interface AppendRequest {
  /** The check of each batch. The error of a batch that the topic refuses carries a `RefusedBatch`. */
  readonly checks: readonly BatchCheck[]
  /** Appends only if this is the next offset, else `expected_offset_mismatch`. */
  readonly expectedOffset?: number
  /** The rules for the sequences of the batches. Only `resendable` may lead to an `OverlapResult`. */
  readonly producerRules: ProducerRules
  /** The transaction of all batches; they are transactional then, and only then. */
  readonly transaction?: TransactionTag
  /** One or more record batches, each whole, CRC and records already checked by the broker. The last field. */
  readonly batches: Uint8Array
}

export interface AppendResult {
  /**
   * Offset of each batch's first record, in the order given. A duplicate gets the offset of its first append,
   * or -1 if the partition has forgotten it.
   */
  readonly baseOffsets: readonly number[]
  /** For each batch that was stored in other batches, the locations of its records; null for the others. */
  readonly pieces?: ReadonlyArray<readonly StoredPiece[] | null>
  /** The offset after the last record of the last batch; -1 if it was forgotten. */
  readonly nextOffset: number
  /** The time the log gave the records, for topics with `message.timestamp.type=LogAppendTime`. */
  readonly logAppendTime: number | null
  readonly logStartOffset: number
  /** The partition's version of the topic; if it is higher than the edge's version, the edge's copy is stale. */
  readonly topicVersion: number
}

/** The results of several appends, in their order. */
export interface AppendResults {
  readonly results: ReadonlyArray<Result<AppendResult | OverlapResult>>
  readonly topicVersion: number
}

/** Nothing was appended: the first records of some batches are in the log, and the caller has to cut them off. */
export interface OverlapResult {
  readonly overlaps: readonly BatchOverlap[]
  readonly topicVersion: number
}

export interface FetchRequest {
  readonly offset: number | 'earliest' | 'latest'
  readonly maxBytes: number
  /** If true, a first batch larger than `maxBytes` is left out; otherwise it is returned. */
  readonly mayLeaveFirst?: boolean
  /** Responds before `maxWaitMs` once there are this many bytes; 0 and 1: as soon as there are any. */
  readonly minBytes: number
  readonly maxWaitMs: number
  /** `committed`: no records at or above the last stable offset. */
  readonly isolation: IsolationLevel
  /** Default `visible`. */
  readonly content?: FetchContent
}

/**
 * - `visible`: without markers, and without the records of aborted transactions if they are read as `committed`.
 * - `stored`: all batches, and for `committed` the list of aborted transactions, as Kafka's clients expect.
 */
export type FetchContent = 'visible' | 'stored'

/** All records that the log has at the offsets from `from` up to, not including, `to`. */
export interface FetchResult extends LogEnds {
  /** The requested offset, resolved. */
  readonly from: number
  /** The offset of the next fetch. An offset below it that is in no batch has no record. */
  readonly to: number
  readonly topicVersion: number
  /** Compaction has removed tombstones below it: a reader that was further behind may have missed them. */
  readonly tombstonesGoneBelow?: number
  /** The base offset of the sealed chunk that holds `from`; only for `visible` and `committed`. */
  readonly sealedOffset?: number
  /** The aborted transactions with records in the batches; only for `stored` and `committed`. */
  readonly abortedTransactions?: readonly AbortedTransaction[]
  /** Set if the records at `from` are in R2 only: then there are no batches, and `to` is `from`. */
  readonly remote?: RemoteRange
  /** Whole batches; the first may begin before `from`. Empty at the end of the log. The last field. */
  readonly batches: Uint8Array
}

/** A whole sealed chunk: all records of the log from `from` up to `to`, always cut at the same places. */
export interface SealedChunk extends LogEnds {
  readonly from: number
  readonly to: number
  readonly topicVersion: number
  /** Set if the chunk is in R2 only: then there are no batches, and `to` is `from`. */
  readonly remote?: RemoteRange
  /** Without markers and the records of aborted transactions. The last field. */
  readonly batches: Uint8Array
}

export interface PartitionDescription extends LogEnds {
  readonly partition: number
  /** The bytes of the whole log; each offset counts once. */
  readonly sizeBytes: number
  /** Only of a tiered log. */
  readonly remote?: RemoteDescription
}

/** The places of the records of a tiered log. */
export interface RemoteDescription {
  /** Kafka's local log start offset: records below it are in R2 only. */
  readonly localStartOffset: number
  /** The end of what is copied to R2; null if nothing is. */
  readonly copiedOffset: number | null
  readonly localBytes: number
  readonly remoteBytes: number
}

/** The offsets from `from` up to, not including, `to`. */
export interface OffsetRange {
  readonly from: number
  readonly to: number
}

export interface RemoteListing extends LogEnds {
  readonly partition: PartitionIdentity
  /** The first offset that the partition has a row for; the end of the log if it has none. */
  readonly firstOffset: number
  readonly segments: readonly RemoteSegment[]
  /** The names of objects that are being written or deleted, and may exist or not. */
  readonly changing: readonly string[]
}

/** An object of the partition that the edge found in R2. */
export interface FoundSegment extends RemoteSegment {
  /** In hexadecimal digits. */
  readonly sha256: string
}

export interface AdoptResult extends LogEnds {
  /** The names of the objects that are part of the log now. */
  readonly adopted: readonly string[]
}

/** Batches of another log, for the offsets that they had there. */
export interface RestoreRequest {
  /** The id of the topic that they come from. */
  readonly sourceId: string
  /** The end of the log; the log start in the first restore. */
  readonly from: number
  /** Whole, checked, without producers, in order. None: an empty log gets its start. The last field. */
  readonly batches: Uint8Array
}

export interface RestoreResult extends LogEnds {
  readonly topicVersion: number
}

/** A task that waits for records. */
export interface WatchRequest {
  /** Name of the task's object. */
  readonly task: string
  /** The task waits for records at this offset, or behind it. */
  readonly offset: number
}

/** A producer of a partition, as Kafka's DescribeProducers shows it. */
export interface ProducerDescription {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** -1: none in this epoch. */
  readonly lastSequence: number
  readonly lastTimestamp: number
  /** The number of its open transaction, or else of the last one; -1 if it had none. */
  readonly coordinatorEpoch: number
  /** The first offset of its open transaction; -1 if none is open. */
  readonly currentTxnStartOffset: number
}

/** The batches in which a timestamp is found. Finding the record within them needs decompression. */
export interface TimestampLookup extends LogEnds {
  /** The segments in R2 that may have a record which matches, and comes before those in the batches. */
  readonly remote?: RemoteRange
  /**
   * The first batch with a record at or after the timestamp, or, for `max`, with the latest
   * timestamp. Before it, the batch that holds the log start, if the log start is within a chunk
   * and that batch also matches. Empty: no record in the partition matches.
   */
  readonly batches: readonly Uint8Array[]
}

/**
 * Methods of a partition. If the partition was never created or is deleted, every result is
 * `unknown_topic_or_partition`, and the call stores nothing.
 */
export interface PartitionApi extends TransactionParticipant {
  /** Creates the partition or changes its config. Idempotent; called by the coordinator only. */
  configure(assignment: PartitionAssignment): Promise<void>
  /** Deletes everything that is stored. Idempotent; called by the coordinator only. */
  destroy(): Promise<void>
  append(request: AppendRequest): Promise<Result<AppendResult | OverlapResult>>
  /** Makes several appends, in this order, each with its own result: one that fails does not stop the others. */
  appendEach(requests: readonly AppendRequest[]): Promise<Result<AppendResults>>
  read(request: FetchRequest): Promise<Result<FetchResult>>
  /**
   * Returns the sealed chunk that holds an offset, or where it is in R2.
   *
   * Errors: `not_sealed`; `offset_out_of_range` below the log start.
   */
  readSealed(offset: number): Promise<Result<SealedChunk>>
  findTimestamp(timestamp: number | 'max'): Promise<Result<TimestampLookup>>
  /**
   * Moves the log start up to an offset; a log start beyond it stays. Records below the log start are no longer
   * read from then on, and are deleted chunk by chunk.
   *
   * Errors: those of `decideDeleteRecords`.
   */
  deleteRecords(
    beforeOffset: number | 'highWatermark',
  ): Promise<Result<Pick<PartitionDescription, 'logStartOffset'>>>
  /**
   * Returns the latest record of a key, or some of all keys.
   *
   * Errors: `table_not_enabled`; `unavailable` if the table does not cover the log, or `at`, in time.
   */
  tableGet(request: TableGetRequest): Promise<Result<TableGetResult>>
  tableScan(request: TableScanRequest): Promise<Result<TableScanResult>>
  describe(): Promise<Result<PartitionDescription>>
  /** Returns up to `limit` of the live segments that begin at an offset or later, in order. */
  listRemote(baseOffset: number, limit: number): Promise<Result<RemoteListing>>
  /** Returns the ranges between the segments in R2 only, and before the chunks, that are in none; the highest first. */
  remoteHoles(): Promise<Result<readonly OffsetRange[]>>
  /** Adds segments to the log whose rows were lost, where they fit. */
  adoptRemote(found: readonly FoundSegment[]): Promise<Result<AdoptResult>>
  /**
   * Appends batches of another log at the offsets that they had there, all or none.
   *
   * Errors: those of `decideRestore`.
   */
  restore(request: RestoreRequest): Promise<Result<RestoreResult>>
  /**
   * Calls a task once when there are records that it waits for, unless there are some now. The partition keeps the
   * names of tasks, so that it also calls them after it was asleep.
   */
  watch(request: WatchRequest): Promise<Result<{ readonly hasRecords: boolean }>>
  /** Forgets a task. */
  unwatch(task: string): Promise<Result<null>>
  /** Returns up to `limit` of the producers that the partition remembers. */
  describeProducers(limit: number): Promise<Result<readonly ProducerDescription[]>>
}
