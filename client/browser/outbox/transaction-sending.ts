/** Sends the oldest transaction of the outbox in one call (docs/PROTOCOL.md, section 15.1). */
import { EdgelogError, type ErrorBody } from '../../../src/core/errors.ts'
import { type Connection, requestJson } from '../../http/connection.ts'
import { RequestError } from '../../http/request-error.ts'
import { REQUEST_TIMEOUT_MS } from '../../limits.ts'
import { asEdgelogError } from '../../producer/delivery-error.ts'
import type { SendLine } from '../../producer/send-line.ts'
import {
  TransactionAbortedError,
  typedError,
} from '../../producer/transaction/transaction-error.ts'
import { TRANSACTION_TRUST_MS } from '../limits.ts'
import type { OutboxDrain, PendingBatch } from './outbox-drain.ts'
import { recordsOf } from './row-batches.ts'
import { transactionOf } from './stored-transaction.ts'
import type { Attempt } from './transaction-attempts.ts'

interface TransactionSendingContext {
  readonly connection: Connection
  readonly drain: OutboxDrain
  readonly line: SendLine
}

export type TransactionVerdict =
  | { readonly kind: 'acked' }
  /** Unknown or temporary failure: retry under the same id later. */
  | { readonly kind: 'again'; readonly error: EdgelogError }
  | { readonly kind: 'auth'; readonly error: EdgelogError }
  /** Aborted for a passing reason: retry under another id later. */
  | { readonly kind: 'renew'; readonly error: EdgelogError }
  | { readonly kind: 'park'; readonly error: ErrorBody }

/**
 * Sends the first transaction of `pending`.
 *
 * @throws {EdgelogError} `corrupt_message` if the stored transaction is damaged; the error of the database
 */
export async function sendTransaction(
  { connection, drain, line }: TransactionSendingContext,
  { producer, rows }: PendingBatch,
  signal: AbortSignal,
): Promise<TransactionVerdict> {
  const [record] = rows[0] === undefined ? [] : await recordsOf(rows[0].batch)
  if (record === undefined) throw new EdgelogError('corrupt_message', 'the transaction is empty')
  const { id, recordsJson } = transactionOf(record)
  const attempt = await drain.attempts.begin(producer.firstPosition)
  if (isForgotten(attempt, connection.clock.now())) return { kind: 'park', error: forgotten() }
  const attemptId = JSON.stringify(attempt.aborted === 0 ? id : `${id}.${attempt.aborted}`)
  const body = new TextEncoder().encode(`{"id":${attemptId},"records":${recordsJson}}`)
  const error = await post(connection, line, body, signal)
  const verdict: TransactionVerdict = error === undefined ? { kind: 'acked' } : judge(error)
  if (verdict.kind === 'renew') await drain.attempts.renew(attempt)
  return verdict
}

/** Decides what the error of a transaction means. */
export function judge(error: EdgelogError): TransactionVerdict {
  const { code } = error
  if (code === 'unauthorized' || code === 'forbidden') return { kind: 'auth', error }
  if (error instanceof TransactionAbortedError && error.retryable) return { kind: 'renew', error }
  // A proxy's response gives no information about the transaction.
  const isOurs = error instanceof RequestError ? !error.isForeign && !error.isTransient : true
  return isOurs ? { kind: 'park', error: error.toBody() } : { kind: 'again', error }
}

async function post(
  connection: Connection,
  line: SendLine,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<EdgelogError | undefined> {
  const turn = await line.begin(body.length, signal)
  // It was not sent.
  if (turn === undefined) return new RequestError('unavailable', 'stopped', { status: 0 })
  let result: 'acked' | 'answered' | 'failed' = 'failed'
  try {
    const response = await requestJson<{ readonly state: string }>(connection, '/v1/transactions', {
      method: 'POST',
      body,
      contentType: 'application/json',
      timeoutMs: REQUEST_TIMEOUT_MS + turn.extraMs,
      signal,
    })
    if (response.state === 'committed') {
      result = 'acked'
      return undefined
    }
    return new RequestError('unavailable', 'the response has no state', { status: 0 })
  } catch (error) {
    if (signal.aborted) return new RequestError('unavailable', 'stopped', { status: 0 })
    const failure = asEdgelogError(typedError(error))
    if (!failure.mayHaveTakenEffect) result = 'answered'
    return failure
  } finally {
    turn.end(result)
  }
}

/** The clock may have been set back, so the distance counts in either direction. */
function isForgotten({ sentAtMs }: Attempt, nowMs: number): boolean {
  return Math.abs(nowMs - sentAtMs) >= TRANSACTION_TRUST_MS
}

function forgotten(): ErrorBody {
  const why = 'it was sent more than 23 hours ago and no response arrived: it may be committed'
  return new EdgelogError('unavailable', why).toBody()
}
