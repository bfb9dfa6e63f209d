/** Adds the joins of a stream to the graph: with a table, or with another stream. */
import { listSerde } from '../list-serde.ts'
import { bytes } from '../serde.ts'
import type { WindowSpec } from '../stores/store-spec.ts'
import { queueSpec } from '../time-queue.ts'
import { type JoinWindows, retentionOf } from '../windows.ts'
import type { KStream, KTable, Makers } from './dsl.ts'
import type { StreamJoinOptions } from './dsl-options.ts'
import { type Graph, keySerde, type NameOption, type SerdeOptions, valueSerde } from './graph.ts'

export type StreamJoiner = (value: never, other: never, key: never) => unknown

export function addStreamTableJoin<K, V, V2, R>(
  graph: Graph,
  makers: Makers,
  { stream, table }: { readonly stream: KStream<K, V>; readonly table: KTable<K, V2> },
  join: { readonly joiner: StreamJoiner; readonly isLeft: boolean },
  options: SerdeOptions<K, V> & NameOption,
): KStream<K, R> {
  const operation = join.isLeft ? 'leftJoin' : 'join'
  const name = graph.nameFor(operation, stream.node.base, options)
  const key = keySerde(options.key, stream.serdes.key ?? table.serdes.key)
  const value = valueSerde(options.value, stream.serdes.value)
  const needsKey = !join.isLeft
  const left = stream.byKey({ name: `${name}-repartition`, key, value, needsKey })
  const node = graph.add(
    {
      kind: 'stream-table-join',
      name,
      inputs: [left.node.name, table.node.name],
      joiner: (rowKey, one, row) => join.joiner(one, row, rowKey),
      isLeft: join.isLeft,
    },
    left.node.base,
    { isBase: options.name !== undefined },
  )
  return makers.stream(node, { key, value: undefined, hasNewKey: false })
}

export function addStreamJoin<K, V, V2, R>(
  graph: Graph,
  makers: Makers,
  { left, right }: { readonly left: KStream<K, V>; readonly right: KStream<K, V2> },
  join: {
    readonly joiner: StreamJoiner
    readonly kind: 'inner' | 'left' | 'outer'
    readonly windows: JoinWindows
  },
  options: StreamJoinOptions<K, V, V2>,
): KStream<K, R> {
  const { kind, windows, joiner } = join
  const operation = kind === 'inner' ? 'join' : `${kind}Join`
  const name = graph.nameFor(operation, left.node.base, options)
  const key = keySerde(options.key, left.serdes.key ?? right.serdes.key)
  const leftValue = valueSerde(options.value, left.serdes.value)
  const rightValue = valueSerde(options.otherValue, right.serdes.value)
  const leftInput = left.byKey({
    ...{ name: `${name}-left-repartition`, key, value: leftValue },
    needsKey: kind === 'inner',
  })
  const rightInput = right.byKey({
    ...{ name: `${name}-right-repartition`, key, value: rightValue },
    needsKey: kind !== 'outer',
  })
  const inputs = [leftInput.node.name, rightInput.node.name] as const
  const retentionMs = retentionOf(windows)
  const store = { kind: 'window', key, sizeMs: 1, retentionMs } as const
  const leftStore: WindowSpec = { ...store, name: `${name}-left`, value: listSerde(leftValue) }
  const rightStore: WindowSpec = { ...store, name: `${name}-right`, value: listSerde(rightValue) }
  const stores =
    kind === 'inner'
      ? ([leftStore, rightStore] as const)
      : ([leftStore, rightStore, queueSpec(`${name}-alone`, bytes)] as const)
  const node = graph.add(
    {
      kind: 'stream-join',
      ...{ name, inputs, stores, windows, join: kind },
      joiner: (rowKey, one, other) => joiner(one, other, rowKey),
    },
    name,
    { isBase: true },
  )
  return makers.stream(node, { key, value: undefined, hasNewKey: false })
}
