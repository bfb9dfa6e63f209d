/** A task in memory: its process and loop over the rows of the object. */
import { EdgelogError } from '../../src/core/errors.ts'
import { recordsByNode } from '../../src/core/streams/cells.ts'
import { SHOWN_ERROR_LENGTH_MAX, STATE_BYTES_MAX } from '../../src/core/streams/limits.ts'
import { hasReached, notReached, queryStore } from '../../src/core/streams/query.ts'
import { shownRow } from '../../src/core/streams/shown-row.ts'
import type { SubTopology } from '../../src/core/streams/split.ts'
import type {
  AssignedInput,
  AtLeast,
  InputPosition,
  QueryResult,
  StoreQuery,
  TaskAssignment,
  TaskDescription,
  TaskProgress,
  TaskStatus,
} from '../../src/core/streams/task-api.ts'
import type { PositionedInput } from '../../src/core/streams/task-inputs.ts'
import { type LoopEnd, TaskLoop, type TaskPorts } from '../../src/core/streams/task-loop.ts'
import { TaskProcess, type TurnCommit } from '../../src/core/streams/task-process.ts'
import { type SqlRow, TaskRows } from '../../src/core/streams/task-sql.ts'
import type { OutgoingBatches, ShownError } from '../../src/core/streams/turn-row.ts'
import { nextTurn } from '../next-turn.ts'
import { InternalTruncation } from './internal-truncation.ts'
import { TaskSettings } from './task-settings.ts'
import type { TaskTopics } from './task-topics.ts'
import { topologyOfTask } from './task-topology.ts'

type AssignedPosition = AssignedInput & { readonly offset: number }

interface RunningTaskOptions {
  readonly name: string
  readonly topics: TaskTopics
  /** Called in the synchronous turn that stores a turn of the task. */
  readonly onTurn: () => void
}

export class RunningTask {
  readonly name: string
  readonly assignment: TaskAssignment
  readonly #storage: DurableObjectStorage
  readonly #topics: TaskTopics
  readonly #onTurn: () => void
  readonly #rows: TaskRows
  readonly #settings: TaskSettings
  readonly #sub: SubTopology
  readonly #process: TaskProcess
  readonly #loop: TaskLoop
  /** False: this Worker has a topology that the assignment is not made for. */
  readonly #isCurrent: boolean
  /** The end of each input's log, when it was read last. */
  readonly #ends = new Map<string, number>()
  readonly #truncation: InternalTruncation
  /** The latest version of each topic, if it is not the assigned one. */
  readonly #versions = new Map<string, number>()
  #queries: Array<() => void> = []
  #rowsWritten = 0
  #hasNews = false
  #failure: ShownError | undefined
  #failures: TaskDescription['failures']

