/**
 * Runs a topology in memory, its topics included: for tests, and for queries whose result nobody keeps. Nothing waits:
 * the caller adds records and runs the tasks until there is nothing to do.
 */
import { decodeUncompressed } from '../batch/decode-records.ts'
import type { LogRecord } from '../batch/record.ts'
import { type BatchHeader, readBatchHeaders } from '../batch/record-batch.ts'
import { decideSequence, type ProducerState, rememberBatch } from '../log/producer-state.ts'
import { recordsByNode } from './cells.ts'
import { DEAD_LETTERS } from './failed-record.ts'
import { repartitionTopic } from './internal-topics.ts'
import type { OutputTopic } from './outgoing.ts'
import { countPartitions, type SubTopology, splitTopology } from './split.ts'
import { MemoryLeaves } from './stores/leaf-source.ts'
import type { StoreOf, StoreSpec } from './stores/store-spec.ts'
import { TaskProcess, type TurnCommit } from './task-process.ts'
import type { Topology } from './topology.ts'
import type { OutgoingBatches } from './turn-row.ts'

export interface MemoryTopologyOptions {
  /** Partitions of a topic that the topology reads or writes. */
  readonly partitionsOf: (topic: string) => number
  /** Records of one turn; default: as many as there are. */
  readonly turnRecordsMax?: number
  /** Makes the order of tasks, and the number of records that each fetch returns, random but repeatable. */
  readonly seed?: number
  /** If true, tables forward one update for each key and turn; default false. */
  readonly coalesces?: boolean
  readonly nowMs: () => number
  /** Changes the stored form of a turn, to show that a test notices the fault. */
  readonly damage?: (turn: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>
}

interface MemoryTask {
  readonly sub: SubTopology
  readonly partition: number
  readonly producerId: bigint
  readonly leaves: MemoryLeaves
  turns: TurnCommit[]
  process: TaskProcess
}

/** The log of a partition: its records from an offset on. */
interface MemoryLog {
  startOffset: number
  records: LogRecord[]
}

/** Turns after which a topology is taken to produce records without end. */
const RUN_TURNS_MAX = 1_000_000
const BATCH_BYTES_MAX = 1_000_000

export class MemoryTopology {
  readonly #topology: Topology
  readonly #options: MemoryTopologyOptions
  readonly #topics = new Map<string, MemoryLog[]>()
  readonly #producers = new Map<string, ProducerState>()
  readonly #tasks: MemoryTask[]
  readonly #random: () => number
  #nextProducerId = 1n

  constructor(topology: Topology, options: MemoryTopologyOptions) {
    this.#topology = topology
    this.#options = options
    this.#random = randomOf(options.seed ?? 0)
    const { partitionsOf } = options
    for (const node of topology.nodes) {
      if (node.kind !== 'source') continue
      for (const topic of node.topics) this.#create(topic, partitionsOf(topic))
    }
    const counts = countPartitions(topology, partitionsOf)
    for (const [name, count] of counts.internal) {
      this.#create(repartitionTopic(topology.name, name), count)
    }
    for (const node of topology.nodes) {
      if (node.kind === 'sink') this.#create(node.topic, partitionsOf(node.topic))
    }
    const { onError } = topology
    if (typeof onError === 'object') {
      this.#create(onError.deadLetterTopic, partitionsOf(onError.deadLetterTopic))
    }
    this.#tasks = splitTopology(topology).flatMap((sub) =>
      Array.from({ length: counts.tasks[sub.index] as number }, (_, partition) =>
        this.#newTask(sub, partition),
      ),
    )
  }

