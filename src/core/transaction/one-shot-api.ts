/**
 * The RPC interface for transactions that are made in one call. The edge begins one, appends to all its partitions, and
 * decides it. Types only, as in `transaction-api.ts`.
 *
 * The coordinator keeps the result for a day, so that a repeated call gets the result of the first.
 */
import type { ErrorBody, Result } from '../errors.ts'
import type { GroupId } from '../group/group-id.ts'
import type { TransactionOutcome } from './participant-api.ts'
import type { PartitionParticipant } from './partition-participant.ts'

export interface BeginOneShotRequest {
  /** The id of the transaction: the caller's, or a random one. */
  readonly id: string
  /** Hash of the whole body, so that another body under the same id is recognized. */
  readonly bodyHash: string
  /** Random, from `ONE_SHOT_PRODUCER_ID_MIN`; its epoch is 0. */
  readonly producerId: bigint
  /** Time after which the partitions refuse the transaction's appends, and the coordinator aborts it. */
  readonly deadlineMs: number
  readonly partitions: readonly PartitionParticipant[]
  readonly groups: readonly GroupId[]
}

export interface OneShotOffset {
  readonly topic: string
  readonly partition: number
  /** Offset of the first record. */
  readonly offset: number
}

/** The result of a transaction, also for each repeat of it. */
export interface OneShotResult {
  readonly outcome: TransactionOutcome
  /** Empty for `abort`. */
  readonly offsets: readonly OneShotOffset[]
  /** Why it was aborted. */
  readonly reason?: ErrorBody
  /** True if all participants have ended it; false if some end it a little later. The decision stands. */
  readonly isComplete: boolean
}

/** The caller appends under `number`, or returns the `result` of the earlier call. */
export type BegunOneShot = { readonly number: number } | { readonly result: OneShotResult }

export interface DecideOneShotRequest {
  readonly id: string
  /** The producer id of the call that began it. */
  readonly producerId: bigint
  /** Begins it by this very call: its id is new, so the caller need not ask for an earlier result before it appends. */
  readonly begin?: BeginOneShotRequest
  readonly outcome: TransactionOutcome
  readonly offsets: readonly OneShotOffset[]
  readonly reason?: ErrorBody
}

export interface OneShotApi {
  /**
   * Begins a transaction. A repeat waits for the result of the first call, until its deadline at the latest.
   *
   * Errors: `transaction_id_reused` for another body, `invalid_request`, `policy_violation`, `throttled`.
   */
  begin(request: BeginOneShotRequest): Promise<Result<BegunOneShot>>
  /**
   * Decides a transaction. Resolves like `end`. The outcome may be `abort` although `commit` was requested, if the
   * deadline has passed; a repeat gets the same result.
   *
   * Errors: `transactional_id_not_found`.
   */
  decide(request: DecideOneShotRequest): Promise<Result<OneShotResult>>
}
