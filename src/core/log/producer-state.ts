/**
 * What a partition remembers of an idempotent producer, and what follows for its next batch
 * (Kafka's rules: the last five batches answer a retry, a gap is refused, an older epoch is fenced).
 */
import type { BatchHeader } from '../batch/record-batch.ts'
import { PRODUCER_BATCHES_REMEMBERED } from '../limits.ts'

const SEQUENCE_MODULUS = 2 ** 31

export interface RememberedBatch {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly baseOffset: number
  /** The time the log gave the records; null where they keep their producer's. */
  readonly logAppendTime: number | null
}

export interface ProducerState {
  readonly epoch: number
  /** Oldest first, at most `PRODUCER_BATCHES_REMEMBERED`, never empty. */
  readonly batches: readonly RememberedBatch[]
}

export type SequenceDecision =
  | { readonly kind: 'append' }
  | { readonly kind: 'duplicate'; readonly first: RememberedBatch }
  /** The batch before this one has not arrived. */
  | { readonly kind: 'gap'; readonly expectedSequence: number }
  /** Nothing is known of this producer, and this is not its first batch. */
  | { readonly kind: 'unknown_producer' }
  | { readonly kind: 'fenced'; readonly currentEpoch: number }

/** The sequence `count` after `sequence`; 0 follows 2147483647. */
export function addToSequence(sequence: number, count: number): number {
  return (sequence + count) % SEQUENCE_MODULUS
}

function lastSequenceOf(header: BatchHeader): number {
  return addToSequence(header.baseSequence, header.lastOffsetDelta)
}

/**
 * Decides on one batch of an idempotent producer.
 *
 * @param mayBeginAnywhere Kafka's rule for a producer that is not known (any more). Where requests may
 * overtake one another it must not hold: the second batch, coming first, would shut out the first.
 */
export function decideSequence(
  state: ProducerState | undefined,
  header: BatchHeader,
  mayBeginAnywhere: boolean,
): SequenceDecision {
  if (state === undefined) {
    const isBeginning = mayBeginAnywhere || header.baseSequence === 0
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
  const expectedSequence = addToSequence(state.batches.at(-1)?.lastSequence ?? -1, 1)
  return header.baseSequence === expectedSequence
    ? { kind: 'append' }
    : { kind: 'gap', expectedSequence }
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
  const earlier = state !== undefined && state.epoch === header.producerEpoch ? state.batches : []
  return {
    epoch: header.producerEpoch,
    batches: [...earlier.slice(-(PRODUCER_BATCHES_REMEMBERED - 1)), batch],
  }
}
