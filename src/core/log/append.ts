/**
 * Decides what an append does to a partition, in Kafka's order of checks. The partition's Durable
 * Object acts on the decision in the same synchronous turn.
 */
import type { BatchCheck } from '../batch/batch-check.ts'
import type { BatchHeader } from '../batch/record-batch.ts'
import { assert, EdgelogError } from '../errors.ts'
import { OFFSET_MAX } from '../limits.ts'
import type { TopicConfig } from '../topic/topic-config.ts'
import type { TransactionTag } from '../transaction/participant-api.ts'
import {
  addToSequence,
  decideSequence,
  type ProducerRules,
  type ProducerState,
  rememberBatch,
  type SequenceDecision,
  type StoredPiece,
} from './producer-state.ts'
import { recordRules, refuseBatch } from './record-errors.ts'
import { checkTransaction, type OpenTransaction } from './transactions.ts'

export interface PlacedBatch {
  readonly header: BatchHeader
  /** Offset of the batch's first record; for a duplicate, the offset it was stored at, or -1 if that was forgotten. */
  readonly baseOffset: number
  readonly isDuplicate: boolean
  /** Locations of the records of a duplicate that was stored in other batches. */
  readonly pieces?: readonly StoredPiece[]
  /** The timestamp the log gives, or gave, the records; null if they keep their producer's timestamps. */
  readonly logAppendTime: number | null
}

export type AppendDecision =
  | {
      readonly kind: 'append'
      readonly placed: readonly PlacedBatch[]
      /** The end of the log after this append. */
      readonly logEndOffset: number
      readonly producers: ReadonlyMap<bigint, ProducerState>
      /** The transactions that begin with this append. */
      readonly opened: readonly OpenTransaction[]
    }
  /** The first records of some batches are in the log: the caller cuts them off and appends the rest. */
  | { readonly kind: 'overlap'; readonly overlaps: readonly BatchOverlap[] }
  /** A batch is ahead of its producer's sequence: wait for the preceding batch, or refuse with `error`. */
  | { readonly kind: 'gap'; readonly producerId: bigint; readonly error: EdgelogError }
  | { readonly kind: 'refuse'; readonly error: EdgelogError }

export interface BatchOverlap {
  /** Index of the batch within the call. */
  readonly index: number
  /** Locations of the batch's first records; the caller cuts off as many records as they count. */
  readonly pieces: readonly StoredPiece[]
}

export interface AppendInput {
  readonly headers: readonly BatchHeader[]
  /** The check of each batch. */
  readonly checks: readonly BatchCheck[]
  readonly producerRules: ProducerRules
  readonly expectedOffset: number | undefined
  /** The end of the log before this append. */
  readonly logEndOffset: number
  readonly config: TopicConfig
  readonly nowMs: number
  readonly producerState: (producerId: bigint) => ProducerState | undefined
  /** The transaction of all batches; undefined: they belong to none. */
  readonly transaction?: TransactionTag | undefined
  readonly openTransactions: ReadonlyMap<bigint, OpenTransaction>
}

/**
 * Decides on all batches of one call: all are appended, or none. The topic's config applies
 * to new batches only: a retry of records in the log gets its first result, even if they
 * are too old by now or the config has changed.
 *
 * Where batches overlap records in the log, nothing is appended either: the caller cuts the
 * batches, which may need decompression, and calls again. Until then the other batches are
 * decided as if the rest had been appended.
 */
export function decideAppend(input: AppendInput): AppendDecision {
  assert(input.checks.length === input.headers.length, 'each batch comes with its check')
  const draft: Draft = {
    placed: [],
    overlaps: [],
    producers: new Map(),
    opened: new Map(),
    logEndOffset: input.logEndOffset,
  }
  for (const [index, header] of input.headers.entries()) {
    const refusal = decideBatch(draft, header, index, input)
    if (refusal !== undefined) return refusal
  }
  const { placed, overlaps, producers, opened, logEndOffset } = draft
  if (overlaps.length > 0) return { kind: 'overlap', overlaps }
  const { expectedOffset } = input
  const isNew = logEndOffset !== input.logEndOffset
  if (isNew && expectedOffset !== undefined && expectedOffset !== input.logEndOffset) {
    return refuse(
      'expected_offset_mismatch',
      `If-Match: the next offset is ${input.logEndOffset}, not ${expectedOffset}`,
      { nextOffset: input.logEndOffset },
    )
  }
  assert(logEndOffset <= OFFSET_MAX, 'offsets stay within 2^53 - 1')
  return { kind: 'append', placed, logEndOffset, producers, opened: [...opened.values()] }
}

/** State of the decision while the batches of the call are checked one by one. */
interface Draft {
  readonly placed: PlacedBatch[]
  readonly overlaps: BatchOverlap[]
  readonly producers: Map<bigint, ProducerState>
  readonly opened: Map<bigint, OpenTransaction>
  logEndOffset: number
}

