/** The interface of a processor: an operator that the author of a topology writes. */
import type { RecordHeader } from '../batch/record.ts'
import type { PunctuationType } from './operator.ts'
import type { Serde } from './serde.ts'
import type { KeyValueStore } from './stores/key-value-store.ts'
import type { SessionStore } from './stores/session-store.ts'
import type { KeyValueSpec, SessionSpec, StoreSpec, WindowSpec } from './stores/store-spec.ts'
import type { WindowStore } from './stores/window-store.ts'
import type { RecordPosition, StreamRecord } from './stream-record.ts'

/** The spec of a store with the types of its keys and values. */
export type StoreOption<K, V> = (KeyValueSpec | WindowSpec | SessionSpec) & {
  readonly key: Serde<K>
  readonly value: Serde<V>
}

/** The store of a spec. */
export type OpenStore<Spec extends StoreSpec> =
  Spec extends StoreOption<infer K, infer V>
    ? Spec extends KeyValueSpec
      ? KeyValueStore<K, V>
      : Spec extends WindowSpec
        ? WindowStore<K, V>
        : SessionStore<K, V>
    : never

/** A record that a processor forwards. */
export interface ForwardedRecord<K, V> {
  readonly key: K
  readonly value: V
  /** Default: that of the record that is processed, or stream time in a punctuation. */
  readonly timestamp?: number
  readonly headers?: readonly RecordHeader[]
}

/** The task, as a processor sees it. */
export interface ProcessorContext<K, V> {
  /** Processes a record in the nodes behind this one, before it returns. */
  forward(record: ForwardedRecord<K, V>): void
  /** Returns a store that the options of the processor name. Only what is in a store survives a restart. */
  store<Spec extends StoreSpec>(spec: Spec): OpenStore<Spec>
  /**
   * Calls a function when a time is reached: stream time at 0, `intervalMs`, and so on; the clock an interval after the
   * start. Times that were missed count as one. Only a processor that is being made may call it.
   *
   * @returns a function that cancels it until the next restart.
   */
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
}

export interface Processor<K, V> {
  process(record: StreamRecord<K, V>): void
}

/** Makes the processor of a task. A task makes it again after a restart, so its state belongs into stores. */
export type ProcessorSupplier<K, V, K2, V2> = (context: ProcessorContext<K2, V2>) => Processor<K, V>
