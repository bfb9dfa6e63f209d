/**
 * The rules of transactions in one partition: which batches belong to an open transaction, and how one ends.
 *
 *     offset   10      11      12      13         14
 *              A       B       A       commit A   B
 *              |       ^ last stable offset: B began here and is open
 *              ^ decided by the marker at 13
 *
 * Each message carries the number of its transaction, which its coordinator counts for each producer id. A partition
 * accepts records of a number above the last one that ended here, so a late message of an earlier transaction never
 * opens one again (`participant-api.ts`).
 */
import { encodeTransactionMarker } from '../batch/control-record.ts'
import type { BatchHeader } from '../batch/record-batch.ts'
import { EdgelogError } from '../errors.ts'
import {
  ONE_SHOT_QUESTION_MS,
  OPEN_TRANSACTION_QUESTION_MS,
  OPEN_TRANSACTIONS_MAX,
} from '../limits.ts'
import {
  type EndTransactionRequest,
  ONE_SHOT_PRODUCER_ID_MIN,
  type TransactionOutcome,
  type TransactionTag,
} from '../transaction/participant-api.ts'
import type { ProducerState } from './producer-state.ts'

export interface OpenTransaction extends TransactionTag {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** The offset of its first record in this partition. */
  readonly firstOffset: number
  readonly startedAtMs: number
}

/** A transaction whose records are in the log but were never committed. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
  /** The offset of the marker. */
  readonly lastOffset: number
}

/** An aborted transaction with the last stable offset after its end, at which a search for others may stop. */
export interface AbortedTransactionRow extends AbortedTransaction {
  readonly stableOffset: number
}

interface TransactionalAppend {
  readonly tag: TransactionTag | undefined
  readonly open: OpenTransaction | undefined
  readonly producer: ProducerState | undefined
  readonly openCount: number
  readonly nowMs: number
}

/** Returns the error of a batch that does not fit the transactions of its producer. */
export function checkTransaction(
  header: BatchHeader,
  { tag, open, producer, openCount, nowMs }: TransactionalAppend,
): EdgelogError | undefined {
  const who = `producer ${header.producerId}`
  if (!header.isTransactional) {
    if (tag !== undefined) {
      return new EdgelogError(
        'invalid_record',
        `${who}: a batch of a transaction must be marked so`,
      )
    }
    if (open === undefined) return undefined
    const why = 'has an open transaction, so its records must be part of it'
    return new EdgelogError('invalid_txn_state', `${who}: ${why}`)
  }
  if (tag === undefined) {
    return new EdgelogError('invalid_txn_state', `${who}: the transaction was not verified`)
  }
  if (tag.deadlineMs !== undefined && nowMs > tag.deadlineMs) {
    return new EdgelogError(
      'invalid_txn_state',
      `${who}: the deadline of its transaction has passed`,
    )
  }
  if (open !== undefined) {
    if (open.number === tag.number) return undefined
    const why = `transaction ${tag.number} is not the open one, ${open.number}`
    return new EdgelogError('invalid_txn_state', `${who}: ${why}`)
  }
  const endedNumber = producer?.endedNumber ?? 0
  if (tag.number <= endedNumber) {
    const why = `transaction ${tag.number} has ended, as has ${endedNumber}`
    return new EdgelogError('invalid_txn_state', `${who}: ${why}`)
  }
  if (openCount >= OPEN_TRANSACTIONS_MAX) {
    const why = `a partition has at most ${OPEN_TRANSACTIONS_MAX} open transactions`
    return new EdgelogError('throttled', why)
  }
  return undefined
}

export type EndDecision =
  /** It has ended already, or there is nothing to end. */
  | { readonly kind: 'done' }
  | { readonly kind: 'refuse'; readonly error: EdgelogError }
  | {
      readonly kind: 'end'
      /** The marker batch, without its offset. */
      readonly marker: Uint8Array<ArrayBuffer>
      /** That of the records here: an open transaction with another number is aborted. */
      readonly outcome: TransactionOutcome
      readonly producer: ProducerState
    }

/**
 * Decides on the end of a transaction. A marker is also written where the transaction has no records: it fences the
 * producer's earlier epochs.
 */
export function decideEnd(
  request: EndTransactionRequest,
  producer: ProducerState | undefined,
  open: OpenTransaction | undefined,
  nowMs: number,
): EndDecision {
  const { producerId, producerEpoch, number } = request
  const endedNumber = producer?.endedNumber ?? 0
  if (number === endedNumber) return { kind: 'done' }
  const current = open?.number ?? endedNumber
  if (number < current) {
    const why = `producer ${producerId}: transaction ${number} is older than ${current}`
    return { kind: 'refuse', error: new EdgelogError('transaction_coordinator_fenced', why) }
  }
  // The id of a transaction that is made in one call is never used again, so there is nothing to fence.
  const isOneShot = producerId >= ONE_SHOT_PRODUCER_ID_MIN
  if (open === undefined && isOneShot) return { kind: 'done' }
  if (producer !== undefined && producerEpoch < producer.epoch) {
    const why = `producer ${producerId}: epoch ${producerEpoch} is fenced by ${producer.epoch}`
    return { kind: 'refuse', error: new EdgelogError('invalid_producer_epoch', why) }
  }
  const outcome = open === undefined || open.number === number ? request.outcome : 'abort'
  const marker = encodeTransactionMarker(
    { type: outcome, coordinatorEpoch: number },
    { producerId, producerEpoch },
    nowMs,
  )
  return { kind: 'end', marker, outcome, producer: endedProducer(producer, request) }
}

/** Returns the state of a producer after its transaction ended. An epoch goes on counting its sequences. */
export function endedProducer(
  producer: ProducerState | undefined,
  { producerEpoch, number }: Pick<EndTransactionRequest, 'producerEpoch' | 'number'>,
): ProducerState {
  const isSameEpoch = producer?.epoch === producerEpoch
  return {
    ...(isSameEpoch ? producer : { batches: [] }),
    ...(producer?.isTransient && { isTransient: true }),
    epoch: producerEpoch,
    endedNumber: number,
  }
}

/**
 * Returns when the partition asks the coordinator about a transaction that is still open: later than any coordinator
 * may take, so that a transaction which was lost there does not block readers for ever.
 */
export function questionDueAtMs({ deadlineMs, startedAtMs }: OpenTransaction): number {
  return deadlineMs === undefined
    ? startedAtMs + OPEN_TRANSACTION_QUESTION_MS
    : deadlineMs + ONE_SHOT_QUESTION_MS
}