/** Adds one batch to the draft, or returns the decision that appends nothing. */
function decideBatch(
  draft: Draft,
  header: BatchHeader,
  index: number,
  input: AppendInput,
): AppendDecision | undefined {
  const { producerId } = header
  const state = isIdempotent(header)
    ? (draft.producers.get(producerId) ?? input.producerState(producerId))
    : undefined
  const decision: SequenceDecision = isIdempotent(header)
    ? decideSequence(state, header, input.producerRules)
    : { kind: 'append' }
  if (decision.kind === 'duplicate') {
    const { baseOffset, logAppendTime } = decision.first
    draft.placed.push({ header, baseOffset, isDuplicate: true, logAppendTime })
    return undefined
  }
  if (decision.kind === 'stored') {
    const { pieces, logAppendTime } = decision
    const baseOffset = pieces[0]?.baseOffset ?? -1
    draft.placed.push({ header, baseOffset, isDuplicate: true, logAppendTime, pieces })
    return undefined
  }
  if (decision.kind === 'overlap') {
    const { pieces, expectedSequence } = decision
    // The batch overlaps records of this same call: their offsets are not known before they are stored.
    if (draft.producers.has(producerId)) {
      return { kind: 'gap', producerId, error: gapError(header, expectedSequence) }
    }
    const misfit = transactionError(draft, header, state, input)
    if (misfit !== undefined) return { kind: 'refuse', error: misfit }
    draft.overlaps.push({ index, pieces })
    addToDraft(draft, withoutFirst(header, pieces), state, input)
    return undefined
  }
  const error = checkAgainstConfig(header, index, input)
  if (error !== undefined) return { kind: 'refuse', error }
  if (decision.kind === 'fenced') {
    return refuse(
      'invalid_producer_epoch',
      `producer ${producerId}: epoch ${header.producerEpoch} is fenced by ${decision.currentEpoch}`,
    )
  }
  const misfit = transactionError(draft, header, state, input)
  if (misfit !== undefined) return { kind: 'refuse', error: misfit }
  if (decision.kind === 'gap') {
    return { kind: 'gap', producerId, error: gapError(header, decision.expectedSequence) }
  }
  if (decision.kind === 'unknown_producer') {
    return { kind: 'gap', producerId, error: unknownProducerError(header) }
  }
  // With version 2 each transaction has an epoch of its own, so its first sequence is known to be 0 (KIP-890).
  const beginsAtZero = state === undefined && input.transaction?.version === 2
  if (beginsAtZero && header.baseSequence !== 0) {
    return { kind: 'gap', producerId, error: gapError(header, 0) }
  }
  addToDraft(draft, header, state, input)
  return undefined
}

function transactionError(
  draft: Draft,
  header: BatchHeader,
  producer: ProducerState | undefined,
  { transaction: tag, openTransactions, nowMs }: AppendInput,
): EdgelogError | undefined {
  const isPlain = !header.isTransactional && tag === undefined
  if (isPlain && openTransactions.size === 0) return undefined
  const { producerId } = header
  return checkTransaction(header, {
    tag,
    open: draft.opened.get(producerId) ?? openTransactions.get(producerId),
    producer,
    openCount: openTransactions.size + draft.opened.size,
    nowMs,
  })
}

function addToDraft(
  draft: Draft,
  header: BatchHeader,
  state: ProducerState | undefined,
  { config, nowMs, transaction, openTransactions }: AppendInput,
): void {
  const { logEndOffset: baseOffset } = draft
  const { producerId, producerEpoch } = header
  const isOpen = openTransactions.has(producerId) || draft.opened.has(producerId)
  if (transaction !== undefined && !isOpen) {
    const firstOffset = baseOffset
    const begun = { ...transaction, producerId, producerEpoch, firstOffset, startedAtMs: nowMs }
    draft.opened.set(producerId, begun)
  }
  const logAppendTime = config.messageTimestampType === 'LogAppendTime' ? nowMs : null
  if (isIdempotent(header)) {
    const remembered = rememberBatch(state, header, baseOffset, logAppendTime)
    const isTransient = transaction?.deadlineMs !== undefined
    draft.producers.set(producerId, isTransient ? { ...remembered, isTransient } : remembered)
  }
  draft.placed.push({ header, baseOffset, isDuplicate: false, logAppendTime })
  draft.logEndOffset += header.lastOffsetDelta + 1
}

function withoutFirst(header: BatchHeader, pieces: readonly StoredPiece[]): BatchHeader {
  const count = pieces.reduce((sum, { recordsCount }) => sum + recordsCount, 0)
  return {
    ...header,
    baseSequence: addToSequence(header.baseSequence, count),
    lastOffsetDelta: header.lastOffsetDelta - count,
    recordsCount: header.recordsCount - count,
  }
}

function isIdempotent(header: BatchHeader): boolean {
  return header.producerId >= 0n
}

/** Returns the error with which the topic's config refuses a new batch, whatever the state of the log is. */
export function checkAgainstConfig(
  header: BatchHeader,
  index: number,
  { config, nowMs, checks }: Pick<AppendInput, 'config' | 'nowMs' | 'checks'>,
): EdgelogError | undefined {
  if (header.sizeBytes > config.maxMessageBytes) {
    return new EdgelogError(
      'message_too_large',
      `a batch of ${header.sizeBytes} bytes is over max.message.bytes=${config.maxMessageBytes}`,
    )
  }
  return refuseBatch(checks[index] as BatchCheck, recordRules(config, nowMs), index)
}

/** Returns the error that gives the producer the sequence to continue with. */
export function gapError(header: BatchHeader, expectedSequence: number): EdgelogError {
  return new EdgelogError(
    'out_of_order_sequence_number',
    `producer ${header.producerId}: expected sequence ${expectedSequence}, got ${header.baseSequence}`,
    { details: { expectedSequence } },
  )
}

function unknownProducerError(header: BatchHeader): EdgelogError {
  return new EdgelogError(
    'unknown_producer_id',
    `producer ${header.producerId}: unknown here; its first sequence must be 0, got ${header.baseSequence}`,
  )
}

function refuse(
  code: EdgelogError['code'],
  message: string,
  details?: Record<string, unknown>,
): AppendDecision {
  return {
    kind: 'refuse',
    error: new EdgelogError(code, message, details === undefined ? {} : { details }),
  }
}
