/** Sends one batch to the log and interprets the response. */

import type { StoredPiece } from '../../src/core/log/producer-state.ts'
import { BATCH_MEDIA_TYPE, type Connection, requestJson } from '../http/connection.ts'
import { recordsPath } from '../http/paths.ts'
import { RequestError } from '../http/request-error.ts'
import type { Outcome } from './in-flight-queue.ts'
import type { SendLine } from './send-line.ts'
import type { SentRequest } from './send-pace.ts'

export interface BatchResponse {
  /** -1: the log has the batch, but no longer its offset. */
  readonly baseOffset: number
  /** Offsets of the records, in order, if some were stored in other batches than this one. */
  readonly pieces?: readonly StoredPiece[]
  /** The log's timestamp for all records; null if they keep their own timestamps. */
  readonly logAppendTime: number | null
}

export interface SentBatch {
  readonly outcome: Outcome
  /** Set if the outcome is `acked`. */
  readonly result?: BatchResponse
  /** The error, if any. */
  readonly refusal?: RequestError
  /** When the request was sent; undefined if it was given up while it waited for the line. */
  readonly startedAtMs?: number
}

export interface PostOptions {
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** The open transaction that the batches belong to. */
  readonly transactionalId?: string
}

/** Sends a batch over a transport, and waits for its response. Never throws. */
export type PostBatch = (
  topic: string,
  partition: number,
  body: Uint8Array,
  options: PostOptions,
) => Promise<SentBatch>

interface SendOptions {
  /** Replaces requests of their own for the batches. */
  readonly postBatch?: PostBatch | undefined
  /** Line shared by all requests of the client. */
  readonly line: SendLine
  /** Longest silence; a request too large for the line's pace gets more time. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Sends a batch when the line admits it. Never throws. */
export async function sendBatch(
  connection: Connection,
  topic: string,
  partition: number,
  body: Uint8Array,
  { line, timeoutMs, signal, postBatch }: SendOptions,
): Promise<SentBatch> {
  const turn = await line.begin(body.length, signal)
  // Not sent, so it is certainly not in the log.
  if (turn === undefined) return { outcome: { kind: 'throttled' } }
  const options = { timeoutMs: timeoutMs + turn.extraMs, signal }
  const sent = await (postBatch?.(topic, partition, body, options) ??
    postByFetch(connection, topic, partition, body, options))
  turn.end(resultOf(sent))
  return { ...sent, startedAtMs: turn.startedAtMs }
}

function resultOf({ outcome, refusal }: SentBatch): SentRequest['result'] {
  if (outcome.kind === 'acked') return 'acked'
  // Proxies end slow requests and respond in place of the server.
  return refusal === undefined || refusal.mayHaveTakenEffect ? 'failed' : 'answered'
}

/** Sends a batch as a request of its own. Never throws. */
export async function postByFetch(
  connection: Connection,
  topic: string,
  partition: number,
  body: Uint8Array,
  options: PostOptions,
): Promise<SentBatch> {
  try {
    const result = await requestJson<BatchResponse>(connection, recordsPath(topic, partition), {
      method: 'POST',
      body,
      contentType: BATCH_MEDIA_TYPE,
      ...options,
    })
    if (Number.isSafeInteger(result.baseOffset)) return { outcome: { kind: 'acked' }, result }
    // A proxy between client and log responded in its place.
    const refusal = new RequestError('unavailable', 'the response has no baseOffset', { status: 0 })
    return { outcome: { kind: 'unknown' }, refusal }
  } catch (error) {
    if (!(error instanceof RequestError)) return { outcome: { kind: 'unknown' } }
    return { outcome: outcomeOf(error), refusal: error }
  }
}

export function outcomeOf(refusal: RequestError): Outcome {
  if (refusal.code === 'out_of_order_sequence_number') return { kind: 'outOfOrder' }
  // The log has no state of this producer, not yet or no longer: handled like a sequence gap.
  if (refusal.code === 'unknown_producer_id') return { kind: 'outOfOrder' }
  if (refusal.code === 'invalid_producer_epoch') return { kind: 'fenced', error: refusal }
  if (refusal.mayHaveTakenEffect) return { kind: 'unknown' }
  if (refusal.isTransient) return { kind: 'throttled' }
  return { kind: 'refused', error: refusal }
}
