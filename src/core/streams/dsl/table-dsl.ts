/** Adds the operators of a table to the graph. */
import { EdgelogError } from '../../errors.ts'
import { changeSerde } from '../change-serde.ts'
import { heldSerde } from '../operators/suppress.ts'
import { bytes, type Serde } from '../serde.ts'
import { queueSpec } from '../time-queue.ts'
import { finalAfterMs, type Windows } from '../windows.ts'
import type { KGroupedTable, KStream, KTable, Makers } from './dsl.ts'
import type {
  ForeignKeyOptions,
  TableOptions,
  TableSerdes,
  ToStreamOptions,
} from './dsl-options.ts'
import {
  type Graph,
  type GraphNode,
  keySerde,
  type NameOption,
  type SerdeOptions,
  tableStore,
  valueSerde,
} from './graph.ts'
import { GroupedTableDsl } from './grouped-table-dsl.ts'
import { addForeignKeyJoin, addTableJoin, type TableJoin } from './table-join-dsl.ts'
import type { SuppressUntil } from './windows.ts'

type JoinOptions<K, V, R, K2> = TableOptions<K, R> | ForeignKeyOptions<K, V, R, K2>

export class TableDsl<K, V> implements KTable<K, V> {
  readonly #graph: Graph
  readonly #makers: Makers
  readonly node: GraphNode
  readonly serdes: TableSerdes<K, V>

  constructor(graph: Graph, makers: Makers, node: GraphNode, serdes: TableSerdes<K, V>) {
    this.#graph = graph
    this.#makers = makers
    this.node = node
    this.serdes = serdes
  }

  filter(predicate: (key: K, value: V) => boolean, options: TableOptions<K, V> = {}): KTable<K, V> {
    return this.#filter('filter', predicate, false, options)
  }

  filterNot(
    predicate: (key: K, value: V) => boolean,
    options: TableOptions<K, V> = {},
  ): KTable<K, V> {
    return this.#filter('filterNot', predicate, true, options)
  }

