/** The options of the operators, and the serdes that pass from one to the next. */
import type { ProcessorSupplier } from '../processor.ts'
import type { Serde } from '../serde.ts'
import type { StoreSpec } from '../stores/store-spec.ts'
import type { Windows } from '../windows.ts'
import type { NameOption, SerdeOptions } from './graph.ts'

/** The serdes of a stream or a table; undefined: its records got other keys or values, whose serde was not given. */
export interface Serdes<K, V> {
  readonly key: Serde<K> | undefined
  readonly value: Serde<V> | undefined
}

export interface StreamSerdes<K, V> extends Serdes<K, V> {
  /** True if records got other keys, so that they may be in the wrong partition for their key. */
  readonly hasNewKey: boolean
}

export interface TableSerdes<K, V> extends Serdes<K, V> {
  /** The windows of the keys, if they have some. */
  readonly windows?: Windows
}

/** `name` names the store too: queries name it. */
export interface TableOptions<K, V> extends SerdeOptions<K, V>, NameOption {}

/** `key` is the serde of the key without its window. */
export interface WindowedTableOptions<K, V> extends TableOptions<K, V>, EmitOption {
  /**
   * How long behind the start of a window, or the end of a session, stream time may be until its row is deleted. By
   * default it is deleted when it can no longer change: after the size of the window and the grace.
   */
  readonly retentionMs?: number
}

export interface EmitOption {
  /**
   * `onWindowUpdate`, the default, forwards each update. `onWindowClose` forwards one row for each window, as
   * `suppress(untilWindowCloses())` does: when a later record closes it.
   */
  readonly emit?: 'onWindowUpdate' | 'onWindowClose'
}

export interface ToOptions<K, V> extends SerdeOptions<K, V>, NameOption {
  /** Chooses the partition; default: by the hash of the key, as Kafka's producers do. */
  readonly partitioner?: (key: K, value: V, partitions: number) => number
}

export interface ToStreamOptions<K, V, K2> extends NameOption {
  /** Chooses the keys of the stream; default: the keys of the rows. */
  readonly selectKey?: (key: K, value: V | null) => K2
}

export interface RepartitionOptions<K, V> extends SerdeOptions<K, V>, NameOption {
  /** Partitions of the internal topic; default: as many as the topics it is joined with, or is made of. */
  readonly partitions?: number
}

export interface ByKeyOptions<K, V> extends SerdeOptions<K, V> {
  /** Name of the internal topic, if one is needed. */
  readonly name: string
  /** True, the default, drops records without a key. */
  readonly needsKey?: boolean
}

/** The serdes are needed where records are stored, or written to an internal topic. */
export interface StreamJoinOptions<K, V, V2> extends SerdeOptions<K, V>, NameOption {
  /** The serde of the values of the other stream. */
  readonly otherValue?: Serde<V2>
}

export interface ForeignKeyOptions<K, V, R, K2> extends TableOptions<K, R> {
  /** Returns the key of the row in the other table; null: the row has none. */
  readonly foreignKey: (value: V, key: K) => K2 | null | undefined
}

export interface ProcessOptions extends NameOption {
  readonly stores?: readonly StoreSpec[]
}

export type { ProcessorSupplier }
