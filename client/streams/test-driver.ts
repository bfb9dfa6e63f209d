import type { RecordHeader } from '../../src/core/batch/record.ts'
import { repartitionTopic } from '../../src/core/streams/internal-topics.ts'
import { MemoryTopology } from '../../src/core/streams/memory-topology.ts'
import type { Serde } from '../../src/core/streams/serde.ts'
import type { ValueAndTimestamp } from '../../src/core/streams/stores/key-value-store.ts'
import type { Session } from '../../src/core/streams/stores/session-store.ts'
import type { StoreOf, StoreSpec, WindowSpec } from '../../src/core/streams/stores/store-spec.ts'
import type { Windowed } from '../../src/core/streams/stream-record.ts'
import type { Topology } from '../../src/core/streams/topology.ts'
import { partitionForKey } from '../../src/core/topic/partitioner.ts'

export interface TestDriverOptions {
  /** Partitions of each source topic; default 1. */
  readonly partitions?: number
  /** Records of one turn; default: as many as there are. */
  readonly turnRecordsMax?: number
  /** Makes the order of tasks, and the number of records that each fetch returns, random but repeatable. */
  readonly seed?: number
  /** If true, tables forward one update for each key and turn, as in a running application; default false. */
  readonly coalesces?: boolean
  /** The clock at the start; default 0. */
  readonly nowMs?: number
  /** If false, records wait until `run()`; default true. */
  readonly isImmediate?: boolean
  /**
   * Changes the stored form of a turn, to show that a test notices the fault.
   *
   * @internal
   */
  readonly damage?: (turn: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>
}

export interface TestInputRecord<K, V> {
  readonly key?: K | null
  readonly value: V | null
  /** Default: the clock of the driver. */
  readonly timestamp?: number
  readonly headers?: readonly RecordHeader[]
  /** Default: by the key. */
  readonly partition?: number
}

export interface TestOutputRecord<K, V> {
  readonly key: K | null
  readonly value: V | null
  readonly timestamp: number
  readonly headers: readonly RecordHeader[]
  readonly partition: number
}

/**
 * Makes a driver for a topology.
 *
 * @example
 * const driver = testDriver(counts)
 * driver.input('clicks').pipe({ key: 'a', value: { page: '/' }, timestamp: 0 })
 * driver.output('page-counts').drain() // [{ key: '/', value: 1, timestamp: 0, ... }]
 * driver.store('counts').get('/') // 1
 */
export function testDriver(topology: Topology, options: TestDriverOptions = {}): TestDriver {
  return new TestDriver(topology, options)
}

export class TestDriver {
  readonly #topology: Topology
  readonly #memory: MemoryTopology
  readonly #isImmediate: boolean
  readonly #drained = new Map<string, number[]>()
  #nowMs: number

