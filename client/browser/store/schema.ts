/**
 * What lies in IndexedDB: one database per origin, server and principal.
 *
 *   meta       'clientId' -> random text: another one after the site's data was cleared
 *              'leadEpoch' -> number, of the tab that leads
 *   topics     name -> what is known of a topic
 *   follows    name -> how much of it is kept
 *   producers  [topic, partition] -> who writes there, and how far that is
 *   outbox     [topic, partition, position] -> records that are not acknowledged, as one record batch
 *   parked     id -> a record that the log refused, with the refusal
 *   batches    [topic, partition, baseOffset] -> record batches as the server sent them
 *   cursors    [topic, partition] -> which part of the log `batches` holds, without a hole
 *
 * A record's *position* counts what was ever queued for its partition, from a random beginning: what is
 * said of a position is never taken for another record's, not even after the data was cleared. Its
 * sequence is the distance from `epochStart`, so a new epoch renumbers all that waits by one change to one row.
 */
import type { ErrorBody } from '../../../src/core/errors.ts'

export const SCHEMA_VERSION = 1

/** Stands for "not known yet": records of a topic that this browser has never heard of. */
export const UNASSIGNED_PARTITION = -1

export interface TopicRow {
  readonly topic: string
  readonly id: string
  readonly partitions: number
  readonly maxMessageBytes: number
}

/** How much of a topic is kept; whatever is passed first. */
export interface CacheLimits {
  readonly bytesMax: number
  readonly recordsMax: number
  readonly ageMsMax: number
}

export interface FollowRow {
  readonly topic: string
  readonly limits: CacheLimits
  /** When it was read last; null: it is kept whether it is read or not. */
  readonly usedAtMs: number | null
}

export interface ProducerRow {
  readonly topic: string
  readonly partition: number
  readonly producerId: bigint
  readonly epoch: number
  /** The position that has sequence 0 under this epoch. */
  readonly epochStart: number
  /** Of the oldest record in `outbox`; the same as `nextPosition` if there is none. */
  readonly firstPosition: number
  readonly nextPosition: number
  /** Of what is in `outbox`, about. */
  readonly pendingBytes: number
  /** The offset after the last record that the log acknowledged; 0 before the first. */
  readonly ackedEndOffset: number
  /** The newest last; for tabs that were frozen while they were told. */
  readonly acks: readonly Ack[]
  /** Records that left for other partitions; the newest last, for the same reason. */
  readonly moves: readonly Move[]
}

export interface Place {
  readonly partition: number
  readonly position: number
}

/** A record that got its partition: where it was, and where it is. */
export interface Move extends Place {
  readonly from: Place
}

/** Records [position, position + recordsCount) lie at `baseOffset` and on; -1: nobody knows where. */
export interface Ack {
  readonly position: number
  readonly recordsCount: number
  readonly baseOffset: number
  readonly logAppendTime: number | null
}

export interface OutboxRow {
  readonly topic: string
  readonly partition: number
  /** Of the first record. */
  readonly position: number
  readonly recordsCount: number
  /** One record batch without a producer's stamp: that follows from the position. */
  readonly batch: Uint8Array<ArrayBuffer>
  readonly queuedAtMs: number
}

export interface ParkedRow {
  /** Given by the store. */
  readonly id?: number
  readonly topic: string
  readonly partition: number
  /** That it had in the outbox. */
  readonly position: number
  readonly batch: Uint8Array<ArrayBuffer>
  readonly error: ErrorBody
  readonly parkedAtMs: number
}

/** Whole record batches, one behind the other. */
export interface BatchRow {
  readonly topic: string
  readonly partition: number
  readonly baseOffset: number
  readonly endOffset: number
  readonly recordsCount: number
  /** Of its newest record, or when it was stored if they bear none. */
  readonly maxTimestamp: number
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** `batches` holds [startOffset, endOffset) of this partition. */
export interface CursorRow {
  readonly topic: string
  readonly partition: number
  /** Of the topic it was read from: a topic that is created anew has another. */
  readonly topicId: string
  readonly startOffset: number
  readonly endOffset: number
  readonly sizeBytes: number
  readonly recordsCount: number
  /** The ends of the log when it was heard of last. */
  readonly logStartOffset: number
  readonly highWatermark: number
}
