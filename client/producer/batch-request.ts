/** One batch on its way to the log, and what the answer means for it. */

import type { StoredPiece } from '../../src/core/log/producer-state.ts'
import { BATCH_MEDIA_TYPE, type Connection, requestJson } from '../http/connection.ts'
import { recordsPath } from '../http/paths.ts'
import { Refusal } from '../http/refusal.ts'
import type { Outcome } from './in-flight-queue.ts'
import type { SendLine } from './send-line.ts'
import type { SentRequest } from './send-pace.ts'

export interface BatchAnswer {
  /** -1: the log has the batch, and no longer knows where. */
  readonly baseOffset: number
  /** Where the records lie, in their order, if some were stored in other batches than this one. */
  readonly pieces?: readonly StoredPiece[]
  /** What the log's clock stamped the records with; null where they keep their own timestamps. */
  readonly logAppendTime: number | null
}

export interface SentBatch {
  readonly outcome: Outcome
  /** With an outcome of `acked`. */
  readonly answer?: BatchAnswer
  /** What went wrong, if anything. */
  readonly refusal?: Refusal
  /** When its turn on the line came; missing if it was given up before. */
  readonly startedAtMs?: number
}

interface SendOptions {
  /** The line that all requests of the client share. */
  readonly line: SendLine
  /** Longest silence; a request too large for the line's pace has more time. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Sends a batch when its turn on the line comes. Never throws. */
export async function sendBatch(
  connection: Connection,
  topic: string,
  partition: number,
  body: Uint8Array,
  { line, timeoutMs, signal }: SendOptions,
): Promise<SentBatch> {
  const turn = await line.begin(body.length, signal)
  // Not sent, so certainly not in the log.
  if (turn === undefined) return { outcome: { kind: 'throttled' } }
  const options = { timeoutMs: timeoutMs + turn.extraMs, signal }
  const sent = await post(connection, topic, partition, body, options)
  turn.end(resultOf(sent))
  return { ...sent, startedAtMs: turn.startedAtMs }
}

function resultOf({ outcome, refusal }: SentBatch): SentRequest['result'] {
  if (outcome.kind === 'acked') return 'acked'
  // Proxies cut what takes too long, and answer in the place of the server.
  return refusal === undefined || refusal.mayHaveTakenEffect ? 'failed' : 'answered'
}

async function post(
  connection: Connection,
  topic: string,
  partition: number,
  body: Uint8Array,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<SentBatch> {
  try {
    const answer = await requestJson<BatchAnswer>(connection, recordsPath(topic, partition), {
      method: 'POST',
      body,
      contentType: BATCH_MEDIA_TYPE,
      ...options,
    })
    if (Number.isSafeInteger(answer.baseOffset)) return { outcome: { kind: 'acked' }, answer }
    // Something between here and the log answers in its place.
    const refusal = new Refusal('unavailable', 'the answer has no baseOffset', { status: 0 })
    return { outcome: { kind: 'unknown' }, refusal }
  } catch (error) {
    if (!(error instanceof Refusal)) return { outcome: { kind: 'unknown' } }
    return { outcome: outcomeOf(error), refusal: error }
  }
}

function outcomeOf(refusal: Refusal): Outcome {
  if (refusal.code === 'out_of_order_sequence_number') return { kind: 'outOfOrder' }
  // The same from a log that knows nothing of this producer, not yet or no longer.
  if (refusal.code === 'unknown_producer_id') return { kind: 'outOfOrder' }
  if (refusal.code === 'invalid_producer_epoch') return { kind: 'fenced', error: refusal }
  if (refusal.mayHaveTakenEffect) return { kind: 'unknown' }
  if (refusal.isTransient) return { kind: 'throttled' }
  return { kind: 'refused', error: refusal }
}
