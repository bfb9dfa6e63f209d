/**
 * The state of one transactional id: plain data. The rules of this room are functions of a record, a request and the
 * time, and return the next record. What remains to do follows from a record alone: a changed one is written, a
 * prepared one ends at its participants (`markerOf`), and `nextDeadlineMs` is the time at which it changes by itself.
 */
import type { ErrorCode, Result } from '../errors.ts'
import { EdgelogError } from '../errors.ts'
import type { GroupId } from '../group/group-id.ts'
import { PRODUCER_EPOCH_MAX, TRANSACTION_NUMBER_MAX } from '../limits.ts'
import type {
  EndTransactionRequest,
  ProducerIdAndEpoch,
  TransactionVersion,
} from './participant-api.ts'
import type { PartitionParticipant } from './partition-participant.ts'
import type { TransactionState } from './transaction-api.ts'

/** The id and epoch before the current ones: a repeated request carries them if its response was lost. */
export interface ReplacedProducer extends ProducerIdAndEpoch {
  /** `init` and `end`: the producer requested it. `fence`: a time-out, a new instance or an operator did. */
  readonly by: 'init' | 'end' | 'fence'
}

export interface TransactionRecord extends ProducerIdAndEpoch {
  readonly transactionalId: string
  readonly timeoutMs: number
  readonly state: TransactionState
  readonly replaced?: ReplacedProducer
  /** While prepared, if the epochs of the producer id are used up: the id from the end of the transaction on. */
  readonly nextProducerId?: bigint
  /** Number of the last transaction of this producer id; 0 before the first. */
  readonly number: number
  /** The protocol of the client in the last transaction. */
  readonly version: TransactionVersion
  readonly partitions: readonly PartitionParticipant[]
  readonly groups: readonly GroupId[]
  /** Time of the first participant; -1 if no transaction is open. */
  readonly startedAtMs: number
  readonly updatedAtMs: number
  /** The highest connection that used this producer id and epoch; 0 if none had a number. */
  readonly connection: number
}

/** Facts that the rules cannot compute. */
export interface DecisionContext {
  readonly nowMs: number
  /** An id that no producer has, for the case that one is needed. */
  readonly newProducerId: bigint
}

export interface Decision<T> {
  /** Identical to the record that was given if nothing changed. */
  readonly record: TransactionRecord | undefined
  readonly result: Result<T>
}

export type PreparedState = 'PrepareCommit' | 'PrepareAbort'

export function isPrepared(
  record: TransactionRecord,
): record is TransactionRecord & { readonly state: PreparedState } {
  return record.state === 'PrepareCommit' || record.state === 'PrepareAbort'
}

/** Returns whether the producer id has to be replaced before its next epoch or transaction. */
export function isExhausted({ producerEpoch, number }: TransactionRecord): boolean {
  return producerEpoch >= PRODUCER_EPOCH_MAX || number >= TRANSACTION_NUMBER_MAX
}

export function isSameProducer(one: ProducerIdAndEpoch, other: ProducerIdAndEpoch): boolean {
  return one.producerId === other.producerId && one.producerEpoch === other.producerEpoch
}

/** Returns the id and epoch for the producer's next transaction; those of the markers may still be others. */
export function nextProducer(record: TransactionRecord): ProducerIdAndEpoch {
  const { producerId, producerEpoch, nextProducerId } = record
  return nextProducerId === undefined
    ? { producerId, producerEpoch }
    : { producerId: nextProducerId, producerEpoch: 0 }
}

/** Returns an error unless the request comes from the current producer. */
export function refuseProducer(
  record: TransactionRecord | undefined,
  request: ProducerIdAndEpoch & { readonly transactionalId: string },
): Decision<never> | undefined {
  if (request.transactionalId === '') {
    return refuse(record, 'invalid_request', 'transactionalId: an empty one is not allowed')
  }
  if (record === undefined) return REFUSALS.unmapped(record)
  if (isCurrentProducer(record, request)) return undefined
  return request.producerId === record.producerId
    ? REFUSALS.fenced(record)
    : REFUSALS.unmapped(record)
}

/** Returns whether a producer may use the id. While prepared it has its next id already, and only markers the last. */
export function isCurrentProducer(
  record: TransactionRecord,
  producer: ProducerIdAndEpoch,
): boolean {
  if (producer.producerEpoch > PRODUCER_EPOCH_MAX) return false
  return isSameProducer(producer, nextProducer(record))
}

/** Returns whether a call was overtaken by one of a later connection: its client no longer waits for it. */
export function isOvertaken(record: TransactionRecord, connection: number | undefined): boolean {
  return connection !== undefined && connection < record.connection
}

/** Returns the request that ends a prepared transaction at each participant. */
export function markerOf(
  record: TransactionRecord & { readonly state: PreparedState },
): EndTransactionRequest {
  const { producerId, producerEpoch, version, number, state } = record
  const outcome = state === 'PrepareCommit' ? 'commit' : 'abort'
  return { producerId, producerEpoch, version, number, outcome }
}

/** Returns a decision that changes nothing. */
export function refuse<T>(
  record: TransactionRecord | undefined,
  code: ErrorCode,
  message: string,
): Decision<T> {
  return { record, result: { error: new EdgelogError(code, message).toBody() } }
}

export const REFUSALS = {
  unmapped: (record: TransactionRecord | undefined) =>
    refuse<never>(
      record,
      'invalid_producer_id_mapping',
      'producerId: the transactional id is unknown or has another producer id; initialize the producer again',
    ),
  fenced: (record: TransactionRecord) =>
    refuse<never>(
      record,
      'producer_fenced',
      'producerEpoch: a later instance of the producer has taken over the transactional id',
    ),
  overtaken: (record: TransactionRecord) =>
    refuse<never>(record, 'unavailable', 'the client has called over a later connection'),
  ending: (record: TransactionRecord) =>
    refuse<never>(
      record,
      'concurrent_transactions',
      'the last transaction is still being ended; try again soon',
    ),
} as const
