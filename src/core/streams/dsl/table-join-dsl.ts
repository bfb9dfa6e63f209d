/** Adds the joins of a table to the graph: with a table of the same keys, or by foreign key. */
import { registrationSerde, responseSerde, subscriptionSerde } from '../foreign-key-messages.ts'
import { bytes } from '../serde.ts'
import type { KTable, Makers } from './dsl.ts'
import type { ForeignKeyOptions, TableOptions } from './dsl-options.ts'
import { type Graph, keySerde, tableStore, valueSerde } from './graph.ts'

export interface TableJoin {
  readonly joiner: (left: never, right: never, key: never) => unknown
  readonly kind: 'inner' | 'left' | 'outer'
}

export function addTableJoin<K, V, V2, R>(
  graph: Graph,
  makers: Makers,
  left: KTable<K, V>,
  right: KTable<K, V2>,
  { joiner, kind }: TableJoin,
  options: TableOptions<K, R>,
): KTable<K, R> {
  const name = graph.nameFor(kind === 'inner' ? 'join' : `${kind}Join`, left.node.base, options)
  const key = options.key ?? left.serdes.key ?? right.serdes.key
  const stores =
    options.name === undefined
      ? {}
      : {
          stores: [tableStore(name, keySerde(undefined, key), valueSerde(options.value))] as const,
        }
  const node = graph.add(
    {
      kind: 'table-join',
      name,
      inputs: [left.node.name, right.node.name],
      joiner: (rowKey, one, other) => joiner(one, other, rowKey),
      join: kind,
      ...stores,
    },
    left.node.base,
    { isBase: options.name !== undefined },
  )
  const { windows } = left.serdes
  const serdes = { key, value: options.value }
  return makers.table<K, R>(node, windows === undefined ? serdes : { ...serdes, windows })
}

export function addForeignKeyJoin<K, V, K2, V2, R>(
  graph: Graph,
  makers: Makers,
  left: KTable<K, V>,
  right: KTable<K2, V2>,
  { joiner, kind }: TableJoin,
  options: ForeignKeyOptions<K, V, R, K2>,
): KTable<K, R> {
  const isLeft = kind === 'left'
  const name = graph.nameFor(isLeft ? 'leftJoin' : 'join', left.node.base, options)
  const leftKey = keySerde(options.key, left.serdes.key)
  const rightKey = keySerde(undefined, right.serdes.key)
  const leftValue = valueSerde(undefined, left.serdes.value)
  const add = (node: Parameters<Graph['add']>[0]) => graph.add(node, name).name
  const register = add({
    ...{ kind: 'foreign-key-register', name: `${name}-register`, inputs: [left.node.name] },
    foreignKey: (key: K, value: V) => options.foreignKey(value, key),
    ...{ isLeft, rightKey, leftValue },
  })
  const registrations = add({
    ...{ kind: 'repartition', name: `${name}-registration`, inputs: [register] },
    ...{ key: rightKey, value: registrationSerde(leftKey), needsKey: false },
  })
  const subscriptions = {
    ...({ kind: 'key-value', name: `${name}-subscriptions` } as const),
    ...{ key: bytes, value: subscriptionSerde },
  }
  const subscribe = add({
    ...{ kind: 'foreign-key-subscribe', name: `${name}-subscribe` },
    ...{ inputs: [registrations, right.node.name], stores: [subscriptions], leftKey, rightKey },
  })
  const responses = add({
    ...{ kind: 'repartition', name: `${name}-response`, inputs: [subscribe], key: leftKey },
    value: responseSerde(valueSerde(undefined, right.serdes.value)),
    needsKey: true,
    partitionOf: ({ partition }: { readonly partition: number }) => partition,
  })
  const resolve = add({
    ...{ kind: 'foreign-key-resolve', name: `${name}-resolve`, isLeft, leftValue },
    inputs: [responses, left.node.name],
    joiner: (key, one, other) => joiner(one, other, key),
  })
  const value = valueSerde(options.value)
  const stores = [tableStore(name, leftKey, value)] as const
  const node = graph.add({ kind: 'to-table', name, inputs: [resolve], stores }, name, {
    isBase: true,
  })
  return makers.table(node, { key: leftKey, value })
}
