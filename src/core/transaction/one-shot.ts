/**
 * The rules of a transaction that is made in one call: begun by the edge, decided once, ended at all participants, and
 * kept for a day as the result of its repeats. Plain data; `one-shot-api.ts` has the calls.
 */
import { EdgelogError, type Result } from '../errors.ts'
import type { GroupId } from '../group/group-id.ts'
import {
  ONE_SHOT_DEADLINE_MS_MAX,
  ONE_SHOT_HASH_LENGTH_MAX,
  ONE_SHOT_KEPT_MS,
  ONE_SHOT_PARTICIPANTS_MAX,
  TRANSACTIONAL_ID_LENGTH_MAX,
} from '../limits.ts'
import type { BeginOneShotRequest, DecideOneShotRequest, OneShotResult } from './one-shot-api.ts'
import type { EndTransactionRequest } from './participant-api.ts'
import { ONE_SHOT_PRODUCER_ID_MIN } from './participant-api.ts'
import type { PartitionParticipant } from './partition-participant.ts'

/** Each of these transactions has a producer id of its own, so it is the first one of it. */
export const ONE_SHOT_NUMBER = 1

export interface OneShotRecord {
  readonly id: string
  readonly bodyHash: string
  readonly producerId: bigint
  readonly deadlineMs: number
  readonly createdAtMs: number
  /** Empty once all of them have ended the transaction. */
  readonly partitions: readonly PartitionParticipant[]
  readonly groups: readonly GroupId[]
  /** Undefined until the transaction is decided. */
  readonly decision?: Omit<OneShotResult, 'isComplete'>
  readonly isComplete: boolean
}

/** A record that may have changed, and the result of the call. */
export interface OneShotStep<T> {
  readonly record: OneShotRecord | undefined
  readonly result: Result<T>
}

/** The caller may append, gets the result of the first call, or waits for it. */
export type Begun = 'begun' | 'pending' | 'decided'

/** Decides whether a call begins a transaction or repeats one. */
export function beginOneShot(
  record: OneShotRecord | undefined,
  request: BeginOneShotRequest,
  nowMs: number,
): OneShotStep<Begun> {
  const { bodyHash, producerId, deadlineMs } = request
  if (record === undefined) {
    const error = errorIn(request, nowMs)
    if (error !== undefined) return { record, result: { error: error.toBody() } }
    if (deadlineMs <= nowMs) {
      const passed = new EdgelogError('invalid_request', 'deadlineMs: it has passed')
      return { record, result: { error: passed.toBody() } }
    }
    return { record: intentOf(request, nowMs), result: { ok: 'begun' } }
  }
  if (record.bodyHash !== bodyHash) {
    const why = 'id: it was used for a transaction with another body'
    return { record, result: { error: new EdgelogError('transaction_id_reused', why).toBody() } }
  }
  if (record.decision !== undefined) return { record, result: { ok: 'decided' } }
  // The response to this very call was lost.
  return { record, result: { ok: record.producerId === producerId ? 'begun' : 'pending' } }
}

function intentOf(request: BeginOneShotRequest, nowMs: number): OneShotRecord {
  const { id, bodyHash, producerId, deadlineMs, partitions, groups } = request
  const intent = { id, bodyHash, producerId, deadlineMs, partitions, groups }
  return { ...intent, createdAtMs: nowMs, isComplete: false }
}

function errorIn(request: BeginOneShotRequest, nowMs: number): EdgelogError | undefined {
  const invalid = (why: string) => new EdgelogError('invalid_request', why)
  const { id, bodyHash, producerId, deadlineMs, partitions, groups } = request
  if (id === '' || id.length > TRANSACTIONAL_ID_LENGTH_MAX) {
    return invalid(`id: 1 to ${TRANSACTIONAL_ID_LENGTH_MAX} characters are allowed`)
  }
  if (bodyHash.length > ONE_SHOT_HASH_LENGTH_MAX) {
    return invalid(`bodyHash: at most ${ONE_SHOT_HASH_LENGTH_MAX} characters are allowed`)
  }
  if (producerId < ONE_SHOT_PRODUCER_ID_MIN) {
    return invalid(`producerId: ids from ${ONE_SHOT_PRODUCER_ID_MIN} are allowed`)
  }
  if (deadlineMs > nowMs + ONE_SHOT_DEADLINE_MS_MAX) {
    return invalid(`deadlineMs: at most ${ONE_SHOT_DEADLINE_MS_MAX} ms from now are allowed`)
  }
  const count = partitions.length + groups.length
  if (count > 0 && count <= ONE_SHOT_PARTICIPANTS_MAX) return undefined
  const why = `1 to ${ONE_SHOT_PARTICIPANTS_MAX} partitions and groups are allowed, got ${count}`
  return new EdgelogError('policy_violation', `transaction: ${why}`)
}

/** Decides the outcome, unless it was decided already or the deadline has passed. */
export function decideOneShot(
  known: OneShotRecord | undefined,
  request: DecideOneShotRequest,
  nowMs: number,
): OneShotStep<null> {
  let record = known
  if (record === undefined && request.begin !== undefined) {
    const error = errorIn(request.begin, nowMs)
    if (error !== undefined) return { record, result: { error: error.toBody() } }
    record = intentOf(request.begin, nowMs)
  }
  if (record === undefined || record.producerId !== request.producerId) {
    const why = 'id: no such transaction was begun'
    const error = new EdgelogError('transactional_id_not_found', why)
    return { record, result: { error: error.toBody() } }
  }
  const timely = abortOverdue(record, nowMs)
  if (timely.decision !== undefined) return { record: timely, result: { ok: null } }
  const { outcome, offsets, reason } = request
  const decision = {
    outcome,
    offsets: outcome === 'commit' ? offsets : [],
    ...(outcome === 'abort' && reason !== undefined && { reason }),
  }
  return { record: { ...record, decision }, result: { ok: null } }
}

/** Aborts a transaction whose deadline has passed without a decision; its edge may be gone. */
export function abortOverdue(record: OneShotRecord, nowMs: number): OneShotRecord {
  if (record.decision !== undefined || nowMs < record.deadlineMs) return record
  const why = 'the transaction was not decided before its deadline'
  const reason = new EdgelogError('transaction_aborted', why).toBody()
  return { ...record, decision: { outcome: 'abort', offsets: [], reason } }
}

/** Completes a decided transaction. */
export function completeOneShot(record: OneShotRecord): OneShotRecord {
  return { ...record, partitions: [], groups: [], isComplete: true }
}

/** Returns the result of a decided transaction; undefined before. */
export function resultOfOneShot({
  decision,
  isComplete,
}: OneShotRecord): OneShotResult | undefined {
  return decision && { ...decision, isComplete }
}

/** Returns the request that ends a decided transaction at each participant; undefined before. */
export function oneShotMarkerOf(record: OneShotRecord): EndTransactionRequest | undefined {
  const { producerId, decision } = record
  if (decision === undefined) return undefined
  // With version 2 the marker carries the next epoch, so it fences appends that are still on their way.
  const producer = { producerId, producerEpoch: 1 }
  return { ...producer, version: 2, number: ONE_SHOT_NUMBER, outcome: decision.outcome }
}

/** Returns the time until which results are older than repeats may be. */
export function oneShotCutoffMs(nowMs: number): number {
  return nowMs - ONE_SHOT_KEPT_MS
}
