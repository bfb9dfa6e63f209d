/** The start of a topology: streams and tables of topics. */
import type { ErrorPolicy, Topology } from '../topology.ts'
import type { KStream, KTable, Makers } from './dsl.ts'
import type { TableOptions } from './dsl-options.ts'
import {
  Graph,
  keySerde,
  type NameOption,
  type SerdeOptions,
  tableStore,
  valueSerde,
} from './graph.ts'
import { GroupedStreamDsl } from './grouped-stream-dsl.ts'
import { StreamDsl } from './stream-dsl.ts'
import { TableDsl } from './table-dsl.ts'

export interface TopologyOptions {
  /** The policy for a record that does not parse, or for which a function throws; default `stop`. */
  readonly onError?: ErrorPolicy
  /**
   * Only in a Worker: the topology that this one replaces. If its state does not fit, both run until the new one has
   * caught up.
   */
  readonly previous?: Topology
}

/**
 * Builds a topology.
 *
 * @param name Name of the application; its internal topics begin with it.
 * @throws {EdgelogError} `invalid_request` with the name of the node that is wrong.
 * @example
 * const counts = topology('page-counts', (builder) => {
 *   builder
 *     .stream('clicks', { key: text, value: json<{ page: string }>() })
 *     .groupBy((_, click) => click.page)
 *     .count({ name: 'counts' })
 *     .toStream()
 *     .to('page-counts', { value: int64 })
 * })
 */
export function topology(
  name: string,
  build: (builder: StreamsBuilder) => void,
  options: TopologyOptions = {},
): Topology {
  const builder = new StreamsBuilder()
  build(builder)
  return builder.build(name, options)
}

export class StreamsBuilder {
  readonly #graph = new Graph()
  readonly #makers: Makers = {
    stream: (node, serdes) => new StreamDsl(this.#graph, this.#makers, node, serdes),
    table: (node, serdes) => new TableDsl(this.#graph, this.#makers, node, serdes),
    groupedStream: (stream, name) => new GroupedStreamDsl(this.#graph, this.#makers, stream, name),
  }

  /** Returns the stream of the records of one topic, or of several. */
  stream<K = string, V = unknown>(
    topics: string | readonly string[],
    options: SerdeOptions<K, V> & NameOption = {},
  ): KStream<K, V> {
    const list = typeof topics === 'string' ? [topics] : topics
    const key = keySerde(options.key, undefined)
    const value = valueSerde(options.value)
    const name = options.name ?? this.#graph.nameFor('source', list.join('-'))
    const node = this.#graph.add(
      { kind: 'source', name, inputs: [], topics: list, key, value },
      list[0] as string,
    )
    return this.#makers.stream(node, { key, value, hasNewKey: false })
  }

  /** Returns the table of the latest value of each key of a topic. */
  table<K = string, V = unknown>(topic: string, options: TableOptions<K, V> = {}): KTable<K, V> {
    const { key, value } = {
      key: keySerde(options.key, undefined),
      value: valueSerde(options.value),
    }
    const source = this.#graph.nameFor('source', topic)
    this.#graph.add(
      { kind: 'source', name: source, inputs: [], topics: [topic], key, value },
      topic,
    )
    const name = options.name ?? this.#graph.nameFor('table', topic)
    const stores = [tableStore(name, key, value)] as const
    const node = this.#graph.add({ kind: 'to-table', name, inputs: [source], stores }, topic, {
      isBase: true,
    })
    return this.#makers.table(node, { key, value })
  }

  build(name: string, options: TopologyOptions = {}): Topology {
    return this.#graph.finish(name, options)
  }
}
