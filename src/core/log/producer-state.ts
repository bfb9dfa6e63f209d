/**
 * The state that a partition keeps of an idempotent producer, and the decision on the
 * producer's next batch. A retry of one of the last five batches gets its first result, a batch
 * behind a gap is refused, an older epoch is fenced.
 */
import type { BatchHeader } from '../batch/record-batch.ts'
import { PRODUCER_BATCHES_REMEMBERED } from '../limits.ts'

const SEQUENCE_MODULUS = 2 ** 31
/**
 * After a wrap at 2147483647, sequences up to this far before the expected one
 * count as earlier, all others as later.
 */
const SEQUENCE_HORIZON = 2 ** 30

interface RememberedBatch {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly baseOffset: number
  /** The timestamp the log gave the records; null if they keep their producer's timestamps. */
  readonly logAppendTime: number | null
}

/**
 * The rules for the sequences of an idempotent producer.
 *
 * - `kafka`: Kafka's rules, for Kafka's clients. An unknown producer may begin with any sequence, because its state may
 *   have expired. A batch is resent unchanged, or refused.
 * - `resendable`: for clients whose requests overtake one another, and which regroup their records into other batches
 *   when they resend them. An unknown producer begins with sequence 0: otherwise its second batch, arriving first,
 *   would block the first one. Records that are already in the log are cut off.
 *
 * The two cannot be combined: if a producer could begin at any sequence, records before that sequence would count as
 * stored, and would be lost.
 */
export type ProducerRules = 'kafka' | 'resendable'

/** Location of consecutive records. */
export interface StoredPiece {
  readonly recordsCount: number
  /** -1: the records are in the log, but their offset was forgotten. */
  readonly baseOffset: number
}

export interface ProducerState {
  readonly epoch: number
  /** Oldest first, at most `PRODUCER_BATCHES_REMEMBERED`; empty if a marker began the epoch. */
  readonly batches: readonly RememberedBatch[]
  /** Sequence 2147483647 of this epoch is in the log, so a sequence above the expected one may be an earlier one. */
  readonly hasWrapped?: boolean
  /** The number of its last transaction that ended here. */
  readonly endedNumber?: number
  /** True if the id is used for a single transaction only, so that it is not worth a row. */
  readonly isTransient?: boolean
}

export type SequenceDecision =
  | { readonly kind: 'append' }
  | { readonly kind: 'duplicate'; readonly first: RememberedBatch }
  /** All its records are in the log, in other batches. */
  | {
      readonly kind: 'stored'
      readonly pieces: readonly StoredPiece[]
      /** Timestamp the log gave the last of them, if it is remembered. */
      readonly logAppendTime: number | null
    }
  /** Its first records, counted by `pieces`, are in the log; those from `expectedSequence` on are not. */
  | {
      readonly kind: 'overlap'
      readonly expectedSequence: number
      readonly pieces: readonly StoredPiece[]
    }
  /** The batch before this one has not arrived. */
  | { readonly kind: 'gap'; readonly expectedSequence: number }
  /** The partition has no state of this producer, and the batch does not begin with sequence 0. */
  | { readonly kind: 'unknown_producer' }
  | { readonly kind: 'fenced'; readonly currentEpoch: number }

/** Returns the sequence `count` after `sequence`; 0 follows 2147483647. */
export function addToSequence(sequence: number, count: number): number {
  return (sequence + count) % SEQUENCE_MODULUS
}

/** Returns how many records lie from the sequence `from` up to, not including, `to`. */
function sequencesBetween(from: number, to: number): number {
  return (to - from + SEQUENCE_MODULUS) % SEQUENCE_MODULUS
}

function lastSequenceOf(header: BatchHeader): number {
  return addToSequence(header.baseSequence, header.lastOffsetDelta)
}

