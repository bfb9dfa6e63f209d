/**
 * The content of IndexedDB: one database per origin, server and principal.
 *
 *   meta       'clientId' -> random text; changes when the site's data is cleared
 *              'leadEpoch' -> number; epoch of the leading tab
 *              'transactionAttempt' -> JSON of the attempt to send the oldest transaction
 *   topics     name -> metadata of a topic
 *   follows    name -> its cache limits
 *   producers  [topic, partition] -> producer id, epoch and positions
 *   outbox     [topic, partition, position] -> unacknowledged records, as one record batch
 *   parked     id -> a record that the log rejected, with the error
 *   batches    [topic, partition, baseOffset] -> record batches as the server sent them
 *   cursors    [topic, partition] -> the range of the log in `batches`, without a hole
 *   tables     topic -> how far the table of each partition has followed the log
 *   tableRows  [[topicId, partition, generation], key] -> the latest record of a key
 *
 * A record's *position* counts the records ever queued for its partition, from a random start:
 * positions are never reused, even after the data was cleared. Its sequence is the distance
 * from `epochStart`, so a new epoch renumbers all waiting records by a change to one row.
 */
import type { RecordHeader } from '../../../src/core/batch/record.ts'
import type { ErrorBody } from '../../../src/core/errors.ts'

/**
 * Version 1 had no tables, and version 2 no streams. Every store that is missing is added, so any older version can be
 * opened.
 */
export const SCHEMA_VERSION = 3

/** Partition of records whose topic is not known to this browser yet. */
export const UNASSIGNED_PARTITION = -1

/** Stands for the transactions in `outbox`, `producers` and `parked`: no log has a topic of this name. */
export const TRANSACTIONS_TOPIC = '/transactions'

export interface TopicRow {
  readonly topic: string
  readonly id: string
  readonly partitions: number
  readonly maxMessageBytes: number
}

/** Limits of a topic's cache; the first that is exceeded applies. */
export interface CacheLimits {
  readonly bytesMax: number
  readonly recordsMax: number
  readonly ageMsMax: number
}

export interface FollowRow {
  readonly topic: string
  readonly limits: CacheLimits
  /** Time of the last read; null: cached until `unfollow`. */
  readonly usedAtMs: number | null
}

export interface ProducerRow {
  readonly topic: string
  readonly partition: number
  readonly producerId: bigint
  readonly epoch: number
  /** Position that has sequence 0 under this epoch. */
  readonly epochStart: number
  /** Position of the oldest record in `outbox`; equals `nextPosition` if there is none. */
  readonly firstPosition: number
  readonly nextPosition: number
  /** Approximate bytes in `outbox` for this partition. */
  readonly pendingBytes: number
  /** Offset after the last acknowledged record; 0 before the first. */
  readonly ackedEndOffset: number
  /** Newest last; for tabs that were frozen when the acknowledgements were published. */
  readonly acks: readonly Ack[]
  /** Records that moved to other partitions, newest last; for frozen tabs too. */
  readonly moves: readonly Move[]
}

export interface OutboxPosition {
  readonly partition: number
  readonly position: number
}

/** A record that got its partition: its previous and its new place. */
export interface Move extends OutboxPosition {
  readonly from: OutboxPosition
}

/** Records [position, position + recordsCount) have the offsets from `baseOffset` on; -1: unknown. */
export interface Ack {
  readonly position: number
  readonly recordsCount: number
  readonly baseOffset: number
  readonly logAppendTime: number | null
}

export interface OutboxRow {
  readonly topic: string
  readonly partition: number
  /** Position of the first record. */
  readonly position: number
  readonly recordsCount: number
  /** One record batch without a producer stamp, which is derived from the position. */
  readonly batch: Uint8Array<ArrayBuffer>
  readonly queuedAtMs: number
}

export interface ParkedRow {
  /** Assigned by the store. */
  readonly id?: number
  readonly topic: string
  readonly partition: number
  /** Its position in the outbox. */
  readonly position: number
  readonly batch: Uint8Array<ArrayBuffer>
  readonly error: ErrorBody
  readonly parkedAtMs: number
}

/** Whole record batches, concatenated. */
export interface BatchRow {
  readonly topic: string
  readonly partition: number
  readonly baseOffset: number
  readonly endOffset: number
  readonly recordsCount: number
  /** Timestamp of the newest record; time of storing if the records have none. */
  readonly maxTimestamp: number
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** `batches` holds [startOffset, endOffset) of this partition. */
export interface CursorRow {
  readonly topic: string
  readonly partition: number
  /** Id of the topic it was read from; a recreated topic has another. */
  readonly topicId: string
  readonly startOffset: number
  readonly endOffset: number
  readonly sizeBytes: number
  readonly recordsCount: number
  /** Ends of the log in the last message of the server. */
  readonly logStartOffset: number
  readonly highWatermark: number
}

/** A copy of one partition's table: the rows of one generation. */
export interface TableCopy {
  readonly generation: number
  /** The rows contain all records of the log below this offset. */
  readonly position: number
  /** Number of removed keys, which only grows. */
  readonly removals: number
  /** Approximate size of the rows; undefined in a copy that was last written before sizes were stored. */
  readonly sizeBytes?: number
}

export interface TablePartition {
  /** The copy that readers see; null: none is complete yet. */
  readonly shown: TableCopy | null
  /** A new copy, read from the log start; it is shown when it has reached `endOffset`. */
  readonly build: (TableCopy & { readonly endOffset: number }) | null
  /** Tombstones below this offset were gone before the copy in work was begun, with the records they removed. */
  readonly goneBelow: number
  /** No tombstone below this offset was missed. */
  readonly checkedOffset: number
}

export interface TableState {
  readonly topic: string
  /** Id of the topic it was read from; a recreated topic has another. */
  readonly topicId: string
  /** Time of the last use. */
  readonly usedAtMs: number
  /** Time at which the table was deleted because it was too large; undefined: it was not. */
  readonly fullAtMs?: number
  readonly partitions: readonly TablePartition[]
}

/** One copy of the table of a partition. */
export type CopyKey = [topicId: string, partition: number, generation: number]

export interface TableRow {
  readonly copy: CopyKey
  readonly key: Uint8Array<ArrayBuffer>
  readonly offset: number
  readonly timestamp: number
  readonly value: Uint8Array<ArrayBuffer>
  readonly headers: readonly RecordHeader[]
}

/**
 * The key of a row of `streams`: topologies that run in this browser.
 *
 *     plan, application                                       its topics and tasks, as text
 *     turn, application, task, turn                           a turn of a task, as bytes
 *     leaf, application, task, store, segment, first key      adjacent keys of a store, as bytes
 *     hop,  application, topic, partition, offset             records from one task to another
 */
export type StreamsKey = [
  kind: 'plan' | 'turn' | 'leaf' | 'hop',
  application: string,
  ...rest: Array<string | number>,
]

/** Records of a repartition: they stay in this browser. */
export interface HopRow {
  readonly endOffset: number
  /** Whole record batches, concatenated. The first record has the offset of the key. */
  readonly batches: Uint8Array<ArrayBuffer>
}
