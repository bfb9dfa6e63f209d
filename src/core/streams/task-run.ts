/**
 * The run of one task: its operators and stores in memory, and the turns that it makes. A turn has no clock and does no
 * I/O: its input is a list of records for each source, its result is all that has to be committed.
 */
import type { LogRecord } from '../batch/record.ts'
import { EdgelogError } from '../errors.ts'
import { Cells, recordsCell } from './cells.ts'
import { TURN_BYTES, TURN_BYTES_MAX } from './limits.ts'
import type {
  Cell,
  DropReason,
  Operator,
  OperatorContext,
  OutputRecord,
  PunctuationType,
} from './operator.ts'
import { operatorOf, type TopologyNode } from './operators.ts'
import { encodeOutgoing, type Outgoing, type OutgoingContext, type TurnOutput } from './outgoing.ts'
import { Punctuations } from './punctuations.ts'
import type { SubTopology } from './split.ts'
import type { Checkpoint, LeafSource } from './stores/leaf-source.ts'
import type { StoreSpec } from './stores/store-spec.ts'
import { type StateChanges, TaskStores } from './stores/task-stores.ts'
import type { RecordPosition, StreamRecord } from './stream-record.ts'

/** The records of one partition of one topic that a turn may process. */
export interface TurnInput {
  /** The node by which they come in. */
  readonly node: string
  readonly topic: string
  readonly partition: number
  readonly records: readonly LogRecord[]
  /** True if the topic has no more records, as far as is known. Otherwise the turn ends behind the last of these. */
  readonly isAtEnd: boolean
}

export interface TurnRequest {
  readonly inputs: readonly TurnInput[]
  readonly recordsMax: number
  readonly nowMs: number
  /** The clock of punctuations; undefined: it is stopped. */
  readonly clockMs: number | undefined
  readonly outgoing: OutgoingContext
}

export interface TurnResult {
  /** For each input, how many of its records were processed. */
  readonly consumed: readonly number[]
  readonly state: StateChanges
  /** The values of the cells that changed. */
  readonly cells: ReadonlyMap<string, number>
  /** The records that leave the task, as batches, and the producers behind them. */
  readonly outgoing: Outgoing
  /** Records that were dropped, by node and reason. */
  readonly dropped: ReadonlyMap<string, number>
  /** When the next punctuation by the clock is due; undefined: none is. */
  readonly nextPunctuationMs: number | undefined
}

/** The first record of a turn cannot be processed. Nothing of the turn has happened. */
export interface TurnFailure {
  readonly node: string
  /** Undefined: a punctuation failed. */
  readonly position: RecordPosition | undefined
  /** Index of the input whose first record failed. */
  readonly input: number | undefined
  readonly error: unknown
}

export interface TaskRunOptions {
  readonly sub: SubTopology
  readonly partition: number
  readonly leaves: LeafSource
  /** The values of the cells as of the last turn. */
  readonly cells: ReadonlyMap<string, number>
  readonly coalesces: boolean
  readonly nowMs: number
}

interface RunningNode {
  readonly name: string
  /** Counts the records that it has processed. */
  readonly recordsCount: Cell
  readonly operator: Operator
  readonly children: Array<{ readonly node: RunningNode; readonly input: number }>
}

const STREAM_TIME_CELL = 'stream-time'
/** Shown in place of a node for errors of a whole turn. */
const OUTPUTS = 'outputs'
const STORES = 'stores'

export class TaskRun {
  readonly stores: TaskStores
  readonly #options: TaskRunOptions
  readonly #nodes = new Map<string, RunningNode>()
  readonly #cells: Cells
  readonly #punctuations: Punctuations
  readonly #streamTime: Cell
  #outputs: TurnOutput[] = []
  #outputBytes = 0
  #dropped = new Map<string, number>()
  #nowMs: number
  #position: RecordPosition | undefined
  /** The node that is at work: an error is its. */
  #atWork = ''

