/**
 * One task of a topology in this process: opens it from what is stored, runs its loop, and waits for more.
 *
 *     open -> loop ──idle──> wait ──news──> loop
 *      ^        │ the commit failed
 *      └─pause──┘
 */
import { EdgelogError } from '../../../src/core/errors.ts'
import { recordsByNode } from '../../../src/core/streams/cells.ts'
import type { OutputTopic } from '../../../src/core/streams/outgoing.ts'
import type { LeafSource } from '../../../src/core/streams/stores/leaf-source.ts'
import type { InputPosition, TaskStatus } from '../../../src/core/streams/task-api.ts'
import type { PositionedInput, TaskInput } from '../../../src/core/streams/task-inputs.ts'
import { TaskLoop, type TaskPorts } from '../../../src/core/streams/task-loop.ts'
import { TaskProcess, type TurnCommit } from '../../../src/core/streams/task-process.ts'
import type { Topology } from '../../../src/core/streams/topology.ts'
import type { OutgoingBatches, ShownError } from '../../../src/core/streams/turn-row.ts'
import { type Clock, sleep } from '../../clock.ts'
import { TASK_REOPEN_MS_MAX, TASK_REOPEN_MS_MIN, TIMER_MS_MAX } from '../../limits.ts'
import type { TaskPlace } from './topology-plan.ts'

/** The stored part of a task. */
export interface StoredTask {
  readonly leaves: LeafSource
  readonly turns: readonly Uint8Array[]
  readonly producerId: bigint
}

/** The storage and the topics of a task. */
export interface RunnerPorts extends Pick<TaskPorts, 'fetch' | 'append' | 'nextTurn'> {
  open(place: TaskPlace): Promise<StoredTask>
  /** Stores a turn, and what the task sends by it, as a whole. */
  commit(
    place: TaskPlace,
    commit: TurnCommit,
    outgoing: readonly OutgoingBatches[],
    positions: readonly PositionedInput[],
  ): void | Promise<void>
  /** Looks for records behind the positions, and calls `news` when there are some. */
  watch?(positions: readonly PositionedInput[]): void
}

export interface TaskRunnerOptions {
  readonly place: TaskPlace
  readonly topology: Topology
  readonly inputs: readonly TaskInput[]
  readonly outputs: ReadonlyMap<string, OutputTopic>
  readonly ports: RunnerPorts
  readonly clock: Clock
  readonly turnRecordsMax?: number
  /** True if acknowledgements are stored before the task waits. */
  readonly storesAcks: boolean
  /** Interval at which a waiting task looks again, where news may be lost. */
  readonly lookAgainMs?: number
  readonly failed: (error: ShownError) => void
  /** The task is opened again after a pause. */
  readonly reopening: (error: EdgelogError) => void
}

export interface TaskState {
  /** As Kafka Streams names it: `0_3`. */
  readonly task: string
  readonly status: Extract<TaskStatus, 'running' | 'failed'>
  readonly positions: readonly InputPosition[]
  readonly recordsCount: number
  /** Records that each node has processed, by its name. */
  readonly nodes: Readonly<Record<string, number>>
  /** Records that were dropped, by node and reason. */
  readonly dropped: Readonly<Record<string, number>>
  /** Turns whose batches are not acknowledged. */
  readonly pendingTurns: number
  readonly lastError?: ShownError
}

export class TaskRunner {
  readonly place: TaskPlace
  readonly #options: TaskRunnerOptions
  readonly #stop = new AbortController()
  readonly #ends = new Map<string, number>()
  #process: TaskProcess | undefined
  #loop: TaskLoop | undefined
  #running: Promise<void> | undefined
  #failure: ShownError | undefined
  #reopenMs = TASK_REOPEN_MS_MIN
  #turns = 0
  #hasNews = false
  #isWaiting = false
  #wake = new AbortController()
  readonly #waiters = new Set<() => void>()

  constructor(options: TaskRunnerOptions) {
    this.place = options.place
    this.#options = options
  }

  /** Turns that were stored by this instance. */
  get turns(): number {
    return this.#turns
  }

  get failure(): ShownError | undefined {
    return this.#failure
  }

  /** The task as of its last turn; undefined until it is open. */
  get process(): TaskProcess | undefined {
    return this.#process
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.#loop?.stop()
    this.#wake.abort()
    await this.#running
    this.#noteChange()
  }