  /** @internal Use `testDriver`. */
  constructor(topology: Topology, options: TestDriverOptions) {
    const { partitions = 1, nowMs = 0, isImmediate = true, ...rest } = options
    this.#topology = topology
    this.#nowMs = nowMs
    this.#isImmediate = isImmediate
    this.#memory = new MemoryTopology(topology, {
      ...rest,
      partitionsOf: () => partitions,
      nowMs: () => this.#nowMs,
    })
  }

  /** Records that were dropped, by node and reason. */
  get dropped(): Readonly<Record<string, number>> {
    return this.#memory.dropped
  }

  /** Records that each node has processed, by its name. */
  get nodes(): Readonly<Record<string, number>> {
    return this.#memory.nodes
  }

  /** Returns a source topic. The serdes are those of the topology, unless others are given. */
  input<K = string, V = unknown>(
    topic: string,
    serdes: { readonly key?: Serde<K>; readonly value?: Serde<V> } = {},
  ): { pipe(...records: readonly TestInputRecord<K, V>[]): void } {
    const source = this.#topology.nodes.find(
      (node) => node.kind === 'source' && node.topics.includes(topic),
    )
    if (source?.kind !== 'source') throw new Error(`${topic} is not a source of the topology`)
    const { key = source.key as Serde<K>, value = source.value as Serde<V> } = serdes
    return {
      pipe: (...records) => {
        for (const record of records) this.#pipe(topic, record, { key, value })
      },
    }
  }

  /** Returns a topic that the topology writes to, its internal ones included. */
  output<K = string, V = unknown>(
    topic: string,
    serdes: { readonly key?: Serde<K>; readonly value?: Serde<V> } = {},
  ): { drain(): TestOutputRecord<K, V>[] } {
    const node = this.#topology.nodes.find(
      (one) =>
        (one.kind === 'sink' && one.topic === topic) ||
        (one.kind === 'repartition' && repartitionTopic(this.#topology.name, one.name) === topic),
    )
    const known = node as { key: Serde<K>; value: Serde<V> } | undefined
    const key = serdes.key ?? known?.key
    const value = serdes.value ?? known?.value
    const partitions = this.#memory.recordsOf(topic)
    if (partitions === undefined || key === undefined || value === undefined) {
      throw new Error(`${topic} is not written by the topology; give serdes for other topics`)
    }
    const drained = this.#drained.get(topic) ?? partitions.map(() => 0)
    this.#drained.set(topic, drained)
    return {
      drain: () =>
        (this.#memory.recordsOf(topic) ?? []).flatMap((records, partition) => {
          const more = records.slice(drained[partition])
          drained[partition] = records.length
          return more.map((record) => ({
            key: record.key === null ? null : key.deserialize(record.key),
            value: record.value === null ? null : value.deserialize(record.value),
            timestamp: record.timestamp,
            headers: record.headers,
            partition,
          }))
        }),
    }
  }

  /** Returns the names of the topics that have records. */
  producedTopicNames(): string[] {
    return this.#memory.topicNames.filter((name) =>
      this.#memory.recordsOf(name)?.some(({ length }) => length > 0),
    )
  }

  /** Returns a store of all tasks together. Keys are found in the partition that has them. */
  store<K = string, V = unknown>(name: string): TestStore<K, V> {
    const found = this.#memory.store(name)
    if (found === undefined) throw new Error(`${name} is not a store of the topology`)
    return new TestStore<K, V>(found.spec, found.parts)
  }

  /** Moves the clock, and runs the punctuations that become due. */
  advanceWallClock(ms: number): void {
    this.#nowMs += ms
    this.run()
  }

  /** Stops all tasks and starts them again from what they stored. */
  restart(): void {
    this.#memory.restart()
  }

  /**
   * Makes one turn of one task; returns false if no task has anything to do.
   *
   * @throws {Error} the error of a record that cannot be processed, unless the topology's policy is another.
   */
  turn(): boolean {
    return this.#memory.turn()
  }

  /** Makes turns until there is nothing to do. */
  run(): void {
    this.#memory.run()
  }

  #pipe<K, V>(
    topic: string,
    record: TestInputRecord<K, V>,
    serdes: { key: Serde<K>; value: Serde<V> },
  ): void {
    const partitions = this.#memory.recordsOf(topic)?.length ?? 0
    const { timestamp = this.#nowMs, headers = [] } = record
    const key = record.key == null ? null : serdes.key.serialize(record.key)
    const value = record.value === null ? null : serdes.value.serialize(record.value)
    const partition = record.partition ?? (key === null ? 0 : partitionForKey(key, partitions))
    if (partition >= partitions) throw new Error(`partition: ${topic} has ${partitions}`)
    this.#memory.append(topic, partition, { key, value, timestamp, headers })
    if (this.#isImmediate) this.run()
  }
}

/** A store of a topology under test. Methods that the kind of the store does not have throw. */
export class TestStore<K, V> {
  readonly #spec: StoreSpec
  readonly #stores: () => Array<StoreOf<StoreSpec>>

  constructor(spec: StoreSpec, stores: () => Array<StoreOf<StoreSpec>>) {
    this.#spec = spec
    this.#stores = stores
  }

  /** Returns the value of a key of a key-value store; undefined: it has none. */
  get(key: K): V | undefined {
    return this.getWithTimestamp(key)?.value
  }

  getWithTimestamp(key: K): ValueAndTimestamp<V> | undefined {
    for (const store of this.#of('key-value')) {
      const found = store.get(key)
      if (found !== undefined) return found as ValueAndTimestamp<V>
    }
    return undefined
  }

  /** Returns all keys of a key-value store with their values. */
  entries(): Array<readonly [key: K, value: V]> {
    return this.#of('key-value').flatMap((store) =>
      [...store.range()].map(([key, { value }]) => [key as K, value as V] as const),
    )
  }

  /** Returns the windows of a key of a window store that start from `fromMs` to `toMs`. */
  fetch(
    key: K,
    fromMs: number,
    toMs: number,
  ): Array<{ startMs: number; value: V; timestamp: number }> {
    return this.#of('window').flatMap((store) =>
      [...store.fetch(key, fromMs, toMs)].map(([startMs, { value, timestamp }]) => ({
        ...{ startMs, value: value as V, timestamp },
      })),
    )
  }

  /** Returns the sessions of a key of a session store that overlap a range of time. */
  findSessions(key: K, earliestEndMs: number, latestStartMs: number): Session<V>[] {
    return this.#of('session').flatMap((store) => [
      ...(store.find(key, earliestEndMs, latestStartMs) as Iterable<Session<V>>),
    ])
  }

  /** Returns all rows of a window or session store. */
  all(): Array<readonly [key: Windowed<K>, value: V]> {
    if (this.#spec.kind === 'session') {
      return this.#of('session').flatMap((store) =>
        [...store.all()].map(
          ([key, { startMs, endMs, value }]) =>
            [{ key: key as K, startMs, endMs }, value as V] as const,
        ),
      )
    }
    const { sizeMs } = this.#spec as WindowSpec
    return this.#of('window').flatMap((store) =>
      [...store.fetchAll(0, Number.MAX_SAFE_INTEGER)].map(
        ([key, startMs, { value }]) =>
          [{ key: key as K, startMs, endMs: startMs + sizeMs }, value as V] as const,
      ),
    )
  }

  #of<Kind extends StoreSpec['kind']>(kind: Kind) {
    const { kind: own } = this.#spec
    if (own !== kind) throw new Error(`the store is a ${own} store, not ${kind}`)
    return this.#stores() as Array<StoreOf<Extract<StoreSpec, { kind: Kind }>>>
  }
}
