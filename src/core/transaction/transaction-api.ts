/**
 * The RPC interface of a transaction coordinator's Durable Object. Types only: objects and the broker import this file
 * and never each other.
 *
 * A coordinator object has a name: `id/<transactional id>` coordinates one transactional id, `one-shot/<0 to 63>` the
 * transactions that are made in one call.
 */
import type { Result } from '../errors.ts'
import type { GroupId } from '../group/group-id.ts'
import type { OneShotApi } from './one-shot-api.ts'
import type {
  ProducerIdAndEpoch,
  TransactionOutcome,
  TransactionVersion,
} from './participant-api.ts'
import type { PartitionParticipant } from './partition-participant.ts'

export type {
  EndTransactionRequest,
  ProducerIdAndEpoch,
  TransactionOutcome,
  TransactionParticipant,
  TransactionTag,
  TransactionVersion,
} from './participant-api.ts'
export type { PartitionParticipant } from './partition-participant.ts'

/** Kafka's states. */
export type TransactionState =
  | 'Empty'
  | 'Ongoing'
  | 'PrepareCommit'
  | 'PrepareAbort'
  | 'CompleteCommit'
  | 'CompleteAbort'

export interface InitProducerIdRequest {
  readonly transactionalId: string
  readonly timeoutMs: number
  /** The producer that continues (KIP-360); undefined: a new instance. */
  readonly producer?: ProducerIdAndEpoch
}

export interface AddParticipantsRequest extends ProducerIdAndEpoch {
  readonly transactionalId: string
  readonly version: TransactionVersion
  /** Numbers the connection of the client: a call of an earlier connection is refused (`unavailable`). */
  readonly connection?: number
  readonly partitions: readonly PartitionParticipant[]
  readonly groups: readonly GroupId[]
}

export interface VerifyRequest extends ProducerIdAndEpoch {
  readonly transactionalId: string
  readonly partitions: readonly PartitionParticipant[]
  readonly groups: readonly GroupId[]
}

export interface EndRequest extends ProducerIdAndEpoch {
  readonly transactionalId: string
  readonly version: TransactionVersion
  readonly connection?: number
  readonly outcome: TransactionOutcome
}

/** The producer's id and epoch for its next transaction. */
export interface EndedTransaction extends ProducerIdAndEpoch {
  /** True if all participants have ended it; false if some end it a little later. The decision stands. */
  readonly isComplete: boolean
}

export interface TransactionDescription extends ProducerIdAndEpoch {
  readonly transactionalId: string
  readonly state: TransactionState
  readonly timeoutMs: number
  /** Start of the open transaction; -1 if none is open. */
  readonly startedAtMs: number
  readonly updatedAtMs: number
  readonly number: number
  /** Empty once the transaction is complete. */
  readonly partitions: readonly PartitionParticipant[]
  readonly groups: readonly GroupId[]
}

/** The response to a participant that asks about a transaction that has been open for too long. */
export type TransactionFate =
  /** The participant waits: the transaction is open, or its markers are on their way. */
  | 'pending'
  /** The coordinator does not know this transaction as open: the participant aborts it. */
  | 'unknown'

/** Methods of a coordinator. Those of `OneShotApi` are for objects `one-shot/...`, the others for `id/...`. */
export interface TransactionApi extends OneShotApi {
  /**
   * Errors: `invalid_request`, `invalid_transaction_timeout`, `concurrent_transactions`, `producer_fenced`;
   * for a new id also `throttled`, `policy_violation`, `unavailable`.
   */
  initProducerId(request: InitProducerIdRequest): Promise<Result<ProducerIdAndEpoch>>
  /**
   * Adds participants, and begins a transaction with the first. All or none.
   *
   * Errors: `invalid_producer_id_mapping`, `producer_fenced`, `concurrent_transactions`, `unavailable` for an earlier
   * connection, `policy_violation` for too many.
   */
  addParticipants(request: AddParticipantsRequest): Promise<Result<{ readonly number: number }>>
  /**
   * Returns the number of the open transaction if it has all these participants.
   *
   * Errors: those of `addParticipants`; `transaction_abortable` if it lacks one.
   */
  verify(request: VerifyRequest): Promise<Result<{ readonly number: number }>>
  /**
   * Decides the transaction. Resolves once the decision is durable and the participants have ended it, or shortly
   * after the decision if they have not.
   *
   * Errors: `invalid_producer_id_mapping`, `producer_fenced`, `concurrent_transactions`, `invalid_txn_state`.
   */
  end(request: EndRequest): Promise<Result<EndedTransaction>>
  /**
   * Aborts an open transaction and fences its producer.
   *
   * Errors: `transactional_id_not_found`; `concurrent_transactions` if it is being ended; `invalid_txn_state` if none
   * is open.
   */
  forceAbort(): Promise<Result<EndedTransaction>>
  /** Errors: `transactional_id_not_found`. */
  describe(): Promise<Result<TransactionDescription>>
  fateOf(
    producerId: bigint,
    transactionalId: string,
    number: number,
  ): Promise<Result<TransactionFate>>
}

/** Returns the name of the object that coordinates a transactional id. */
export function transactionObjectName(transactionalId: string): string {
  return `id/${transactionalId}`
}

/** Returns the name of one of the objects that coordinate transactions of single calls. */
export function oneShotObjectName(index: number): string {
  return `one-shot/${index}`
}
