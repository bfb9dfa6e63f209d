/** Adds the aggregations of a grouped table to the graph. */
import type { Aggregator } from '../operators/aggregate.ts'
import { int64, type Serde } from '../serde.ts'
import { countOne, fromFirst, fromInitial } from './aggregation.ts'
import type { KGroupedTable, KTable, Makers } from './dsl.ts'
import type { TableOptions } from './dsl-options.ts'
import { type Graph, type GraphNode, type NameOption, tableStore, valueSerde } from './graph.ts'

export class GroupedTableDsl<K, V> implements KGroupedTable<K, V> {
  readonly #graph: Graph
  readonly #makers: Makers
  /** Reads the updates from the internal topic. */
  readonly #node: GraphNode
  readonly #key: Serde<K>
  readonly #value: Serde<V>

  constructor(graph: Graph, makers: Makers, node: GraphNode, key: Serde<K>, value: Serde<V>) {
    this.#graph = graph
    this.#makers = makers
    this.#node = node
    this.#key = key
    this.#value = value
  }

  count(options: NameOption = {}): KTable<K, number> {
    const subtract = (_key: K, _value: V, count: number) => count - 1
    return this.#aggregate('count', countOne, subtract, { ...options, value: int64 })
  }

  reduce(
    adder: (aggregate: V, value: V) => V,
    subtractor: (aggregate: V, value: V) => V,
    options: TableOptions<K, V> = {},
  ): KTable<K, V> {
    const subtract = (_key: K, value: V, aggregate: V) => subtractor(aggregate, value)
    const value = options.value ?? this.#value
    return this.#aggregate('reduce', fromFirst(adder), subtract, { ...options, value })
  }

  aggregate<A>(
    initializer: () => A,
    adder: (key: K, value: V, aggregate: A) => A,
    subtractor: (key: K, value: V, aggregate: A) => A,
    options: TableOptions<K, A> = {},
  ): KTable<K, A> {
    return this.#aggregate('aggregate', fromInitial(initializer, adder), subtractor, options)
  }

  #aggregate<A>(
    operation: string,
    adder: Aggregator,
    subtractor: Aggregator,
    options: TableOptions<K, A>,
  ): KTable<K, A> {
    const key = options.key ?? this.#key
    const value = valueSerde(options.value)
    const name = this.#graph.nameFor(operation, this.#node.base, options)
    const stores = [tableStore(name, key, value)] as const
    const node = this.#graph.add(
      { kind: 'table-aggregate', name, inputs: [this.#node.name], stores, adder, subtractor },
      name,
      { isBase: true },
    )
    return this.#makers.table(node, { key, value })
  }
}
