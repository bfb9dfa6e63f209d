/**
 * What one partition's Durable Object answers, seen by the broker and the coordinator. Types only:
 * both sides of the RPC import this file and never each other.
 */
import type { BatchCheck } from '../batch/batch-check.ts'
import type { Reply } from '../errors.ts'
import type { TopicConfig } from '../topic/topic-config.ts'
import type { BatchOverlap } from './append.ts'
import type { IsolationLevel, LogEnds } from './log-ends.ts'
import type { ProducerRules, StoredPiece } from './producer-state.ts'

/** What the coordinator tells a partition about itself; kept by the partition. */
export interface PartitionAssignment {
  readonly topicId: string
  readonly topic: string
  readonly partition: number
  /** Grows with each change of the topic; an older one never replaces a newer one. */
  readonly version: number
  readonly config: TopicConfig
}

export interface AppendRequest {
  /** One or more record batches, each whole, CRC and records already checked by the broker. */
  readonly batches: Uint8Array
  /** The check of each batch. The error of a batch that the topic refuses carries a `RefusedBatch`. */
  readonly checks: readonly BatchCheck[]
  /** Appends only if this is the next offset, else `expected_offset_mismatch`. */
  readonly expectedOffset?: number
  /** How the sequences of its batches are held against the log. Only `resendable` is answered by `OverlapReply`. */
  readonly producerRules: ProducerRules
}

export interface AppendReply {
  /**
   * Offset of each batch's first record, in the order given; a duplicate gets its first answer. -1 for
   * one that the log has, and no longer knows where.
   */
  readonly baseOffsets: readonly number[]
  /** For each batch that was stored in other batches, where its records lie; null for the others. */
  readonly pieces?: ReadonlyArray<readonly StoredPiece[] | null>
  /** The offset after the last record of the last batch; -1 where that is not known any more. */
  readonly nextOffset: number
  /** The time the log gave the records, for topics with `message.timestamp.type=LogAppendTime`. */
  readonly logAppendTime: number | null
  readonly logStartOffset: number
  /** Version of the topic as the partition knows it: a higher one tells the edge its copy is stale. */
  readonly topicVersion: number
}

/** Nothing was appended: the first records of some batches are in the log, and are to be cut off. */
export interface OverlapReply {
  readonly overlaps: readonly BatchOverlap[]
  readonly topicVersion: number
}

export interface FetchRequest {
  readonly offset: number | 'earliest' | 'latest'
  readonly maxBytes: number
  /** A first batch that is larger than `maxBytes` is left out; otherwise it is given. */
  readonly mayLeaveFirst?: boolean
  /** Answers early only with at least this many bytes; 0 or 1: with any. */
  readonly minBytes: number
  readonly maxWaitMs: number
  /** `committed`: nothing from the last stable offset on. */
  readonly isolation: IsolationLevel
}

/** All records that the log has at the offsets from `from` up to, not including, `to`. */
export interface FetchReply extends LogEnds {
  /** The offset asked for, resolved. */
  readonly from: number
  /** Where the next fetch begins. An offset below it that is in no batch has no record. */
  readonly to: number
  /** Whole batches; the first may begin before `from`. Empty at the end of the log. */
  readonly batches: Uint8Array
  readonly topicVersion: number
}

export interface PartitionDescription extends LogEnds {
  readonly partition: number
  readonly sizeBytes: number
}

/** Where a timestamp leads. Which record of which batch it is takes decompression to tell. */
export interface TimestampLookup extends LogEnds {
  /**
   * The first batch with a record at or after the timestamp, or, for `max`, with the latest time; before
   * it the one with the log start, where that is within a chunk and reaches as far. None: there is none.
   */
  readonly batches: readonly Uint8Array[]
}

/**
 * Every answer of a partition that was never created, or is deleted, is
 * `unknown_topic_or_partition`, and asking stores nothing.
 */
export interface PartitionApi {
  /** Creates the partition or changes its config. Idempotent; called by the coordinator only. */
  configure(assignment: PartitionAssignment): Promise<void>
  /** Leaves nothing behind. Idempotent; called by the coordinator only. */
  destroy(): Promise<void>
  append(request: AppendRequest): Promise<Reply<AppendReply | OverlapReply>>
  read(request: FetchRequest): Promise<Reply<FetchReply>>
  findTimestamp(timestamp: number | 'max'): Promise<Reply<TimestampLookup>>
  /**
   * Moves the log start up to an offset; where it is beyond already, it stays. What lies below is not
   * read any more from then on, and goes chunk by chunk.
   *
   * Refusals: those of `decideDeleteRecords`.
   */
  deleteRecords(
    beforeOffset: number | 'highWatermark',
  ): Promise<Reply<Pick<PartitionDescription, 'logStartOffset'>>>
  describe(): Promise<Reply<PartitionDescription>>
}
