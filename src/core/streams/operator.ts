/**
 * The interface between operators and the task that runs them. An operator is one node at work: it processes a record
 * at a time, depth first: what it forwards is processed before `forward` returns.
 */
import type { ValueAndTimestamp } from './stores/key-value-store.ts'
import type { StoreOf, StoreSpec } from './stores/store-spec.ts'
import type { RecordPosition, StreamRecord } from './stream-record.ts'

export interface Operator {
  /** @param input Index of the input of the node that forwarded the record. */
  process(record: StreamRecord, input: number): void
  /** Returns the current row of a key; only nodes that are tables have it. */
  lookUp?(key: unknown): ValueAndTimestamp | undefined
  /** Forwards updates that were held back to be coalesced; called at the end of a turn. */
  flush?(): void
  /** Forgets what was held back, because the turn is undone. */
  clear?(): void
}

/** A number that belongs to the state of a node, such as the stream time that it has seen. */
export interface Cell {
  value: number
}

/** Why a record is not processed further. */
export type DropReason = 'null key' | 'null value' | 'late' | 'expired'

/** A record that leaves the task. */
export interface OutputRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp: number
  readonly headers: StreamRecord['headers']
  /** Chooses the partition; otherwise the key does. */
  readonly choosePartition?: (partitions: number) => number
}

export type PunctuationType = 'stream-time' | 'wall-clock'

/** The task, as the operator of one node sees it. */
export interface OperatorContext {
  /** Processes a record in the nodes behind this one: in all of them, or in the one with an index. */
  forward(record: StreamRecord, child?: number): void
  /** Returns the operator that is an input of this node. */
  input(index: number): Operator
  store<Spec extends StoreSpec>(spec: Spec): StoreOf<Spec>
  /** Returns a number that is stored with the turn. Names are unique within a node. */
  cell(name: string, initial: number): Cell
  /** Counts a record that is dropped. */
  drop(reason: DropReason): void
  /** Sends a record to a topic or to another sub-topology. */
  output(record: OutputRecord): void
  /** Calls `punctuate` when a time of the schedule is reached, after the record that reaches it. */
  schedule(
    intervalMs: number,
    type: PunctuationType,
    punctuate: (timeMs: number) => void,
  ): () => void
  /** The position of the input record; undefined in a punctuation. */
  readonly position: RecordPosition | undefined
  readonly partition: number
  /** The highest timestamp of the records of the task; -1 before the first. */
  readonly streamTimeMs: number
  /** The time of the turn by the clock. */
  readonly nowMs: number
  /** True if tables forward one update for each key and turn. */
  readonly coalesces: boolean
}

/** Makes the operator of a node. */
export type OperatorFactory<Node> = (node: Node, context: OperatorContext) => Operator