  /** @throws {EdgelogError} `not_found` if this Worker does not have the topology, or cannot compile it. */
  constructor(storage: DurableObjectStorage, { name, topics, onTurn }: RunningTaskOptions) {
    this.#onTurn = onTurn
    this.name = name
    this.#storage = storage
    this.#topics = topics
    this.#truncation = new InternalTruncation(topics)
    this.#settings = new TaskSettings(storage.sql)
    this.#rows = new TaskRows((statement, ...values) => this.#sql(statement, ...values))
    const assignment = this.#settings.assignment as TaskAssignment
    this.assignment = assignment
    const failure = this.#settings.failure
    this.#failure = failure?.version === assignment.version ? failure.error : undefined
    const { topology, sub, isCurrent } = topologyOfTask(assignment, (message) => {
      const count = (this.#failures?.count ?? 0) + 1
      this.#failures = { count, lastMessage: message.slice(0, SHOWN_ERROR_LENGTH_MAX) }
    })
    this.#isCurrent = isCurrent
    this.#sub = sub
    this.#process = new TaskProcess({
      sub,
      partition: assignment.partition,
      inputs: assignment.inputs,
      outputs: new Map(assignment.outputs.map((output) => [output.node, output])),
      onError: topology.onError ?? 'stop',
      producerId: this.#settings.producerId as bigint,
      coalesces: topology.coalesces ?? true,
      leaves: this.#rows,
      turns: this.#rows.turns(),
      nowMs: Date.now(),
      isClockStopped: assignment.isClockStopped === true,
    })
    this.#loop = new TaskLoop(this.#process, this.#ports())
  }

  /** True if this Worker has another topology than the assignment is made for. */
  get isWaiting(): boolean {
    return !this.#isCurrent
  }

  /** Lets the application look, if this release of the Worker makes another topology of the program. */
  noteOtherTopology(): void {
    const { application, program } = this.assignment
    if (this.isWaiting && program !== undefined) this.#topics.noteChange(application)
  }

  get mayRun(): boolean {
    return !this.assignment.isPaused && this.#failure === undefined && this.#isCurrent
  }

  /** True if news came while the loop was ending. */
  get hasWork(): boolean {
    return this.#hasNews && this.mayRun
  }

  get hasUnstoredAcks(): boolean {
    return this.#process.hasUnstoredAcks
  }

  get nextPunctuationMs(): number | undefined {
    if (this.assignment.isClockStopped === true) return undefined
    return this.#process.header.nextPunctuationMs
  }

  /** Processes what there is, until the topics promise to call when they have more. */
  async run(): Promise<LoopEnd> {
    for (;;) {
      this.#hasNews = false
      const end = await this.#loop.run()
      if (end.kind !== 'idle' || !(await this.#watchAll())) return end
    }
  }

  stop(): void {
    this.#loop.stop()
  }

  fail(error: ShownError): void {
    this.#failure = error
    this.#settings.failure = { error, version: this.assignment.version }
  }

  news(topicId: string, partition: number): void {
    this.#hasNews = true
    for (const input of this.assignment.inputs) {
      if (input.topicId === topicId) this.#loop.news(input.topic, partition)
    }
  }

  /** Asks all topics again, in case a hint was lost. */
  lookAgain(): void {
    for (const { topic, partition } of this.assignment.inputs) this.#loop.news(topic, partition)
  }

  /** Stores that batches are in their logs, so that they are not sent again after a long sleep. */
  storeAcks(): void {
    if (this.#process.hasUnstoredAcks) this.#commit(this.#process.storeAcks(Date.now()))
  }

  async unwatch(): Promise<void> {
    await Promise.allSettled(
      this.assignment.inputs.map((input) => this.#topics.unwatch(input, this.name)),
    )
  }

  /** Describes the task. The ends of its topics are asked for; one that does not respond has the end that is known. */
  async describe(): Promise<TaskDescription> {
    await Promise.allSettled(
      this.assignment.inputs.map(async (input) => {
        this.#ends.set(`${input.topic}/${input.partition}`, await this.#topics.end(input))
      }),
    )
    const { sub, partition } = this.assignment
    const { recordsCount, cells, dropped, lastError } = this.#process.header
    const status = this.#status()
    const shown = this.#failure ?? lastError
    return {
      ...{ sub, partition, status, recordsCount, dropped },
      nodes: recordsByNode(this.#sub, cells),
      inputs: this.#positions(),
      stateBytes: this.#storage.sql.databaseSize,
      pendingTurns: this.#process.pending.length,
      streamTimeMs: this.#process.run.streamTimeMs,
      rowsWritten: this.#rowsWritten,
      ...(shown === undefined ? {} : { lastError: shown }),
      ...(this.#failures === undefined ? {} : { failures: this.#failures }),
    }
  }

  /** @throws {EdgelogError} `unavailable` if a topic does not respond. */
  async progress(): Promise<TaskProgress> {
    const { inputs, version, sub, partition } = this.assignment
    const ends = await Promise.all(inputs.map((input) => this.#topics.end(input)))
    const offsets = this.#process.positions()
    const { recordsCount } = this.#process.header
    const error = this.#failure
    return {
      ...{ sub, partition, version, status: this.#status(), recordsCount },
      inputs: inputs.map(({ topic, partition, isInternal }, index) => {
        const { offset } = offsets[index] as PositionedInput
        const endOffset = Math.max(offset, ends[index] as number)
        return { topic, partition, offset, endOffset, isInternal }
      }),
      pendingTurns: this.#process.pending.length,
      ...(error === undefined ? {} : { error }),
    }
  }

  /**
   * Answers a query, once the state has reached the position that it demands.
   *
   * @throws {EdgelogError} as `queryStore`; `unavailable` if the position is not reached in time.
   */
  async query(query: StoreQuery, start: () => void): Promise<QueryResult> {
    const { atLeast, maxWaitMs } = query
    if (atLeast !== undefined && !hasReached(this.#positions(), atLeast)) {
      this.#hasNews = true
      this.#loop.news(atLeast.topic, atLeast.partition)
      start()
      await this.#untilReached(atLeast, Date.now() + maxWaitMs)
    }
    const found = queryStore(this.#process.run.stores, this.#sub.stores, query)
    const rows = query.isRaw === true ? found.rows : found.rows.map(shownRow)
    return { ...found, rows, positions: this.#positions() }
  }

  // -- the ports of the loop ---------------------------------------------------------------------

  #ports(): TaskPorts {
    return {
      fetch: async (input, offset) => {
        this.#checkSize()
        const fetched = await this.#topics.fetch(input as AssignedInput, offset)
        this.#ends.set(`${input.topic}/${input.partition}`, fetched.end)
        this.#noteVersion(input as AssignedInput, fetched.topicVersion)
        return fetched
      },
      append: (batches) => this.#topics.append(this.#outputOf(batches), batches),
      commit: (commit) => {
        this.#onTurn()
        this.#commit(commit)
      },
      nowMs: () => Date.now(),
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      nextTurn,
    }
  }

  #checkSize(): void {
    const { databaseSize } = this.#storage.sql
    if (databaseSize <= STATE_BYTES_MAX) return
    const why = `the task has ${databaseSize} bytes of state; at most ${STATE_BYTES_MAX} are allowed`
    throw new EdgelogError('policy_violation', `${why}; begin anew with more partitions`)
  }

  /** Lets the application look at its topics when one of them has changed. */
  #noteVersion({ topic, topicVersion: assigned }: AssignedInput, topicVersion: number): void {
    if (topicVersion <= (this.#versions.get(topic) ?? assigned)) return
    this.#versions.set(topic, topicVersion)
    this.#topics.noteChange(this.assignment.application)
  }

  #commit(commit: TurnCommit): void {
    this.#storage.transactionSync(() => this.#rows.commit(commit))
    for (const wake of this.#queries.splice(0)) wake()
    if (commit.checkpoint === undefined) return
    this.#truncation.truncate(this.#process.positions() as readonly AssignedPosition[])
  }

  #outputOf({ topic }: OutgoingBatches) {
    const output = this.assignment.outputs.find((one) => one.topic === topic)
    if (output !== undefined) return output
    throw new EdgelogError('not_found', `topic ${topic}: the topology no longer writes to it`)
  }

  /** Returns true if a topic has records already. */
  async #watchAll(): Promise<boolean> {
    const positions = this.#process.open() as readonly AssignedPosition[]
    const found = await Promise.all(
      positions.map(async (input) => {
        // If the call fails, the alarm asks again.
        const watching = this.#topics.watch(input, this.name, input.offset).catch(() => false)
        const hasRecords = await watching
        if (hasRecords) this.#loop.news(input.topic, input.partition)
        return hasRecords
      }),
    )
    return found.includes(true)
  }

  #status(): TaskStatus {
    if (this.#failure !== undefined) return 'failed'
    if (this.assignment.isPaused) return 'paused'
    return this.#isCurrent ? 'running' : 'waiting'
  }

  // -- queries -----------------------------------------------------------------------------------

  #positions(): InputPosition[] {
    return this.#process.positions().map(({ topic, partition, offset }) => {
      const endOffset = Math.max(offset, this.#ends.get(`${topic}/${partition}`) ?? offset)
      return { topic, partition, offset, endOffset }
    })
  }

  async #untilReached(atLeast: AtLeast, deadlineMs: number): Promise<void> {
    while (!hasReached(this.#positions(), atLeast)) {
      const leftMs = deadlineMs - Date.now()
      if (leftMs <= 0) throw notReached(atLeast)
      await this.#nextCommit(leftMs)
    }
  }

  async #nextCommit(waitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, waitMs)
    this.#queries.push(resolve)
    await promise
    clearTimeout(timer)
  }

  #sql(statement: string, ...values: (string | number | Uint8Array | null)[]): SqlRow[] {
    const cursor = this.#storage.sql.exec(statement, ...values)
    const rows = cursor.toArray()
    this.#rowsWritten += cursor.rowsWritten
    return rows
  }
}
