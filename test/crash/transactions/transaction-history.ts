/**
 * The history of a crash run with transactions: what each transaction sent and got as answers, what readers received
 * meanwhile, and the logs and offsets at the end. Times are those of `performance.now()` in the one process that runs
 * all clients, so they can be compared.
 */

export interface Place {
  readonly topic: string
  readonly partition: number
}

export interface SentRecord extends Place {
  /** Unique in the whole run. */
  readonly value: string
  /** Undefined if the send was not acknowledged, or is part of a transaction that was made in one call. */
  offset?: number
}

export interface SentOffset extends Place {
  readonly group: string
  readonly offset: number
}

/**
 * `committed` and `aborted`: by a response, or no commit was ever sent, or each was refused. `unknown`: a commit
 * was sent, and no response decides.
 */
export type KnownOutcome = 'committed' | 'aborted' | 'unknown'

export interface TransactionEvent {
  readonly name: string
  readonly transactionalId: string
  /** Counts the producers that took over the transactional id; 0 for a transaction that is made in one call. */
  readonly instance: number
  readonly records: SentRecord[]
  readonly offsets: SentOffset[]
  /** Values that a committed read returned within the transaction, before its end was requested. */
  readonly reads: string[]
  outcome: KnownOutcome
  /** Time of the first request to commit; infinity if there was none. */
  commitInvokedAt: number
  /** Each response to the commit that was not `unknown`: all must be equal. */
  readonly answers: string[]
}

/** A new producer of a transactional id had its response. */
export interface InitEvent {
  readonly transactionalId: string
  readonly instance: number
  readonly answeredAt: number
}

/** A call whose response is prescribed, for example a commit by a producer that was fenced. */
export interface Probe {
  readonly promise: string
  readonly what: string
  readonly isKept: boolean
}

export interface SeenRecord {
  readonly offset: number
  readonly value: string
  readonly seenAt: number
}

/** All that one reader of one partition received, from offset 0 to `position`. */
export interface Reader extends Place {
  readonly kind: 'committed fetch' | 'committed tail' | 'uncommitted fetch'
  readonly seen: SeenRecord[]
  /** Last stable offsets, in the order of the responses. */
  readonly stableOffsets: number[]
  position: number
}

/** One partition at the end. */
export interface FinalPartition extends Place {
  readonly committed: ReadonlyArray<{ readonly offset: number; readonly value: string }>
  readonly uncommitted: ReadonlyArray<{ readonly offset: number; readonly value: string }>
  /** The records that a Kafka client takes from the stored batches and the list of aborted transactions. */
  readonly asKafka: ReadonlyArray<{ readonly offset: number; readonly value: string }>
  readonly lastStableOffset: number
  readonly highWatermark: number
}

/** Copies a partition into another one, with the offsets of its group in the same transactions. */
export interface CopyEvent {
  readonly group: string
  readonly from: Place
  readonly to: Place
  /** At the end; 0 if nothing was committed. */
  readonly committedOffset: number
}

export interface TransactionHistory {
  readonly transactions: TransactionEvent[]
  readonly inits: InitEvent[]
  readonly probes: Probe[]
  readonly readers: Reader[]
  readonly partitions: FinalPartition[]
  readonly copies: CopyEvent[]
  /** Calls that were not answered within the time to drain. */
  readonly stuck: string[]
}

export function placeKey({ topic, partition }: Place): string {
  return `${topic}/${partition}`
}
