/** Adds the aggregations of a grouped stream to the graph. */
import type { Aggregator } from '../operators/aggregate.ts'
import { int64 } from '../serde.ts'
import type { SessionWindows, SlidingWindows, TimeWindows } from '../windows.ts'
import { addAggregation, countOne, fromFirst, fromInitial } from './aggregation.ts'
import { CogroupedDsl } from './cogrouped-dsl.ts'
import type {
  CogroupedKStream,
  GroupedInput,
  KGroupedStream,
  KStream,
  KTable,
  Makers,
  SessionWindowedKStream,
  WindowedKStream,
} from './dsl.ts'
import type { TableOptions } from './dsl-options.ts'
import type { Graph, NameOption } from './graph.ts'
import { SessionWindowedDsl, WindowedDsl } from './windowed-dsl.ts'

export class GroupedStreamDsl<K, V> implements KGroupedStream<K, V> {
  readonly #graph: Graph
  readonly #makers: Makers
  readonly grouped: GroupedInput

  constructor(graph: Graph, makers: Makers, stream: KStream<K, V>, name: string | undefined) {
    this.#graph = graph
    this.#makers = makers
    this.grouped = { stream, topicName: name }
  }

  count(options: NameOption = {}): KTable<K, number> {
    return this.#aggregate('count', countOne, { ...options, value: int64 })
  }

  reduce(reducer: (aggregate: V, value: V) => V, options: TableOptions<K, V> = {}): KTable<K, V> {
    const value = options.value ?? this.grouped.stream.serdes.value
    const all = value === undefined ? options : { ...options, value }
    return this.#aggregate('reduce', fromFirst(reducer), all)
  }

  aggregate<A>(
    initializer: () => A,
    aggregator: (key: K, value: V, aggregate: A) => A,
    options: TableOptions<K, A> = {},
  ): KTable<K, A> {
    return this.#aggregate('aggregate', fromInitial(initializer, aggregator), options)
  }

  windowedBy(windows: TimeWindows | SlidingWindows): WindowedKStream<K, V>
  windowedBy(windows: SessionWindows): SessionWindowedKStream<K, V>
  windowedBy(
    windows: TimeWindows | SlidingWindows | SessionWindows,
  ): WindowedKStream<K, V> | SessionWindowedKStream<K, V> {
    return windows.kind === 'session'
      ? new SessionWindowedDsl(this.#graph, this.#makers, this.grouped, windows)
      : new WindowedDsl(this.#graph, this.#makers, this.grouped, windows)
  }

  cogroup<A>(aggregator: (key: K, value: V, aggregate: A) => A): CogroupedKStream<K, A> {
    return new CogroupedDsl<K, A>(this.#graph, this.#makers, []).cogroup(this, aggregator)
  }

  #aggregate<A>(
    operation: string,
    aggregator: Aggregator,
    options: TableOptions<K, A>,
  ): KTable<K, A> {
    const aggregation = { operation, inputs: [this.grouped], aggregators: [aggregator] }
    return addAggregation(this.#graph, this.#makers, aggregation, options)
  }
}
