/** Adds the aggregation of grouped streams to the graph: by key, or by key and window. */
import { EdgelogError } from '../../errors.ts'
import type { Aggregator } from '../operators/aggregate.ts'
import type { TopologyNode } from '../operators.ts'
import type { Serde } from '../serde.ts'
import type { Windowed } from '../stream-record.ts'
import { sessionWindowed, timeWindowed } from '../windowed-serde.ts'
import { retentionOf, type Windows } from '../windows.ts'
import type { GroupedInput, KTable, Makers } from './dsl.ts'
import type { TableOptions, WindowedTableOptions } from './dsl-options.ts'
import { type Graph, keySerde, tableStore, valueSerde } from './graph.ts'
import { untilWindowCloses } from './windows.ts'

interface Aggregation {
  readonly operation: string
  readonly inputs: readonly GroupedInput[]
  /** One for each input. */
  readonly aggregators: readonly Aggregator[]
}

export interface SessionFunctions {
  readonly initializer?: () => unknown
  readonly merger: (key: never, one: never, other: never) => unknown
}

/** Returns an aggregator that begins with an initial aggregate. */
export function fromInitial<K, V, A>(
  initializer: () => A,
  aggregator: (key: K, value: V, aggregate: A) => A,
): Aggregator {
  return (key: K, value: V, aggregate: A | null) =>
    aggregator(key, value, aggregate ?? initializer())
}

/** Returns an aggregator that begins with the first value. */
export function fromFirst<V>(reducer: (aggregate: V, value: V) => V): Aggregator {
  return (_key: unknown, value: V, aggregate: V | null) =>
    aggregate === null ? value : reducer(aggregate, value)
}

export function countOne(_key: unknown, _value: unknown, count: number | null): number {
  return (count ?? 0) + 1
}

export function addAggregation<K, A>(
  graph: Graph,
  makers: Makers,
  aggregation: Aggregation,
  options: TableOptions<K, A>,
): KTable<K, A> {
  const { key, value, name, inputs } = prepare(graph, aggregation, options)
  const { aggregators } = aggregation
  const stores = [tableStore(name, key, value)] as const
  const node = graph.add({ kind: 'aggregate', name, inputs, stores, aggregators }, name, {
    isBase: true,
  })
  return makers.table(node, { key, value })
}

/** @param session Only for sessions. */
export function addWindowedAggregation<K, A>(
  graph: Graph,
  makers: Makers,
  aggregation: Aggregation & { readonly windows: Windows; readonly session?: SessionFunctions },
  options: WindowedTableOptions<K, A>,
): KTable<Windowed<K>, A> {
  const { windows, session } = aggregation
  const { key, value, name, inputs } = prepare(graph, aggregation, options)
  const { aggregators } = aggregation
  const base = { name, inputs, aggregators }
  const retentionMs = chosenRetention(name, windows, options)
  const spec = { name, key, value, retentionMs }
  const windowSpec = (sizeMs: number) => [{ kind: 'window', sizeMs, ...spec }] as const
  let node: TopologyNode
  let windowedKey: Serde<Windowed<K>>
  if (windows.kind === 'time') {
    const { sizeMs } = windows
    node = { kind: 'window-aggregate', ...base, windows, stores: windowSpec(sizeMs) }
    windowedKey = timeWindowed(key, sizeMs)
  } else if (windows.kind === 'sliding') {
    const { differenceMs } = windows
    node = { kind: 'sliding-aggregate', ...base, windows, stores: windowSpec(differenceMs) }
    windowedKey = timeWindowed(key, differenceMs)
  } else {
    const stores = [{ kind: 'session', ...spec }] as const
    const functions = session as SessionFunctions
    node = { kind: 'session-aggregate', ...base, ...functions, windows, stores }
    windowedKey = sessionWindowed(key)
  }
  const added = graph.add(node, name, { isBase: true })
  const table = makers.table(added, { key: windowedKey, value, windows })
  if (options.emit !== 'onWindowClose') return table
  return table.suppress(untilWindowCloses(), { name: `${name}-final` })
}

function chosenRetention(
  node: string,
  windows: Windows,
  { retentionMs }: { readonly retentionMs?: number },
): number {
  const neededMs = retentionOf(windows)
  if (retentionMs === undefined) return neededMs
  if (Number.isSafeInteger(retentionMs) && retentionMs >= neededMs) return retentionMs
  const allowed = `${neededMs} or more whole milliseconds are allowed: a window and its grace`
  throw new EdgelogError('invalid_request', `node ${node}: retentionMs: ${retentionMs}; ${allowed}`)
}

/** Chooses serdes and the name, and adds the internal topics that are needed. */
function prepare<K, A>(
  graph: Graph,
  { operation, inputs }: Aggregation,
  options: TableOptions<K, A>,
) {
  const [first] = inputs as [GroupedInput]
  const key = keySerde<K>(options.key, first.stream.serdes.key)
  const value = valueSerde(options.value)
  const name = graph.nameFor(operation, first.stream.node.base, options)
  const nodes = inputs.map(({ stream, topicName }, index) => {
    const number = index === 0 ? '' : `-${index + 1}`
    return stream.byKey({ name: topicName ?? `${name}${number}-repartition` }).node.name
  })
  return { key, value, name, inputs: nodes }
}
