/**
 * The language of topologies: streams, tables and what is made of them. The names and the results are those of Kafka
 * Streams; `docs/STREAMS.md` has an example of each operator.
 */
import type { ProcessorSupplier } from '../processor.ts'
import type { Windowed } from '../stream-record.ts'
import type { JoinWindows, SessionWindows, SlidingWindows, TimeWindows } from '../windows.ts'
import type {
  ByKeyOptions,
  ForeignKeyOptions,
  ProcessOptions,
  RepartitionOptions,
  StreamJoinOptions,
  StreamSerdes,
  TableOptions,
  TableSerdes,
  ToOptions,
  ToStreamOptions,
  WindowedTableOptions,
} from './dsl-options.ts'
import type { GraphNode, NameOption, SerdeOptions } from './graph.ts'
import type { SuppressUntil } from './windows.ts'

/** A stream of records, each of which is a fact. */
export interface KStream<K, V> {
  /** @internal */
  readonly node: GraphNode
  /** @internal */
  readonly serdes: StreamSerdes<K, V>

  /** Keeps the records for which the predicate holds. */
  filter(predicate: (key: K, value: V) => boolean, options?: NameOption): KStream<K, V>

  /** Keeps the records for which the predicate does not hold. */
  filterNot(predicate: (key: K, value: V) => boolean, options?: NameOption): KStream<K, V>

  /** Makes a record with another key and value of each. */
  map<K2, V2>(
    mapper: (key: K, value: V) => readonly [key: K2, value: V2],
    options?: NameOption,
  ): KStream<K2, V2>

  /** Makes a record with the same key and another value of each. */
  mapValues<V2>(mapper: (value: V, key: K) => V2, options?: NameOption): KStream<K, V2>

  /** Makes any number of records of each. */
  flatMap<K2, V2>(
    mapper: (key: K, value: V) => Iterable<readonly [key: K2, value: V2]>,
    options?: NameOption,
  ): KStream<K2, V2>

  /** Makes any number of records with the same key of each. */
  flatMapValues<V2>(
    mapper: (value: V, key: K) => Iterable<V2>,
    options?: NameOption,
  ): KStream<K, V2>

  /** Gives each record another key. */
  selectKey<K2>(selector: (key: K, value: V) => K2, options?: NameOption): KStream<K2, V>

  /** Calls a function for each record, and leaves the stream as it is. After a failure it may be called again. */
  peek(action: (key: K, value: V) => void, options?: NameOption): KStream<K, V>

  /** Calls a function for each record. After a failure it may be called again. */
  foreach(action: (key: K, value: V) => void, options?: NameOption): void

  /**
   * Splits the stream: each record goes to the first branch whose predicate holds. The default branch, if it is given,
   * gets the others.
   *
   * @example
   * const { large, rest } = orders.split({ large: (_, order) => order.total > 100 }, { defaultBranch: 'rest' })
   */
  split<Names extends string, Default extends string = never>(
    branches: Record<Names, (key: K, value: V) => boolean>,
    options?: NameOption & { readonly defaultBranch?: Default },
  ): Record<Names | Default, KStream<K, V>>

  /** Returns the records of both streams, in no order between them. */
  merge(other: KStream<K, V>, options?: NameOption): KStream<K, V>

  /** Writes the stream to an internal topic by its keys, and reads it again. */
  repartition(options?: RepartitionOptions<K, V>): KStream<K, V>

  /** Groups the records by their key. */
  groupByKey(options?: SerdeOptions<K, V> & NameOption): KGroupedStream<K, V>

  /** Groups the records by a new key. */
  groupBy<K2>(
    selector: (key: K, value: V) => K2,
    options?: SerdeOptions<K2, V> & NameOption,
  ): KGroupedStream<K2, V>

  /** Returns the table of the latest value of each key. */
  toTable(options?: TableOptions<K, V>): KTable<K, V>

  /**
   * Joins each record with the row of the table that has its key when the record comes. Records without a row are
   * dropped. Updates of the table emit nothing; the result has the timestamp of the record.
   */
  join<V2, R>(
    table: KTable<K, V2>,
    joiner: (value: V, row: V2, key: K) => R,
    options?: SerdeOptions<K, V> & NameOption,
  ): KStream<K, R>
  /**
   * Joins records of both streams that have the same key and are in one window. The result has the later timestamp.
   * Records without a key or a value are dropped.
   */
  join<V2, R>(
    other: KStream<K, V2>,
    joiner: (value: V, other: V2, key: K) => R,
    windows: JoinWindows,
    options?: StreamJoinOptions<K, V, V2>,
  ): KStream<K, R>

  /** Joins like `join`, but a record without a row is joined with null. */
  leftJoin<V2, R>(
    table: KTable<K, V2>,
    joiner: (value: V, row: V2 | null, key: K) => R,
    options?: SerdeOptions<K, V> & NameOption,
  ): KStream<K, R>
  /**
   * Joins like `join`, and joins a record of this stream that has no partner with null, when a later record shows that
   * none can come: stream time is then behind the window and the grace.
   */
  leftJoin<V2, R>(
    other: KStream<K, V2>,
    joiner: (value: V, other: V2 | null, key: K) => R,
    windows: JoinWindows,
    options?: StreamJoinOptions<K, V, V2>,
  ): KStream<K, R>