  constructor(options: TaskRunOptions) {
    this.#options = options
    this.#nowMs = options.nowMs
    this.stores = new TaskStores(options.sub.stores, options.leaves)
    this.#cells = new Cells(options.cells)
    this.#punctuations = new Punctuations(this.#cells)
    this.#streamTime = this.#cells.add(STREAM_TIME_CELL, -1)
    for (const node of options.sub.reads) {
      if (node.kind === 'source') continue
      const { name, key, value } = node
      this.#add({ kind: 'source', name, topics: [], inputs: [], key, value }, `${name}:read`)
    }
    for (const node of options.sub.nodes) this.#add(node, node.name)
  }

  get streamTimeMs(): number {
    return this.#streamTime.value
  }

  /** When the next punctuation by the clock is due; undefined: none is. */
  get nextPunctuationMs(): number | undefined {
    return this.#punctuations.nextMs
  }

  /** True if a schedule by the clock began and no turn has stored it: a restart would begin it again. */
  get hasUnstoredSchedule(): boolean {
    return this.#punctuations.hasUnstored
  }

  /**
   * Makes one turn. If a record fails, the turn ends before it; if it is the first one, nothing happens.
   */
  turn(request: TurnRequest): TurnResult | { readonly failure: TurnFailure } {
    let recordsMax = request.recordsMax
    for (;;) {
      const progress: Progress = {
        consumed: request.inputs.map(() => 0),
        count: 0,
        input: undefined,
      }
      try {
        this.#process({ ...request, recordsMax }, progress)
        this.#atWork = OUTPUTS
        const outgoing = encodeOutgoing(this.#outputs, request.outgoing)
        return { ...this.#commit(progress.consumed), outgoing }
      } catch (error) {
        const failure = {
          node: this.#atWork,
          position: this.#position,
          input: progress.input,
          error,
        }
        this.#rollBack()
        // Without the failing record the same turn succeeds. An error of the commit may belong to any of its records.
        const done = progress.input === undefined ? progress.count >> 1 : progress.count
        if (done === 0) return { failure }
        recordsMax = Math.min(done, recordsMax - 1)
      }
    }
  }

  checkpoint(): Checkpoint {
    return this.stores.checkpoint()
  }

  // -- a turn ------------------------------------------------------------------------------------

  #process({ inputs, recordsMax, nowMs, clockMs }: TurnRequest, progress: Progress): void {
    this.#nowMs = nowMs
    this.#position = undefined
    if (clockMs !== undefined) this.#punctuate('wall-clock', clockMs)
    const readers = inputs.map(({ node }) => this.#reader(node))
    while (progress.count < recordsMax && this.#outputBytes < TURN_BYTES) {
      const index = nextInput(inputs, progress.consumed)
      if (index === undefined) break
      progress.input = index
      const count = progress.consumed[index] as number
      this.#processRecord(inputs[index] as TurnInput, count, readers[index] as RunningNode)
      progress.consumed[index] = count + 1
      progress.count++
      progress.input = undefined
    }
    this.#position = undefined
    for (const { name, operator } of this.#nodes.values()) {
      this.#atWork = name
      operator.flush?.()
    }
  }

  #processRecord(
    { topic, partition, records }: TurnInput,
    index: number,
    source: RunningNode,
  ): void {
    const record = records[index] as LogRecord
    const { offset, timestamp } = record
    this.#position = { topic, partition, offset }
    this.#atWork = source.name
    if (timestamp < 0) {
      throw new EdgelogError(
        'invalid_timestamp',
        'timestamp: the record has none; windows and joins need it',
      )
    }
    const isLater = timestamp > this.#streamTime.value
    if (isLater) this.#streamTime.value = timestamp
    source.recordsCount.value++
    source.operator.process(record, 0)
    if (isLater) this.#punctuate('stream-time', timestamp)
  }

  #punctuate(type: PunctuationType, timeMs: number): void {
    for (const { node, run } of this.#punctuations.due(type, timeMs)) {
      this.#atWork = node
      run()
    }
  }

