/**
 * Data of every message of a transaction, and the RPC interface of its participants: partitions and groups.
 * A room of its own, because the rules of logs and groups import it.
 *
 * The coordinator counts the transactions of each producer id: `number`. Every append, offset commit and marker of a
 * transaction carries it, so a participant recognizes a late message of an earlier transaction, also from clients that
 * use one epoch for many transactions. On disk it is the `coordinatorEpoch` of the marker.
 */
import type { Result } from '../errors.ts'

/** 1: clients add partitions explicitly, and keep their epoch. 2: KIP-890, each end raises the epoch. */
export type TransactionVersion = 1 | 2

export interface ProducerIdAndEpoch {
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** Identifies one transaction to its participants. */
export interface TransactionTag {
  /** The name of the coordinator's object. */
  readonly coordinator: string
  /** The transactional id, or the id of a transaction that is made in one call. */
  readonly transactionalId: string
  readonly number: number
  readonly version: TransactionVersion
  /** Participants refuse data after this time. Only for transactions that are made in one call. */
  readonly deadlineMs?: number
}

export type TransactionOutcome = 'commit' | 'abort'

/** Ends a transaction at one participant: a partition writes a marker, a group applies or drops pending offsets. */
export interface EndTransactionRequest extends ProducerIdAndEpoch {
  /** With version 2 `producerEpoch` is the one after the transaction. */
  readonly version: TransactionVersion
  readonly number: number
  readonly outcome: TransactionOutcome
}

/** The part of a partition or group that ends transactions. */
export interface TransactionParticipant {
  /**
   * Ends a transaction: a partition writes its marker, a group applies or drops the pending offsets. Does nothing if
   * this transaction has ended already.
   *
   * Errors: `transaction_coordinator_fenced` for an earlier transaction than the last one that ended here;
   * `unknown_topic_or_partition`, `group_id_not_found` if the participant is gone, so that nothing is left to end.
   */
  endTransaction(request: EndTransactionRequest): Promise<Result<null>>
}

/** Producer ids from here on belong to transactions that are made in one call; all others are below. */
export const ONE_SHOT_PRODUCER_ID_MIN = 2n ** 62n