  /** Joins like `leftJoin`, for records of both streams. */
  outerJoin<V2, R>(
    other: KStream<K, V2>,
    joiner: (value: V | null, other: V2 | null, key: K) => R,
    windows: JoinWindows,
    options?: StreamJoinOptions<K, V, V2>,
  ): KStream<K, R>

  /** Processes the records by code of your own, with stores and punctuations. It may forward records with new keys. */
  process<K2, V2>(
    supplier: ProcessorSupplier<K, V, K2, V2>,
    options?: ProcessOptions,
  ): KStream<K2, V2>

  /** Processes like `process`; each record that it forwards has the key of the record that it is made of. */
  processValues<V2>(
    supplier: ProcessorSupplier<K, V, K, V2>,
    options?: ProcessOptions,
  ): KStream<K, V2>

  /** Writes the records to a topic. */
  to(topic: string, options?: ToOptions<K, V>): void

  /**
   * Returns this stream, or the internal topic in which its records are in the partitions of their keys.
   *
   * @internal
   */
  byKey(options: ByKeyOptions<K, V>): KStream<K, V>
}

/** A table: the latest value of each key, and its updates. */
export interface KTable<K, V> {
  /** @internal */
  readonly node: GraphNode
  /** @internal */
  readonly serdes: TableSerdes<K, V>

  /** Keeps the rows for which the predicate holds. It gets a store, and can be queried, if it has a name. */
  filter(predicate: (key: K, value: V) => boolean, options?: TableOptions<K, V>): KTable<K, V>

  /** Keeps the rows for which the predicate does not hold. */
  filterNot(predicate: (key: K, value: V) => boolean, options?: TableOptions<K, V>): KTable<K, V>

  /** Gives each row another value. The table gets a store, and can be queried, if it has a name. */
  mapValues<V2>(mapper: (value: V, key: K) => V2, options?: TableOptions<K, V2>): KTable<K, V2>

  /** Returns the updates of the table as a stream: the new value of a row, null for one that is deleted. */
  toStream<K2 = K>(options?: ToStreamOptions<K, V, K2>): KStream<K2, V>

  /** Groups the rows by a new key. Rows whose new key or value is null are left out. */
  groupBy<K2, V2>(
    selector: (key: K, value: V) => readonly [key: K2, value: V2],
    options?: SerdeOptions<K2, V2> & NameOption,
  ): KGroupedTable<K2, V2>

  /** Joins the rows of both tables that have the same key. The result has the later timestamp of both. */
  join<V2, R>(
    other: KTable<K, V2>,
    joiner: (value: V, other: V2, key: K) => R,
    options?: TableOptions<K, R>,
  ): KTable<K, R>
  /**
   * Joins each row with the row of the other table that it refers to. The tables may have different numbers of
   * partitions. It has a store, and can be queried.
   */
  join<K2, V2, R>(
    other: KTable<K2, V2>,
    joiner: (value: V, other: V2, key: K) => R,
    options: ForeignKeyOptions<K, V, R, K2>,
  ): KTable<K, R>

  /** Joins like `join`, and joins a row of this table without a partner with null. */
  leftJoin<V2, R>(
    other: KTable<K, V2>,
    joiner: (value: V, other: V2 | null, key: K) => R,
    options?: TableOptions<K, R>,
  ): KTable<K, R>
  /** Joins like `join` by foreign key, and joins a row that refers to no row with null. */
  leftJoin<K2, V2, R>(
    other: KTable<K2, V2>,
    joiner: (value: V, other: V2 | null, key: K) => R,
    options: ForeignKeyOptions<K, V, R, K2>,
  ): KTable<K, R>

  /** Joins like `join`, and joins a row of either table without a partner with null. */
  outerJoin<V2, R>(
    other: KTable<K, V2>,
    joiner: (value: V | null, other: V2 | null, key: K) => R,
    options?: TableOptions<K, R>,
  ): KTable<K, R>

  /**
   * Holds updates back and forwards the last one of each key, without headers. Time is stream time: nothing comes until
   * a later record of the same partition does.
   */
  suppress(until: SuppressUntil, options?: NameOption): KTable<K, V>
}

/** A stream whose records are grouped by key, to be aggregated. */
export interface KGroupedStream<K, V> {
  /** Counts the records of each key. Records without a key or a value are not counted. */
  count(options?: NameOption): KTable<K, number>

  /** Combines the values of each key into one of the same type. */
  reduce(reducer: (aggregate: V, value: V) => V, options?: TableOptions<K, V>): KTable<K, V>

