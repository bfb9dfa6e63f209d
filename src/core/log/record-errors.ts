/**
 * Decides which records a topic refuses.
 *
 * A partition checks each batch as a whole: it has a summary of the records and does not decompress
 * them. Its error carries the rules that it applied. The edge applies the same rules to each
 * record, and names the records that break one.
 */
import { type BatchCheck, NO_TIMESTAMP } from '../batch/batch-check.ts'
import type { NewRecord } from '../batch/record.ts'
import { assert, EdgelogError } from '../errors.ts'
import { RECORD_ERRORS_MAX } from '../limits.ts'
import type { TopicConfig } from '../topic/topic-config.ts'

/** The rules of a topic for each record, at the time of one append. */
export interface RecordRules {
  readonly needsKey: boolean
  /** The earliest and the latest allowed timestamp; null: any timestamp. */
  readonly timestamps: { readonly earliest: number; readonly latest: number } | null
}

/** A batch that a partition refused because of its records. */
export interface RejectedBatch {
  /** Index of the batch within the call. */
  readonly batchIndex: number
  readonly recordRules: RecordRules
}

interface RecordError {
  /** Index of the record, counted from 0. */
  readonly index: number
  readonly message: string
}

type CheckedRecord = Pick<NewRecord, 'key' | 'timestamp'>
type RecordErrorCode = 'invalid_record' | 'invalid_timestamp'

export function recordRules(config: TopicConfig, nowMs: number): RecordRules {
  const needsKey = config.cleanupPolicy.includes('compact')
  if (config.messageTimestampType === 'LogAppendTime') return { needsKey, timestamps: null }
  const earliest = nowMs - config.messageTimestampBeforeMaxMs
  const latest = nowMs + config.messageTimestampAfterMaxMs
  return { needsKey, timestamps: { earliest, latest } }
}

/** Returns the error for a batch in which a record breaks a rule, with a `RefusedBatch` in its details. */
export function refuseBatch(
  check: BatchCheck,
  rules: RecordRules,
  batchIndex: number,
): EdgelogError | undefined {
  const { needsKey, timestamps } = rules
  const isKeyMissing = needsKey && check.hasNullKey
  const isOutOfBounds =
    timestamps !== null &&
    ((check.minTimestamp !== NO_TIMESTAMP && check.minTimestamp < timestamps.earliest) ||
      check.maxTimestamp > timestamps.latest)
  if (!isKeyMissing && !isOutOfBounds) return undefined
  const details: RejectedBatch = { batchIndex, recordRules: rules }
  return new EdgelogError(
    isOutOfBounds ? 'invalid_timestamp' : 'invalid_record',
    `batch ${batchIndex}: the topic refuses some of its records`,
    { details: { ...details } },
  )
}

/** Returns the `RefusedBatch` that `refuseBatch` has put into the details of `error`; undefined for any other error. */
export function refusedBatchOf(error: unknown): RejectedBatch | undefined {
  if (!(error instanceof EdgelogError) || error.details === undefined) return undefined
  return 'recordRules' in error.details ? (error.details as unknown as RejectedBatch) : undefined
}

/**
 * Returns the error that names the refused records, at most `RECORD_ERRORS_MAX` of them, in
 * `details.recordErrors`. As in Kafka each record has one error (a missing key takes precedence over a
 * timestamp), and one timestamp out of bounds makes the whole error an `invalid_timestamp`.
 *
 * @param records The records of the refused batch; at least one breaks a rule.
 * @param indexOf Returns the caller's index of the record at a position.
 */
export function nameRejectedRecords(
  records: Iterable<CheckedRecord>,
  rules: RecordRules,
  indexOf: (position: number) => number,
): EdgelogError {
  const recordErrors: RecordError[] = []
  let recordErrorsCount = 0
  let first: { code: RecordErrorCode; message: string } | undefined
  let position = -1
  for (const record of records) {
    position++
    const code = errorCodeOf(record, rules)
    if (code === undefined) continue
    recordErrorsCount++
    const isShown = recordErrors.length < RECORD_ERRORS_MAX
    const isFirst = first === undefined || (code !== first.code && first.code === 'invalid_record')
    if (!isShown && !isFirst) continue
    const message = messageOf(code, record, rules)
    const index = indexOf(position)
    if (isShown) recordErrors.push({ index, message })
    if (isFirst) first = { code, message: `records[${index}].${message}` }
  }
  assert(first !== undefined, 'a batch is refused for a record that breaks a rule')
  const others = recordErrorsCount - 1
  const message = others === 0 ? first.message : `${first.message}; ${others} more refused`
  return new EdgelogError(first.code, message, { details: { recordErrors, recordErrorsCount } })
}

/** Returns the records that `nameRefusedRecords` has named; an empty list for any other error. */
export function recordErrorsOf(error: EdgelogError): readonly RecordError[] {
  return (error.details?.recordErrors as readonly RecordError[] | undefined) ?? []
}

function errorCodeOf(
  { key, timestamp }: CheckedRecord,
  { needsKey, timestamps }: RecordRules,
): RecordErrorCode | undefined {
  if (needsKey && key === null) return 'invalid_record'
  if (timestamps === null || timestamp === NO_TIMESTAMP) return undefined
  const { earliest, latest } = timestamps
  return timestamp < earliest || timestamp > latest ? 'invalid_timestamp' : undefined
}

function messageOf(
  code: RecordErrorCode,
  { timestamp }: CheckedRecord,
  { timestamps }: RecordRules,
): string {
  if (code === 'invalid_record') return 'key: cleanup.policy=compact needs a key, got null'
  return (
    `timestamp: ${timestamp} is not within ${timestamps?.earliest} to ${timestamps?.latest} ` +
    '(message.timestamp.before.max.ms, message.timestamp.after.max.ms)'
  )
}