  mapValues<V2>(
    mapper: (value: V, key: K) => V2,
    options: TableOptions<K, V2> = {},
  ): KTable<K, V2> {
    const key = options.key ?? this.serdes.key
    const serdes = { ...this.serdes, key, value: options.value }
    const name = this.#graph.nameFor('mapValues', this.node.base, options)
    const node = this.#graph.add(
      {
        kind: 'table-map',
        name,
        inputs: [this.node.name],
        mapper: (key: K, value: V) => mapper(value, key),
        ...this.#stores(options, serdes),
      },
      this.node.base,
      { isBase: options.name !== undefined },
    )
    return this.#makers.table<K, V2>(node, serdes)
  }

  toStream<K2 = K>(options: ToStreamOptions<K, V, K2> = {}): KStream<K2, V> {
    const { selectKey } = options
    const name = this.#graph.nameFor('toStream', this.node.base, options)
    const node = this.#graph.add(
      {
        kind: 'to-stream',
        name,
        inputs: [this.node.name],
        ...(selectKey === undefined ? {} : { mapper: selectKey }),
      },
      this.node.base,
    )
    const key =
      selectKey === undefined
        ? (this.serdes.key as Serde<unknown> as Serde<K2> | undefined)
        : undefined
    const { value } = this.serdes
    return this.#makers.stream(node, { key, value, hasNewKey: selectKey !== undefined })
  }

  groupBy<K2, V2>(
    selector: (key: K, value: V) => readonly [key: K2, value: V2],
    options: SerdeOptions<K2, V2> & NameOption = {},
  ): KGroupedTable<K2, V2> {
    const key = keySerde<K2>(options.key, undefined)
    const value = valueSerde<V2>(options.value)
    const name = this.#graph.nameFor('groupBy', this.node.base, options)
    const { base } = this.node
    const inputs = [this.node.name]
    const rekeyed = this.#graph.add(
      { kind: 'table-rekey', name: `${name}-select`, inputs, key, mapper: selector },
      base,
    )
    const topic = {
      ...({ kind: 'repartition', name: `${name}-repartition`, inputs: [rekeyed.name] } as const),
      ...{ key, value: changeSerde(value), needsKey: true },
    }
    const node = this.#graph.add(topic, base, { isBase: options.name !== undefined })
    return new GroupedTableDsl(this.#graph, this.#makers, node, key, value)
  }

  join<K2, V2, R>(
    other: KTable<K2, V2>,
    joiner: (value: V, other: V2, key: K) => R,
    options: JoinOptions<K, V, R, K2> = {},
  ): KTable<K, R> {
    return this.#join(other, { kind: 'inner', joiner }, options)
  }

  leftJoin<K2, V2, R>(
    other: KTable<K2, V2>,
    joiner: (value: V, other: V2 | null, key: K) => R,
    options: JoinOptions<K, V, R, K2> = {},
  ): KTable<K, R> {
    return this.#join(other, { kind: 'left', joiner }, options)
  }

  outerJoin<V2, R>(
    other: KTable<K, V2>,
    joiner: (value: V | null, other: V2 | null, key: K) => R,
    options: TableOptions<K, R> = {},
  ): KTable<K, R> {
    return this.#join(other, { kind: 'outer', joiner }, options)
  }

  suppress(until: SuppressUntil, options: NameOption = {}): KTable<K, V> {
    const name = this.#graph.nameFor('suppress', this.node.base, options)
    const { windows } = this.serdes
    const isFinal = until.until === 'window-closes'
    if (isFinal && windows === undefined) {
      const why = 'its keys have no windows; aggregate by windows, or use untilTimeLimit'
      throw new EdgelogError('invalid_request', `node ${name}: ${why}`)
    }
    const waitMs = until.until === 'time-limit' ? until.limitMs : finalAfterMs(windows as Windows)
    const key = keySerde(undefined, this.serdes.key)
    const value = heldSerde(valueSerde(undefined, this.serdes.value))
    const stores = [
      tableStore(`${name}-held`, key, value),
      queueSpec(`${name}-queue`, bytes),
    ] as const
    const node = this.#graph.add(
      { kind: 'suppress', name, inputs: [this.node.name], stores, until: until.until, waitMs },
      name,
      { isBase: true },
    )
    return this.#makers.table(node, this.serdes)
  }

  #join<K2, V2, R>(
    other: KTable<K2, V2>,
    join: TableJoin,
    options: JoinOptions<K, V, R, K2>,
  ): KTable<K, R> {
    if ('foreignKey' in options) {
      return addForeignKeyJoin<K, V, K2, V2, R>(
        ...([this.#graph, this.#makers, this, other, join, options] as const),
      )
    }
    // Without a foreign key, the keys of both are of one type.
    const right = other as unknown as KTable<K, V2>
    return addTableJoin<K, V, V2, R>(this.#graph, this.#makers, this, right, join, options)
  }

  #filter(
    operation: string,
    predicate: (key: K, value: V) => boolean,
    isNot: boolean,
    options: TableOptions<K, V>,
  ): KTable<K, V> {
    const serdes = {
      ...this.serdes,
      key: options.key ?? this.serdes.key,
      value: options.value ?? this.serdes.value,
    }
    const name = this.#graph.nameFor(operation, this.node.base, options)
    const stores = this.#stores(options, serdes)
    const inputs = [this.node.name]
    const node = this.#graph.add(
      { kind: 'table-filter', name, inputs, predicate, isNot, ...stores },
      this.node.base,
      { isBase: options.name !== undefined },
    )
    return this.#makers.table<K, V>(node, serdes)
  }

  #stores<V2>({ name }: NameOption, { key, value }: TableSerdes<K, V2>) {
    if (name === undefined) return {}
    return { stores: [tableStore(name, keySerde(undefined, key), valueSerde(value))] as const }
  }
}
