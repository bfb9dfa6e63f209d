/**
 * Decides what the log's response means for the records that were sent.
 *
 * Records are numbered before they are sent, and the log accepts them in that
 * order, so the oldest one decides for all records behind it in its partition.
 */
import type { ErrorBody, ErrorCode } from '../../../src/core/errors.ts'
import type { SentBatch } from '../../producer/batch-request.ts'
import { OUT_OF_ORDER_MAX } from '../limits.ts'

interface SentRecords {
  readonly recordsCount: number
  /** Sequence of the first record. */
  readonly sequence: number
  /** Consecutive "out of order" responses before this one. */
  readonly outOfOrderCount: number
}

type SendVerdict =
  | { readonly kind: 'acked' }
  /** Unknown or temporary failure: retry the same batch later. */
  | { readonly kind: 'again' }
  | { readonly kind: 'auth' }
  /** The log has no state for these sequences (any more): check what it has, then start a new epoch. */
  | { readonly kind: 'renumber'; readonly isFenced: boolean }
  /** Some record is rejected: send fewer at a time to find out which. */
  | { readonly kind: 'narrow'; readonly recordsMax: number }
  | { readonly kind: 'park'; readonly error: ErrorBody }
  /** The topic, or this partition of it, does not exist. */
  | { readonly kind: 'gone' }

/** Permanent errors of records: the log rejects them each time. */
const RECORD_ERRORS: readonly ErrorCode[] = [
  'message_too_large',
  'request_too_large',
  'invalid_record',
  'invalid_timestamp',
  'corrupt_message',
  'unsupported_compression_type',
  'policy_violation',
  'topic_authorization_failed',
]

export function judge(sent: SentRecords, { outcome, refusal }: SentBatch): SendVerdict {
  if (outcome.kind === 'acked') return { kind: 'acked' }
  const code = refusal?.code
  if (code === 'unauthorized' || code === 'forbidden') return { kind: 'auth' }
  const fewer = { kind: 'narrow', recordsMax: sent.recordsCount >> 1 } as const
  // A proxy's response gives no information about records, except about the size of the request.
  if (refusal === undefined || refusal.isForeign) {
    return code === 'request_too_large' && sent.recordsCount > 1 ? fewer : { kind: 'again' }
  }
  if (code === 'unknown_topic_or_partition') return { kind: 'gone' }
  if (outcome.kind === 'fenced') return { kind: 'renumber', isFenced: true }
  if (outcome.kind === 'outOfOrder') {
    const isLost = code === 'unknown_producer_id' && sent.sequence > 0
    const isOverdue = sent.outOfOrderCount + 1 >= OUT_OF_ORDER_MAX
    return isLost || isOverdue ? { kind: 'renumber', isFenced: false } : { kind: 'again' }
  }
  if (outcome.kind !== 'refused' || !RECORD_ERRORS.includes(refusal.code)) return { kind: 'again' }
  if (sent.recordsCount > 1) return fewer
  return { kind: 'park', error: refusal.toBody() }
}
