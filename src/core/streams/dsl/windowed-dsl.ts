/** Adds the aggregations by key and window to the graph. */
import type { Aggregator } from '../operators/aggregate.ts'
import { int64 } from '../serde.ts'
import type { Windowed } from '../stream-record.ts'
import type { SessionWindows, SlidingWindows, TimeWindows } from '../windows.ts'
import {
  addWindowedAggregation,
  countOne,
  fromFirst,
  fromInitial,
  type SessionFunctions,
} from './aggregation.ts'
import type {
  GroupedInput,
  KTable,
  Makers,
  SessionWindowedKStream,
  WindowedKStream,
} from './dsl.ts'
import type { WindowedTableOptions } from './dsl-options.ts'
import type { Graph } from './graph.ts'

export class WindowedDsl<K, V> implements WindowedKStream<K, V> {
  readonly #graph: Graph
  readonly #makers: Makers
  readonly #input: GroupedInput
  readonly #windows: TimeWindows | SlidingWindows

  constructor(
    graph: Graph,
    makers: Makers,
    input: GroupedInput,
    windows: TimeWindows | SlidingWindows,
  ) {
    this.#graph = graph
    this.#makers = makers
    this.#input = input
    this.#windows = windows
  }

  count(options: CountOptions<K> = {}): KTable<Windowed<K>, number> {
    return this.#add('count', countOne, { ...options, value: int64 })
  }

  reduce(
    reducer: (aggregate: V, value: V) => V,
    options: WindowedTableOptions<K, V> = {},
  ): KTable<Windowed<K>, V> {
    return this.#add('reduce', fromFirst(reducer), withValueSerde(options, this.#input))
  }

  aggregate<A>(
    initializer: () => A,
    aggregator: (key: K, value: V, aggregate: A) => A,
    options: WindowedTableOptions<K, A> = {},
  ): KTable<Windowed<K>, A> {
    return this.#add('aggregate', fromInitial(initializer, aggregator), options)
  }

  #add<A>(
    operation: string,
    aggregator: Aggregator,
    options: WindowedTableOptions<K, A>,
  ): KTable<Windowed<K>, A> {
    const inputs = { inputs: [this.#input], aggregators: [aggregator] }
    const aggregation = { operation, ...inputs, windows: this.#windows }
    return addWindowedAggregation(this.#graph, this.#makers, aggregation, options)
  }
}

export class SessionWindowedDsl<K, V> implements SessionWindowedKStream<K, V> {
  readonly #graph: Graph
  readonly #makers: Makers
  readonly #input: GroupedInput
  readonly #windows: SessionWindows

  constructor(graph: Graph, makers: Makers, input: GroupedInput, windows: SessionWindows) {
    this.#graph = graph
    this.#makers = makers
    this.#input = input
    this.#windows = windows
  }

  count(options: CountOptions<K> = {}): KTable<Windowed<K>, number> {
    const merger = (_key: K, one: number | null, other: number) => (one ?? 0) + other
    return this.#add('count', countOne, { merger }, { ...options, value: int64 })
  }

  reduce(
    reducer: (aggregate: V, value: V) => V,
    options: WindowedTableOptions<K, V> = {},
  ): KTable<Windowed<K>, V> {
    const merger = (_key: K, one: V | null, other: V) =>
      one === null ? other : reducer(one, other)
    const all = withValueSerde(options, this.#input)
    return this.#add('reduce', fromFirst(reducer), { merger }, all)
  }

  aggregate<A>(
    initializer: () => A,
    aggregator: (key: K, value: V, aggregate: A) => A,
    merger: (key: K, one: A, other: A) => A,
    options: WindowedTableOptions<K, A> = {},
  ): KTable<Windowed<K>, A> {
    const add = fromInitial(initializer, aggregator)
    return this.#add('aggregate', add, { initializer, merger }, options)
  }

  #add<A>(
    operation: string,
    aggregator: Aggregator,
    session: SessionFunctions,
    options: WindowedTableOptions<K, A>,
  ): KTable<Windowed<K>, A> {
    const inputs = { inputs: [this.#input], aggregators: [aggregator] }
    const aggregation = { operation, ...inputs, windows: this.#windows, session }
    return addWindowedAggregation(this.#graph, this.#makers, aggregation, options)
  }
}

type CountOptions<K> = Omit<WindowedTableOptions<K, number>, 'value'>

function withValueSerde<K, V>(
  options: WindowedTableOptions<K, V>,
  { stream }: GroupedInput,
): WindowedTableOptions<K, V> {
  const value = options.value ?? stream.serdes.value
  return value === undefined ? options : { ...options, value }
}