  /** Records that were dropped, by node and reason. */
  get dropped(): Readonly<Record<string, number>> {
    return summed(this.#tasks.map(({ process }) => process.header.dropped))
  }

  /** Records that each node has processed, by its name. */
  get nodes(): Readonly<Record<string, number>> {
    return summed(this.#tasks.map(({ sub, process }) => recordsByNode(sub, process.header.cells)))
  }

  /** Bytes of the state that is stored. */
  get stateBytes(): number {
    return this.#tasks.reduce((sum, { leaves }) => sum + leaves.sizeBytes, 0)
  }

  get topicNames(): readonly string[] {
    return [...this.#topics.keys()]
  }

  /** Returns the records of each partition of a topic; undefined if the topology neither reads nor writes it. */
  recordsOf(topic: string): ReadonlyArray<readonly LogRecord[]> | undefined {
    return this.#topics.get(topic)?.map(({ records }) => records)
  }

  /** Adds a record to a partition of a topic. */
  append(topic: string, partition: number, record: Omit<LogRecord, 'offset'>): void {
    const log = this.#topics.get(topic)?.[partition]
    if (log === undefined) throw new Error(`${topic}/${partition}: is not there`)
    log.records.push({ ...record, offset: log.startOffset + log.records.length })
    this.#noteNews(topic, partition)
  }

  /** Forgets the records of all topics. All of them must have been processed. */
  forgetRecords(): void {
    for (const log of [...this.#topics.values()].flat()) {
      log.startOffset += log.records.length
      log.records = []
    }
  }

  /** Returns the specification of a store and its parts in all tasks; undefined if there is no such store. */
  store(name: string): { spec: StoreSpec; parts: () => Array<StoreOf<StoreSpec>> } | undefined {
    const tasks = this.#tasks.filter(({ sub }) => sub.stores.some((spec) => spec.name === name))
    const spec = tasks[0]?.sub.stores.find((one) => one.name === name)
    if (spec === undefined) return undefined
    return { spec, parts: () => tasks.map(({ process }) => process.run.stores.get(name)) as never }
  }

  /** Stops all tasks and starts them again from what they stored. */
  restart(): void {
    for (const task of this.#tasks) task.process = this.#open(task)
  }

  /**
   * Makes one turn of one task; returns false if no task has anything to do.
   *
   * @throws {Error} the error of a record that cannot be processed, unless the topology's policy is another.
   */
  turn(): boolean {
    const tasks = this.#options.seed === undefined ? this.#tasks : this.#shuffled()
    return tasks.some((task) => this.#turnOf(task))
  }

  /** Makes turns until there is nothing to do. */
  run(): void {
    for (let turns = 0; this.turn(); turns++) {
      if (turns > RUN_TURNS_MAX) throw new Error('the topology produces records without end')
    }
  }

  #create(topic: string, partitions: number): void {
    if (this.#topics.has(topic)) return
    const logs = Array.from({ length: partitions }, () => ({ startOffset: 0, records: [] }))
    this.#topics.set(topic, logs)
  }

  #noteNews(topic: string, partition: number): void {
    for (const { process } of this.#tasks) process.wake(topic, partition)
  }

  #newTask(sub: SubTopology, partition: number): MemoryTask {
    const leaves = new MemoryLeaves()
    const producerId = this.#nextProducerId++
    const task = { sub, partition, leaves, producerId, turns: [] as TurnCommit[] }
    return { ...task, process: this.#open(task) }
  }

  #open({ sub, partition, leaves, producerId, turns }: Omit<MemoryTask, 'process'>): TaskProcess {
    const { name, onError = 'stop' } = this.#topology
    const inputs = sub.reads.flatMap((node) => {
      const topics = node.kind === 'source' ? node.topics : [repartitionTopic(name, node.name)]
      return topics
        .filter((topic) => partition < (this.#topics.get(topic)?.length ?? 0))
        .map((topic) => ({ node: node.name, topic, partition, startOffset: 0 }))
    })
    const outputs = new Map<string, OutputTopic>()
    const add = (node: string, topic: string) => {
      const partitions = this.#topics.get(topic)?.length ?? 1
      outputs.set(node, { topic, partitions, batchBytesMax: BATCH_BYTES_MAX })
    }
    for (const node of sub.nodes) {
      if (node.kind === 'sink') add(node.name, node.topic)
      if (node.kind === 'repartition') add(node.name, repartitionTopic(name, node.name))
    }
    if (typeof onError === 'object') add(DEAD_LETTERS, onError.deadLetterTopic)
    const { coalesces = false, turnRecordsMax, nowMs } = this.#options
    return new TaskProcess({
      ...{ sub, partition, inputs, outputs, onError, leaves, coalesces, producerId },
      turns: turns.map(({ bytes }) => bytes),
      nowMs: nowMs(),
      ...(turnRecordsMax === undefined ? {} : { turnRecordsMax }),
    })
  }

  #turnOf(task: MemoryTask): boolean {
    const { process } = task
    // After a restart, batches that are not known to be in their logs are sent again first.
    this.#send(process)
    for (const input of process.wanted()) {
      const log = this.#topics.get(input.topic)?.[input.partition]
      if (log === undefined) continue
      const all = log.records.slice(input.offset - log.startOffset)
      const count = this.#options.seed === undefined ? all.length : this.#fetchCount(all.length)
      const records = all.slice(0, count)
      const to = input.offset + records.length
      const isAtEnd = to === log.startOffset + log.records.length
      process.receive(input, { from: input.offset, records, to, isAtEnd })
    }
    const step = process.step(this.#options.nowMs())
    if (step.kind === 'failed') throw new Error(`node ${step.error.node}: ${step.error.message}`)
    if (step.kind !== 'commit') return false
    this.#store(task, step.commit)
    this.#send(process)
    return true
  }

  #store(task: MemoryTask, commit: TurnCommit): void {
    const { damage } = this.#options
    task.turns.push(damage === undefined ? commit : { ...commit, bytes: damage(commit.bytes) })
    if (commit.checkpoint !== undefined) task.leaves.write(commit.checkpoint)
    task.turns = task.turns.filter(({ turn }) => turn >= commit.forgetBelow)
  }

  #send(process: TaskProcess): void {
    for (const { turn, outgoing } of process.pending) {
      for (const one of outgoing) {
        for (const header of readBatchHeaders(one.batches)) {
          // As in a real log, a batch that is sent again after a restart is recognized.
          if (!this.#isNew(one, header)) continue
          for (const record of decodeUncompressed(one.batches, header)) {
            this.append(one.topic, one.partition, record)
          }
        }
        process.acknowledge(turn, one, this.#options.nowMs())
        this.#noteNews(one.topic, one.partition)
      }
    }
  }

  #isNew({ topic, partition }: OutgoingBatches, header: BatchHeader): boolean {
    const name = `${topic}/${partition}/${header.producerId}`
    const state = this.#producers.get(name)
    if (decideSequence(state, header, 'resendable').kind !== 'append') return false
    this.#producers.set(name, rememberBatch(state, header, 0, null))
    return true
  }

  #fetchCount(available: number): number {
    return Math.min(available, 1 + Math.floor(this.#random() * 5))
  }

  #shuffled(): MemoryTask[] {
    return [...this.#tasks]
      .map((task) => ({ task, order: this.#random() }))
      .sort((a, b) => a.order - b.order)
      .map(({ task }) => task)
  }
}

/** Returns a generator of repeatable random numbers from 0 to 1 (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Adds up the counts of each name. */
function summed(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const [name, count] of counts.flatMap((one) => Object.entries(one))) {
    sums[name] = (sums[name] ?? 0) + count
  }
  return sums
}
