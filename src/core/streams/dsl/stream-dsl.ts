/** Adds the operators of a stream to the graph. */
import type { TopologyNode } from '../operators.ts'
import type { Serde } from '../serde.ts'
import type { JoinWindows } from '../windows.ts'
import type { KGroupedStream, KStream, KTable, Makers } from './dsl.ts'
import type {
  ByKeyOptions,
  ProcessOptions,
  ProcessorSupplier,
  RepartitionOptions,
  StreamJoinOptions,
  StreamSerdes,
  TableOptions,
  ToOptions,
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
import { addStreamJoin, addStreamTableJoin, type StreamJoiner } from './stream-join-dsl.ts'

type JoinKind = 'inner' | 'left' | 'outer'
type JoinOptions<K, V> = StreamJoinOptions<K, V, never>

export class StreamDsl<K, V> implements KStream<K, V> {
  readonly #graph: Graph
  readonly #makers: Makers
  readonly node: GraphNode
  readonly serdes: StreamSerdes<K, V>

  constructor(graph: Graph, makers: Makers, node: GraphNode, serdes: StreamSerdes<K, V>) {
    this.#graph = graph
    this.#makers = makers
    this.node = node
    this.serdes = serdes
  }

  filter(predicate: (key: K, value: V) => boolean, options?: NameOption): KStream<K, V> {
    return this.#filter('filter', predicate, false, options)
  }

  filterNot(predicate: (key: K, value: V) => boolean, options?: NameOption): KStream<K, V> {
    return this.#filter('filterNot', predicate, true, options)
  }

  map<K2, V2>(
    mapper: (key: K, value: V) => readonly [key: K2, value: V2],
    options?: NameOption,
  ): KStream<K2, V2> {
    const node = this.#add('map', options, { kind: 'map', mapper })
    return this.#makers.stream<K2, V2>(node, NEW_RECORDS)
  }

  mapValues<V2>(mapper: (value: V, key: K) => V2, options?: NameOption): KStream<K, V2> {
    const node = this.#add('mapValues', options, {
      kind: 'map',
      mapper: (key: K, value: V) => [key, mapper(value, key)],
    })
    return this.#makers.stream<K, V2>(node, { ...this.serdes, value: undefined })
  }

  flatMap<K2, V2>(
    mapper: (key: K, value: V) => Iterable<readonly [key: K2, value: V2]>,
    options?: NameOption,
  ): KStream<K2, V2> {
    const node = this.#add('flatMap', options, { kind: 'flat-map', mapper })
    return this.#makers.stream<K2, V2>(node, NEW_RECORDS)
  }

  flatMapValues<V2>(
    mapper: (value: V, key: K) => Iterable<V2>,
    options?: NameOption,
  ): KStream<K, V2> {
    const node = this.#add('flatMapValues', options, {
      kind: 'flat-map',
      *mapper(key: K, value: V): Generator<readonly [K, V2]> {
        for (const one of mapper(value, key)) yield [key, one]
      },
    })
    return this.#makers.stream<K, V2>(node, { ...this.serdes, value: undefined })
  }

  selectKey<K2>(selector: (key: K, value: V) => K2, options?: NameOption): KStream<K2, V> {
    const node = this.#add('selectKey', options, {
      kind: 'map',
      mapper: (key: K, value: V) => [selector(key, value), value],
    })
    return this.#makers.stream<K2, V>(node, { ...this.serdes, key: undefined, hasNewKey: true })
  }

  peek(action: (key: K, value: V) => void, options?: NameOption): KStream<K, V> {
    const node = this.#add('peek', options, { kind: 'peek', action })
    return this.#makers.stream(node, this.serdes)
  }

  foreach(action: (key: K, value: V) => void, options?: NameOption): void {
    this.#add('foreach', options, { kind: 'peek', action })
  }

  split<Names extends string, Default extends string = never>(
    branches: Record<Names, (key: K, value: V) => boolean>,
    options: NameOption & { readonly defaultBranch?: Default } = {},
  ): Record<Names | Default, KStream<K, V>> {
    const { defaultBranch } = options
    const names = Object.keys(branches) as Names[]
    const node = this.#add('split', options, {
      kind: 'branch',
      predicates: names.map((name) => branches[name]),
      hasDefault: defaultBranch !== undefined,
    })
    const all: (Names | Default)[] = defaultBranch === undefined ? names : [...names, defaultBranch]
    const streams = all.map((name) => {
      const branch = { kind: 'merge' as const, name: `${node.name}-${name}`, inputs: [node.name] }
      const added = this.#graph.add(branch, this.node.base)
      return [name, this.#makers.stream<K, V>(added, this.serdes)] as const
    })
    return Object.fromEntries(streams) as Record<Names | Default, KStream<K, V>>
  }

  merge(other: KStream<K, V>, options?: NameOption): KStream<K, V> {
    const name = this.#graph.nameFor('merge', this.node.base, options)
    const inputs = [this.node.name, other.node.name]
    const node = this.#graph.add({ kind: 'merge', name, inputs }, this.node.base)
    const { key, value, hasNewKey } = this.serdes
    return this.#makers.stream<K, V>(node, {
      key: key ?? other.serdes.key,
      value: value ?? other.serdes.value,
      hasNewKey: hasNewKey || other.serdes.hasNewKey,
    })
  }

  repartition(options: RepartitionOptions<K, V> = {}): KStream<K, V> {
    return this.#repartitioned('repartition', options, false)
  }

  groupByKey(options: SerdeOptions<K, V> & NameOption = {}): KGroupedStream<K, V> {
    const key = keySerde(options.key, this.serdes.key)
    const value = valueSerde(options.value, this.serdes.value)
    const stream = this.#makers.stream(this.node, { ...this.serdes, key, value })
    return this.#makers.groupedStream(stream, options.name)
  }

  groupBy<K2>(
    selector: (key: K, value: V) => K2,
    options: SerdeOptions<K2, V> & NameOption = {},
  ): KGroupedStream<K2, V> {
    return this.selectKey(selector).groupByKey(options)
  }

  byKey(options: ByKeyOptions<K, V>): KStream<K, V> {
    const { needsKey = true } = options
    return this.serdes.hasNewKey ? this.#repartitioned('repartition', options, needsKey) : this
  }

  toTable(options: TableOptions<K, V> = {}): KTable<K, V> {
    const key = keySerde(options.key, this.serdes.key)
    const value = valueSerde(options.value, this.serdes.value)
    const name = this.#graph.nameFor('toTable', this.node.base, options)
    const stream = this.byKey({ key, value, name: `${name}-repartition` })
    const node = this.#graph.add(
      ...[
        {
          kind: 'to-table' as const,
          name,
          inputs: [stream.node.name],
          stores: [tableStore(name, key, value)] as const,
        },
        name,
      ],
      { isBase: true },
    )
    return this.#makers.table<K, V>(node, { key, value })
  }

  join<V2, R>(
    other: KTable<K, V2> | KStream<K, V2>,
    joiner: (value: V, other: V2, key: K) => R,
    third?: JoinWindows | JoinOptions<K, V>,
    fourth?: StreamJoinOptions<K, V, V2>,
  ): KStream<K, R> {
    return this.#join('inner', other, joiner, third, fourth)
  }

  leftJoin<V2, R>(
    other: KTable<K, V2> | KStream<K, V2>,
    joiner: (value: V, other: V2 | null, key: K) => R,
    third?: JoinWindows | JoinOptions<K, V>,
    fourth?: StreamJoinOptions<K, V, V2>,
  ): KStream<K, R> {
    return this.#join('left', other, joiner, third, fourth)
  }

  outerJoin<V2, R>(
    other: KStream<K, V2>,
    joiner: (value: V | null, other: V2 | null, key: K) => R,
    windows: JoinWindows,
    options?: StreamJoinOptions<K, V, V2>,
  ): KStream<K, R> {
    return this.#join('outer', other, joiner, windows, options)
  }

  process<K2, V2>(
    supplier: ProcessorSupplier<K, V, K2, V2>,
    options: ProcessOptions = {},
  ): KStream<K2, V2> {
    const node = this.#process('process', supplier, options)
    return this.#makers.stream<K2, V2>(node, NEW_RECORDS)
  }

  processValues<V2>(
    supplier: ProcessorSupplier<K, V, K, V2>,
    options: ProcessOptions = {},
  ): KStream<K, V2> {
    const node = this.#process('processValues', supplier, options)
    return this.#makers.stream<K, V2>(node, { ...this.serdes, value: undefined })
  }

  to(topic: string, options: ToOptions<K, V> = {}): void {
    const { partitioner } = options
    this.#add(`to-${topic}`, options, {
      kind: 'sink',
      topic,
      key: keySerde(options.key, this.serdes.key),
      value: valueSerde(options.value, this.serdes.value),
      ...(partitioner === undefined ? {} : { partitioner }),
    })
  }

  /** A stream is joined by windows, a table without. */
  #join<V2, R>(
    kind: JoinKind,
    other: KTable<K, V2> | KStream<K, V2>,
    joiner: StreamJoiner,
    third: JoinWindows | JoinOptions<K, V> | undefined,
    fourth: StreamJoinOptions<K, V, V2> | undefined,
  ): KStream<K, R> {
    if ('suppress' in other) {
      const options = (third ?? {}) as JoinOptions<K, V>
      const sides = { stream: this, table: other }
      const join = { joiner, isLeft: kind === 'left' }
      return addStreamTableJoin(this.#graph, this.#makers, sides, join, options)
    }
    const sides = { left: this, right: other }
    const join = { kind, joiner, windows: third as JoinWindows }
    return addStreamJoin(this.#graph, this.#makers, sides, join, fourth ?? {})
  }

  #process<K2, V2>(
    operation: string,
    supplier: ProcessorSupplier<K, V, K2, V2>,
    { stores = [], ...options }: ProcessOptions,
  ): GraphNode {
    return this.#add(operation, options, { kind: 'process', stores, supplier: supplier as never })
  }

  #filter(
    operation: string,
    predicate: (key: K, value: V) => boolean,
    isNot: boolean,
    options: NameOption | undefined,
  ): KStream<K, V> {
    const node = this.#add(operation, options, { kind: 'filter', predicate, isNot })
    return this.#makers.stream(node, this.serdes)
  }

  #repartitioned(
    operation: string,
    options: RepartitionOptions<K, V>,
    needsKey: boolean,
  ): KStream<K, V> {
    const key: Serde<K> = keySerde(options.key, this.serdes.key)
    const value: Serde<V> = valueSerde(options.value, this.serdes.value)
    const { partitions } = options
    const rest = partitions === undefined ? {} : { partitions }
    const name = this.#graph.nameFor(operation, this.node.base, options)
    const node = this.#graph.add(
      { kind: 'repartition', name, inputs: [this.node.name], key, value, needsKey, ...rest },
      name,
      { isBase: true },
    )
    return this.#makers.stream<K, V>(node, { key, value, hasNewKey: false })
  }

  /** Adds a node behind this one. */
  #add(
    operation: string,
    options: NameOption | undefined,
    node: DistributiveOmit<TopologyNode, 'name' | 'inputs'>,
  ): GraphNode {
    const name = this.#graph.nameFor(operation, this.node.base, options)
    const whole = { ...node, name, inputs: [this.node.name] } as TopologyNode
    return this.#graph.add(whole, this.node.base, { isBase: options?.name !== undefined })
  }
}

type DistributiveOmit<T, Keys extends PropertyKey> = T extends unknown ? Omit<T, Keys> : never

const NEW_RECORDS = { key: undefined, value: undefined, hasNewKey: true }