/** Decides on one batch of an idempotent producer. */
export function decideSequence(
  state: ProducerState | undefined,
  header: BatchHeader,
  rules: ProducerRules,
): SequenceDecision {
  if (state === undefined) {
    const isBeginning = rules === 'kafka' || header.baseSequence === 0
    return { kind: isBeginning ? 'append' : 'unknown_producer' }
  }
  if (header.producerEpoch < state.epoch) return { kind: 'fenced', currentEpoch: state.epoch }
  if (header.producerEpoch > state.epoch) {
    return header.baseSequence === 0 ? { kind: 'append' } : { kind: 'gap', expectedSequence: 0 }
  }
  const lastSequence = lastSequenceOf(header)
  const remembered = state.batches.find(
    (batch) => batch.firstSequence === header.baseSequence && batch.lastSequence === lastSequence,
  )
  if (remembered !== undefined) return { kind: 'duplicate', first: remembered }
  const expectedSequence = expectedSequenceOf(state)
  if (header.baseSequence === expectedSequence) return { kind: 'append' }
  const behind = sequencesBetween(header.baseSequence, expectedSequence)
  const behindMax = state.hasWrapped ? SEQUENCE_HORIZON : expectedSequence
  if (rules === 'kafka' || behind > behindMax) return { kind: 'gap', expectedSequence }
  const pieces = locate(state, behind, Math.min(behind, header.recordsCount))
  if (behind < header.recordsCount) return { kind: 'overlap', expectedSequence, pieces }
  const logAppendTime = state.batches.find((batch) => holds(batch, lastSequence))?.logAppendTime
  return { kind: 'stored', pieces, logAppendTime: logAppendTime ?? null }
}

function expectedSequenceOf({ batches }: ProducerState): number {
  return addToSequence(batches.at(-1)?.lastSequence ?? -1, 1)
}

function recordsCountOf({ firstSequence, lastSequence }: RememberedBatch): number {
  return sequencesBetween(firstSequence, lastSequence) + 1
}

function holds(batch: RememberedBatch, sequence: number): boolean {
  return sequencesBetween(batch.firstSequence, sequence) < recordsCountOf(batch)
}

/**
 * Returns the locations of `recordsCount` records, the first of which is `behind` records before the expected one.
 * Remembered batches are contiguous up to the expected sequence, so positions are counted back from there:
 *
 *       forgotten           | batch | batch | batch |
 *                   ^ behind                     ^ expected
 */
function locate(state: ProducerState, behind: number, recordsCount: number): StoredPiece[] {
  const pieces: StoredPiece[] = []
  let left = recordsCount
  let from = behind
  const take = (count: number, baseOffset: number) => {
    pieces.push({ recordsCount: count, baseOffset })
    left -= count
    from -= count
  }
  let start = state.batches.reduce((sum, batch) => sum + recordsCountOf(batch), 0)
  if (from > start) take(Math.min(left, from - start), -1)
  for (const batch of state.batches) {
    const end = start - recordsCountOf(batch)
    if (left > 0 && from > end) take(Math.min(left, from - end), batch.baseOffset + start - from)
    start = end
  }
  return pieces
}

/** Returns the state after `header` was appended at `baseOffset`. */
export function rememberBatch(
  state: ProducerState | undefined,
  header: BatchHeader,
  baseOffset: number,
  logAppendTime: number | null,
): ProducerState {
  const batch: RememberedBatch = {
    firstSequence: header.baseSequence,
    lastSequence: lastSequenceOf(header),
    baseOffset,
    logAppendTime,
  }
  const earlier = state?.epoch === header.producerEpoch ? state : undefined
  const wraps = addToSequence(batch.lastSequence, 1) < batch.firstSequence
  return {
    epoch: header.producerEpoch,
    batches: [...(earlier?.batches ?? []).slice(-(PRODUCER_BATCHES_REMEMBERED - 1)), batch],
    ...((wraps || earlier?.hasWrapped) && { hasWrapped: true }),
    ...(state?.endedNumber !== undefined && { endedNumber: state.endedNumber }),
  }
}
