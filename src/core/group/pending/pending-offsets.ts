/**
 * Decides about the offsets that transactions commit in a group. They are pending until the transaction ends:
 *
 *   none ──first offsets of a transaction──> open ──commit: the offsets count──> ended
 *                                             └─────abort: they are dropped──────┘
 *
 * `number` distinguishes the transactions of a producer: a late message of one that has ended is refused, also if the
 * producer uses one epoch for all of them. Of several commits of a partition the one that arrived last counts,
 * whichever transaction ends first.
 */
import { EdgelogError } from '../../errors.ts'
import { ONE_SHOT_QUESTION_MS, OPEN_TRANSACTION_QUESTION_MS } from '../../limits.ts'
import type {
  EndTransactionRequest,
  ProducerIdAndEpoch,
  TransactionTag,
} from '../../transaction/participant-api.ts'
import type { CommittedOffset, OffsetToCommit } from '../group-api.ts'

export interface PendingOffset extends OffsetToCommit {
  /** Grows with each commit of the group's transactions. */
  readonly arrival: number
}

export interface OpenOffsets {
  readonly transaction: TransactionTag
  readonly startedAtMs: number
  /** Each partition once. */
  readonly offsets: readonly PendingOffset[]
}

/** The state of one producer in a group. */
export interface ProducerOffsets extends ProducerIdAndEpoch {
  /** Number of the last transaction that ended here; 0: none. */
  readonly endedNumber: number
  readonly open: OpenOffsets | null
}

export interface TransactionalOffsets {
  readonly transaction: TransactionTag & ProducerIdAndEpoch
  readonly offsets: readonly OffsetToCommit[]
}

export interface EndedOffsets {
  readonly producer: ProducerOffsets
  /** The offsets that count from now on. */
  readonly committed: readonly PendingOffset[]
}

export function partitionKey({
  topicId,
  partition,
}: Pick<OffsetToCommit, 'topicId' | 'partition'>): string {
  return `${topicId}/${partition}`
}

/**
 * Returns the producer with these offsets pending.
 *
 * @param known undefined for a producer without state in this group.
 * @throws {EdgelogError} `invalid_producer_epoch`, and `invalid_txn_state` for a transaction that has ended, is
 * not the open one, or whose deadline has passed.
 */
export function addPending(
  known: ProducerOffsets | undefined,
  { transaction, offsets }: TransactionalOffsets,
  arrival: number,
  nowMs: number,
): ProducerOffsets {
  const { producerId, producerEpoch, ...tag } = transaction
  const { endedNumber = 0, open = null } = known ?? {}
  if (known !== undefined && producerEpoch < known.producerEpoch) {
    const why = `producerEpoch: must be at least ${known.producerEpoch}, got ${producerEpoch}`
    throw new EdgelogError('invalid_producer_epoch', why)
  }
  if (tag.deadlineMs !== undefined && nowMs > tag.deadlineMs) {
    const why = `the deadline of transaction ${tag.transactionalId} has passed`
    throw new EdgelogError('invalid_txn_state', why)
  }
  if (tag.number <= endedNumber || (open !== null && tag.number !== open.transaction.number)) {
    const why = `transaction ${tag.number} of ${tag.transactionalId} is not open in this group`
    throw new EdgelogError('invalid_txn_state', why)
  }
  const pending = new Map(open?.offsets.map((one) => [partitionKey(one), one]))
  for (const offset of offsets) pending.set(partitionKey(offset), { ...offset, arrival })
  const startedAtMs = open?.startedAtMs ?? nowMs
  return {
    ...{ producerId, producerEpoch, endedNumber },
    open: { transaction: tag, startedAtMs, offsets: [...pending.values()] },
  }
}

/**
 * Ends a transaction. Also records the end of one without offsets here, so that its late messages are refused.
 *
 * @returns null if it has ended already.
 * @throws {EdgelogError} `transaction_coordinator_fenced` for an earlier transaction than the last one.
 */
export function endPending(
  known: ProducerOffsets | undefined,
  { producerId, producerEpoch, number, outcome }: EndTransactionRequest,
): EndedOffsets | null {
  const { endedNumber = 0, open = null, producerEpoch: knownEpoch = producerEpoch } = known ?? {}
  if (number === endedNumber) return null
  const openNumber = open?.transaction.number ?? number
  if (number < endedNumber || number < openNumber) {
    const why = `number: must be at least ${Math.max(endedNumber, openNumber)}, got ${number}`
    throw new EdgelogError('transaction_coordinator_fenced', why)
  }
  const isOpen = open !== null && openNumber === number
  return {
    producer: {
      ...{ producerId, producerEpoch: Math.max(knownEpoch, producerEpoch) },
      ...{ endedNumber: number, open: null },
    },
    committed: isOpen && outcome === 'commit' ? open.offsets : [],
  }
}

/**
 * Returns when the group asks the coordinator about a transaction that is still open: later than any may be open.
 */
export function questionDueAtMs({ startedAtMs, transaction: { deadlineMs } }: OpenOffsets): number {
  return deadlineMs === undefined
    ? startedAtMs + OPEN_TRANSACTION_QUESTION_MS
    : deadlineMs + ONE_SHOT_QUESTION_MS
}

/** Returns the producer without some of its pending offsets; undefined if it has none of them. */
export function withoutPending(
  producer: ProducerOffsets,
  isDropped: (offset: PendingOffset) => boolean,
): ProducerOffsets | undefined {
  const { open } = producer
  if (open === null) return undefined
  const offsets = open.offsets.filter((offset) => !isDropped(offset))
  if (offsets.length === open.offsets.length) return undefined
  return { ...producer, open: { ...open, offsets } }
}

/**
 * Returns committed offsets with those marked that an open transaction may change, also partitions that have only a
 * pending offset.
 */
export function markUnstable(
  committed: readonly CommittedOffset[],
  pending: Iterable<PendingOffset>,
): CommittedOffset[] {
  const offsets = new Map(committed.map((one) => [partitionKey(one), one]))
  for (const { topicId, topic, partition } of pending) {
    offsets.set(partitionKey({ topicId, partition }), {
      ...{ topicId, topic, partition, offset: -1, leaderEpoch: -1, metadata: '' },
      ...{ committedAtMs: -1, isUnstable: true },
    })
  }
  return [...offsets.values()]
}
