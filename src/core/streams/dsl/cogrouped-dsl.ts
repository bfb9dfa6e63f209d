/** Adds the aggregation of several grouped streams to the graph. */
import type { Windowed } from '../stream-record.ts'
import type { SessionWindows, SlidingWindows, TimeWindows, Windows } from '../windows.ts'
import {
  addAggregation,
  addWindowedAggregation,
  fromInitial,
  type SessionFunctions,
} from './aggregation.ts'
import type {
  CogroupedKStream,
  GroupedInput,
  KGroupedStream,
  KTable,
  Makers,
  SessionWindowedCogroupedKStream,
  WindowedCogroupedKStream,
} from './dsl.ts'
import type { TableOptions, WindowedTableOptions } from './dsl-options.ts'
import type { Graph } from './graph.ts'

interface Part<K, A> {
  readonly input: GroupedInput
  readonly aggregator: (key: K, value: never, aggregate: A) => A
}

export class CogroupedDsl<K, A> implements CogroupedKStream<K, A> {
  readonly #graph: Graph
  readonly #makers: Makers
  readonly #parts: readonly Part<K, A>[]

  constructor(graph: Graph, makers: Makers, parts: readonly Part<K, A>[]) {
    this.#graph = graph
    this.#makers = makers
    this.#parts = parts
  }

  cogroup<V>(
    stream: KGroupedStream<K, V>,
    aggregator: (key: K, value: V, aggregate: A) => A,
  ): CogroupedKStream<K, A> {
    const part = { input: stream.grouped, aggregator }
    return new CogroupedDsl(this.#graph, this.#makers, [...this.#parts, part])
  }

  aggregate(initializer: () => A, options: TableOptions<K, A> = {}): KTable<K, A> {
    return addAggregation(this.#graph, this.#makers, this.#aggregation(initializer), options)
  }

  windowedBy(windows: TimeWindows | SlidingWindows): WindowedCogroupedKStream<K, A>
  windowedBy(windows: SessionWindows): SessionWindowedCogroupedKStream<K, A>
  windowedBy(windows: TimeWindows | SlidingWindows | SessionWindows) {
    if (windows.kind === 'session') {
      return {
        aggregate: (
          initializer: () => A,
          merger: (key: K, one: A, other: A) => A,
          options: WindowedTableOptions<K, A> = {},
        ) => this.#windowed(initializer, windows, { initializer, merger }, options),
      }
    }
    return {
      aggregate: (initializer: () => A, options: WindowedTableOptions<K, A> = {}) =>
        this.#windowed(initializer, windows, undefined, options),
    }
  }

  #windowed(
    initializer: () => A,
    windows: Windows,
    session: SessionFunctions | undefined,
    options: WindowedTableOptions<K, A>,
  ): KTable<Windowed<K>, A> {
    const aggregation = {
      ...this.#aggregation(initializer),
      windows,
      ...(session === undefined ? {} : { session }),
    }
    return addWindowedAggregation(this.#graph, this.#makers, aggregation, options)
  }

  #aggregation(initializer: () => A) {
    return {
      operation: 'cogroup',
      inputs: this.#parts.map(({ input }) => input),
      aggregators: this.#parts.map(({ aggregator }) => fromInitial(initializer, aggregator)),
    }
  }
}
