/** The parts of a transaction that the ways of making one share. */
import type { NewRecord } from '../../../src/core/batch/record.ts'

export interface TopicPartitionOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** An offset of a group: that of the next record to read. */
export interface TransactionOffset extends TopicPartitionOffset {
  readonly metadata?: string
}

/** The member that commits; a group without members needs none. */
export interface TransactionMember {
  readonly memberId: string
  readonly memberEpoch: number
  readonly instanceId?: string
}

export interface GroupOffsets {
  readonly groupId: string
  readonly member: TransactionMember | undefined
  readonly offsets: readonly TransactionOffset[]
}

/** Offsets that a consumer commits with a transaction. */
export interface ConsumerOffsets extends GroupOffsets {
  /** Called when the transaction is committed. */
  readonly committed: () => void
  /** Called when it is not, or when its outcome is unknown: the consumer continues at the committed offsets. */
  readonly rewind: () => void
}

/** A consumer of a group, whose offsets can be committed with a transaction. */
export interface TransactionalConsumer {
  /** Returns what `commit()` would commit now. @internal */
  offsetsToCommit(): ConsumerOffsets
}

/** A partition whose next offset must be the given one. */
export interface ExpectedOffset {
  readonly topic: string
  readonly partition: number
  readonly nextOffset: number
}

/** A record of a transaction. */
export interface TransactionRecord {
  readonly topic: string
  readonly record: NewRecord
  readonly partition: number | undefined
  /** True if the application chose the timestamp. */
  readonly hasTimestamp: boolean
}

export interface TransactionEnd {
  readonly offsets: readonly GroupOffsets[]
  readonly expected: readonly ExpectedOffset[]
}

export interface TransactionResult {
  /** The id under which a repeat is recognized, or the transactional id. */
  readonly id: string
  /** False: it is committed, but some partitions and groups show it a little later. */
  readonly isVisible: boolean
  /** Offset of the first record in each partition. */
  readonly offsets: readonly TopicPartitionOffset[]
}

/** A way of making one transaction: in one call, or in several. */
export interface TransactionSink {
  /** Resolves when there is room for more. @throws {EdgelogError} for a record that is refused. */
  add(record: TransactionRecord): Promise<void>
  /** @throws {EdgelogError} if it is not committed, or if the outcome is unknown. */
  commit(end: TransactionEnd): Promise<TransactionResult>
  /** Ends a transaction that is not to be committed. Never throws. */
  abort(): Promise<void>
}
