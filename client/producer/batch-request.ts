/** One batch on its way to the log, and what the answer means for it. */

import type { StoredPiece } from '../../src/core/log/producer-state.ts'
import { recordsPath } from '../admin.ts'
import { BATCH_MEDIA_TYPE, type Connection, requestJson } from '../http/connection.ts'
import { Refusal } from '../http/refusal.ts'
import type { Outcome } from './in-flight-queue.ts'

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
}

/** Never throws. */
export async function sendBatch(
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