  /**
   * Combines the values of each key into an aggregate of another type. The aggregator returns a new aggregate, and does
   * not change the one that it gets.
   */
  aggregate<A>(
    initializer: () => A,
    aggregator: (key: K, value: V, aggregate: A) => A,
    options?: TableOptions<K, A>,
  ): KTable<K, A>

  /**
   * Groups by key and window. Late records, whose window is closed, are dropped and counted. Records with a null value
   * are aggregated, as in Kafka Streams.
   */
  windowedBy(windows: TimeWindows | SlidingWindows): WindowedKStream<K, V>
  /** Groups by key and session. A record that joins sessions deletes their rows before it sets that of the whole. */
  windowedBy(windows: SessionWindows): SessionWindowedKStream<K, V>

  /** Begins an aggregation of several grouped streams; `aggregator` adds the records of this one. */
  cogroup<A>(aggregator: (key: K, value: V, aggregate: A) => A): CogroupedKStream<K, A>

  /** @internal */
  readonly grouped: GroupedInput
}

/** A stream that is grouped by key and window. */
export interface WindowedKStream<K, V> {
  /** Counts the records of each key and window. */
  count(options?: Omit<WindowedTableOptions<K, number>, 'value'>): KTable<Windowed<K>, number>

  /** Combines the values of each key and window into one of the same type. */
  reduce(
    reducer: (aggregate: V, value: V) => V,
    options?: WindowedTableOptions<K, V>,
  ): KTable<Windowed<K>, V>

  /** Combines the values of each key and window into an aggregate of another type. */
  aggregate<A>(
    initializer: () => A,
    aggregator: (key: K, value: V, aggregate: A) => A,
    options?: WindowedTableOptions<K, A>,
  ): KTable<Windowed<K>, A>
}

/** A stream that is grouped by key and session. */
export interface SessionWindowedKStream<K, V>
  extends Pick<WindowedKStream<K, V>, 'count' | 'reduce'> {
  /** Combines the values of each key and session; the merger combines the aggregates of two sessions. */
  aggregate<A>(
    initializer: () => A,
    aggregator: (key: K, value: V, aggregate: A) => A,
    merger: (key: K, one: A, other: A) => A,
    options?: WindowedTableOptions<K, A>,
  ): KTable<Windowed<K>, A>
}

/** Several grouped streams with one aggregate for each key. */
export interface CogroupedKStream<K, A> {
  /** Adds a stream. */
  cogroup<V>(
    stream: KGroupedStream<K, V>,
    aggregator: (key: K, value: V, aggregate: A) => A,
  ): CogroupedKStream<K, A>

  /** Combines the values of all streams. */
  aggregate(initializer: () => A, options?: TableOptions<K, A>): KTable<K, A>

  /** Combines the values of all streams by key and window. */
  windowedBy(windows: TimeWindows | SlidingWindows): WindowedCogroupedKStream<K, A>
  /** Combines the values of all streams by key and session. */
  windowedBy(windows: SessionWindows): SessionWindowedCogroupedKStream<K, A>
}

export interface WindowedCogroupedKStream<K, A> {
  /** Combines the values of all streams by key and window. */
  aggregate(initializer: () => A, options?: WindowedTableOptions<K, A>): KTable<Windowed<K>, A>
}

export interface SessionWindowedCogroupedKStream<K, A> {
  /** Combines the values of all streams by key and session. */
  aggregate(
    initializer: () => A,
    merger: (key: K, one: A, other: A) => A,
    options?: WindowedTableOptions<K, A>,
  ): KTable<Windowed<K>, A>
}

/** A table whose rows are grouped by a new key, to be aggregated. */
export interface KGroupedTable<K, V> {
  /** Counts the rows of each key. A count falls to 0 and is not deleted. */
  count(options?: NameOption): KTable<K, number>

  /** Combines the rows of each key; the subtractor takes out a row that changes or goes. */
  reduce(
    adder: (aggregate: V, value: V) => V,
    subtractor: (aggregate: V, value: V) => V,
    options?: TableOptions<K, V>,
  ): KTable<K, V>

  /** Combines the rows of each key into an aggregate of another type. */
  aggregate<A>(
    initializer: () => A,
    adder: (key: K, value: V, aggregate: A) => A,
    subtractor: (key: K, value: V, aggregate: A) => A,
    options?: TableOptions<K, A>,
  ): KTable<K, A>
}

/** A grouped stream, and the name of its internal topic if it needs one. */
export interface GroupedInput {
  // biome-ignore lint/suspicious/noExplicitAny: grouped streams have values of many types
  readonly stream: KStream<any, any>
  readonly topicName: string | undefined
}

/** Makes the streams and tables of a topology. The classes make one another by it. */
export interface Makers {
  stream<K, V>(node: GraphNode, serdes: StreamSerdes<K, V>): KStream<K, V>
  table<K, V>(node: GraphNode, serdes: TableSerdes<K, V>): KTable<K, V>
  groupedStream<K, V>(stream: KStream<K, V>, name: string | undefined): KGroupedStream<K, V>
}
