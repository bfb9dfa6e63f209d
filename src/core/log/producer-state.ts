/**
 * The state that a partition keeps of an idempotent producer, and the decision on the producer's next batch.
 * The last five batches answer a retry, a batch behind a gap is refused, an older epoch is fenced.
 */
import type { BatchHeader } from '../batch/record-batch.ts'
import { PRODUCER_BATCHES_REMEMBERED } from '../limits.ts'

const SEQUENCE_MODULUS = 2 ** 31
/** After 2147483647: a sequence up to so far before the expected one is earlier, any other is later. */
const SEQUENCE_HORIZON = 2 ** 30

interface RememberedBatch {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly baseOffset: number
  /** The time the log gave the records; null where they keep their producer's. */
  readonly logAppendTime: number | null
}

/**
 * How the sequences of an idempotent producer are held against the log.
 *
 * - `kafka`: Kafka's rules, for Kafka's clients. An unknown producer begins with any sequence, because its state may
 *   have expired. A batch is sent again as it was, or refused.
 * - `resendable`: for clients whose requests overtake one another and who gather their records into other batches
 *   when they send them again. An unknown producer begins with sequence 0: otherwise its second batch, arriving
 *   first, would shut out the first one. Records that the log has already are cut off.
 *
 * The two do not mix: where a producer begins anywhere, records before its beginning would count as stored, and
 * would be lost.
 */
export type ProducerRules = 'kafka' | 'resendable'

/** Where records that follow one another lie. */
export interface StoredPiece {
  readonly recordsCount: number
  /** -1: the log has them, and no longer knows where. */
  readonly baseOffset: number
}

export interface ProducerState {
  readonly epoch: number
  /** Oldest first, at most `PRODUCER_BATCHES_REMEMBERED`, never empty. */
  readonly batches: readonly RememberedBatch[]
  /** Sequence 2147483647 of this epoch is in the log: what lies above the expected one may be earlier. */
  readonly hasWrapped?: boolean
}

export type SequenceDecision =
  | { readonly kind: 'append' }
  | { readonly kind: 'duplicate'; readonly first: RememberedBatch }
  /** All its records are in the log, in other batches. */
  | {
      readonly kind: 'stored'
      readonly pieces: readonly StoredPiece[]
      /** Of the last of them, if it is known. */
      readonly logAppendTime: number | null
    }
  /** Its first records are in the log, which `pieces` count; those from `expectedSequence` on are not. */
  | {
      readonly kind: 'overlap'
      readonly expectedSequence: number
      readonly pieces: readonly StoredPiece[]
    }
  /** The batch before this one has not arrived. */
  | { readonly kind: 'gap'; readonly expectedSequence: number }
  /** Nothing is known of this producer, and this is not its first batch. */
  | { readonly kind: 'unknown_producer' }
  | { readonly kind: 'fenced'; readonly currentEpoch: number }

/** The sequence `count` after `sequence`; 0 follows 2147483647. */
export function addToSequence(sequence: number, count: number): number {
  return (sequence + count) % SEQUENCE_MODULUS
}

/** How many records lie from the sequence `from` up to, not including, `to`. */
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
 * Where `recordsCount` records lie of which the first is `behind` records before the expected one.
 * Remembered batches follow one another up to the expected sequence, so all is counted back from there:
 *
 *     not known any more | batch | batch | batch |
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

/** The state after `header` was appended at `baseOffset`. */
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
  }
}