  #commit(consumed: readonly number[]): Omit<TurnResult, 'outgoing'> {
    this.#atWork = STORES
    const state = this.stores.commit()
    const cells = this.#cells.commit()
    const dropped = this.#dropped
    this.#clear()
    const { nextPunctuationMs } = this
    return { consumed, state, cells, dropped, nextPunctuationMs }
  }

  #rollBack(): void {
    this.stores.rollBack()
    this.#cells.rollBack()
    for (const { operator } of this.#nodes.values()) operator.clear?.()
    this.#clear()
  }

  #clear(): void {
    this.#outputs = []
    this.#outputBytes = 0
    this.#dropped = new Map()
  }

  // -- nodes -------------------------------------------------------------------------------------

  #add(node: TopologyNode, id: string): void {
    const children: RunningNode['children'] = []
    const running = {
      name: node.name,
      recordsCount: this.#cells.add(recordsCell(id), 0),
      children,
      operator: operatorOf(node, this.#contextOf(node, children)),
    }
    for (const [input, name] of node.inputs.entries()) {
      this.#reader(name).children.push({ node: running, input })
    }
    this.#nodes.set(id, running)
  }

  /** Returns the node that forwards the records of a node: of a repartition, the side that reads. */
  #reader(name: string): RunningNode {
    return this.#nodes.get(`${name}:read`) ?? (this.#nodes.get(name) as RunningNode)
  }

  #contextOf(node: TopologyNode, children: RunningNode['children']): OperatorContext {
    const run = this
    const { partition, coalesces } = this.#options
    return {
      partition,
      coalesces,
      get position() {
        return run.#position
      },
      get streamTimeMs() {
        return run.#streamTime.value
      },
      get nowMs() {
        return run.#nowMs
      },
      forward: (record, child) => {
        if (child === undefined) for (const one of children) run.#pass(one, record, node.name)
        else {
          const one = children[child]
          if (one !== undefined) run.#pass(one, record, node.name)
        }
      },
      input: (index) => run.#reader(node.inputs[index] as string).operator,
      store: (spec: StoreSpec) => run.stores.get(spec.name),
      cell: (name, initial) => run.#cells.add(`${node.name}/${name}`, initial),
      drop: (reason) => run.#drop(node.name, reason),
      output: (record) => run.#output(node.name, record),
      schedule: (intervalMs, type, punctuate) => {
        const schedule = { node: node.name, intervalMs, type, punctuate }
        return run.#punctuations.add({ ...schedule, nowMs: run.#nowMs })
      },
    }
  }

  #pass(child: RunningNode['children'][number], record: StreamRecord, from: string): void {
    this.#atWork = child.node.name
    child.node.recordsCount.value++
    child.node.operator.process(record, child.input)
    this.#atWork = from
  }

  #drop(node: string, reason: DropReason): void {
    const name = `${node}: ${reason}`
    this.#dropped.set(name, (this.#dropped.get(name) ?? 0) + 1)
  }

  #output(node: string, record: OutputRecord): void {
    this.#outputs.push({ node, ...record })
    this.#outputBytes += (record.key?.length ?? 0) + (record.value?.length ?? 0) + 20
    if (this.#outputBytes > TURN_BYTES_MAX) {
      throw new EdgelogError(
        'message_too_large',
        `the outputs of one record may have ${TURN_BYTES_MAX} bytes together`,
      )
    }
  }
}

interface Progress {
  readonly consumed: number[]
  count: number
  /** The input whose record is being processed. */
  input: number | undefined
}

/**
 * Returns the input whose next record has the lowest timestamp; undefined if there is none, or if one is missing that
 * may be lower.
 */
function nextInput(inputs: readonly TurnInput[], consumed: readonly number[]): number | undefined {
  let best: number | undefined
  let lowest = Number.POSITIVE_INFINITY
  for (let index = 0; index < inputs.length; index++) {
    const { records, isAtEnd } = inputs[index] as TurnInput
    const record = records[consumed[index] as number]
    if (record === undefined) {
      if (!isAtEnd) return undefined
      continue
    }
    if (record.timestamp < lowest) {
      lowest = record.timestamp
      best = index
    }
  }
  return best
}