  /** Notes that a topic may have new records. */
  news(topic: string, partition: number): void {
    const isRead = this.#options.inputs.some(
      (input) => input.topic === topic && input.partition === partition,
    )
    if (!isRead) return
    this.#hasNews = true
    this.#loop?.news(topic, partition)
    this.#wake.abort()
  }

  lookAgain(): void {
    for (const { topic, partition } of this.#options.inputs) this.news(topic, partition)
  }

  /** Resolves when the task has processed what there is, or does not run any more. */
  async untilIdle(): Promise<void> {
    while (this.#isBusy()) await this.untilChange(TIMER_MS_MAX)
  }

  /** Resolves after the next turn, and when the task becomes idle, fails or stops; at the latest after `waitMs`. */
  async untilChange(waitMs: number, signal?: AbortSignal): Promise<void> {
    const change = new AbortController()
    const end = () => change.abort()
    this.#waiters.add(end)
    signal?.addEventListener('abort', end)
    await sleep(this.#options.clock, waitMs, change.signal)
    this.#waiters.delete(end)
    signal?.removeEventListener('abort', end)
  }

  state(): TaskState {
    const process = this.#process
    const { recordsCount = 0, cells = {}, dropped = {}, lastError } = process?.header ?? {}
    const shown = this.#failure ?? lastError
    return {
      task: this.place.name,
      status: this.#failure === undefined ? 'running' : 'failed',
      ...{ recordsCount, nodes: recordsByNode(this.place.sub, cells), dropped },
      positions: this.positions(),
      pendingTurns: process?.pending.length ?? 0,
      ...(shown === undefined ? {} : { lastError: shown }),
    }
  }

  positions(): InputPosition[] {
    return (this.#process?.positions() ?? []).map(({ topic, partition, offset }) => {
      const endOffset = Math.max(offset, this.#ends.get(`${topic}/${partition}`) ?? offset)
      return { topic, partition, offset, endOffset }
    })
  }

  #isBusy(): boolean {
    if (this.#failure !== undefined || this.#stop.signal.aborted) return false
    return this.#process === undefined || this.#hasNews || !this.#isWaiting
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    const { clock, reopening } = this.#options
    while (!signal.aborted && this.#failure === undefined) {
      try {
        await this.#open()
        await this.#loopOnAndOn()
      } catch (error) {
        if (!(error instanceof EdgelogError) || !error.retryable) {
          const message = error instanceof Error ? error.message : String(error)
          this.#fail({ node: `task ${this.place.name}`, message, atMs: clock.now() })
          return
        }
        // Memory may be ahead of the storage, so the task is opened again from its storage.
        this.#loop?.stop()
        this.#process = undefined
        reopening(error)
        await sleep(clock, this.#reopenMs, signal)
        this.#reopenMs = Math.min(2 * this.#reopenMs, TASK_REOPEN_MS_MAX)
      }
    }
  }

  async #open(): Promise<void> {
    const { place, topology, inputs, outputs, ports, clock, turnRecordsMax } = this.#options
    const stored = await ports.open(place)
    this.#hasNews = false
    this.#process = new TaskProcess({
      ...{ inputs, outputs, ...stored },
      ...{ sub: place.sub, partition: place.partition },
      onError: topology.onError ?? 'stop',
      coalesces: topology.coalesces ?? true,
      nowMs: clock.now(),
      ...(turnRecordsMax === undefined ? {} : { turnRecordsMax }),
    })
    this.#loop = new TaskLoop(this.#process, this.#loopPorts(this.#process))
  }

  async #loopOnAndOn(): Promise<void> {
    const process = this.#process as TaskProcess
    const loop = this.#loop as TaskLoop
    for (;;) {
      this.#hasNews = false
      const end = await loop.run()
      if (end.kind === 'failed') this.#fail(end.error)
      if (this.#options.storesAcks && process.hasUnstoredAcks) {
        await this.#commit(process, process.storeAcks(this.#options.clock.now()))
      }
      if (end.kind !== 'idle' || this.#stop.signal.aborted) return
      await this.#wait(process)
    }
  }

  #loopPorts(process: TaskProcess): TaskPorts {
    const { ports, clock } = this.#options
    return {
      fetch: async (input, offset) => {
        const fetched = await ports.fetch(input, offset)
        if (fetched.isAtEnd) this.#ends.set(`${input.topic}/${input.partition}`, fetched.to)
        return fetched
      },
      append: (batches) => ports.append(batches),
      commit: (commit) => this.#commit(process, commit),
      nowMs: () => clock.now(),
      pause: (ms) => sleep(clock, ms, this.#stop.signal),
      nextTurn: () => ports.nextTurn(),
    }
  }

  async #commit(process: TaskProcess, commit: TurnCommit): Promise<void> {
    const outgoing = process.pending.find(({ turn }) => turn === commit.turn)?.outgoing ?? []
    const { ports } = this.#options
    await ports.commit(this.place, commit, outgoing, process.positions())
    this.#reopenMs = TASK_REOPEN_MS_MIN
    this.#turns++
    this.#noteChange()
  }

  /** Waits for news, for a punctuation, or until it is time to look again. */
  async #wait(process: TaskProcess): Promise<void> {
    if (this.#hasNews) return
    const { clock, ports, lookAgainMs = TIMER_MS_MAX } = this.#options
    this.#wake = new AbortController()
    this.#isWaiting = true
    this.#noteChange()
    ports.watch?.(process.positions())
    const dueMs = (process.header.nextPunctuationMs ?? Number.POSITIVE_INFINITY) - clock.now()
    await sleep(clock, Math.max(0, Math.min(dueMs, lookAgainMs)), this.#wake.signal)
    this.#isWaiting = false
    if (dueMs > lookAgainMs && !this.#wake.signal.aborted) this.lookAgain()
  }

  #fail(error: ShownError): void {
    this.#failure = error
    this.#options.failed(error)
    this.#noteChange()
  }

  #noteChange(): void {
    for (const waiter of this.#waiters) waiter()
  }
}
