/**
 * The loop of a task: fetch, turn, commit, send. It does all of its I/O by ports, so it is the same in an object, in
 * Node and in a page.
 */
import { EdgelogError } from '../errors.ts'
import { SEND_RETRY_MS_MAX, SEND_RETRY_MS_MIN } from './limits.ts'
import { partitionName } from './outgoing.ts'
import type { FetchedRecords, TaskInput } from './task-inputs.ts'
import type { TaskProcess, TurnCommit } from './task-process.ts'
import type { OutgoingBatches, ShownError } from './turn-row.ts'

export interface TaskPorts {
  /** Reads records; returns none at once if there are none. Throws `EdgelogError`. */
  fetch(input: TaskInput, offset: number): Promise<FetchedRecords>
  /** Appends batches; resolves when they are in the log, also if they were there before. Throws `EdgelogError`. */
  append(batches: OutgoingBatches): Promise<void>
  /** Stores a turn. All of it is stored, or the loop must not go on. */
  commit(commit: TurnCommit): void | Promise<void>
  nowMs(): number
  pause(ms: number): Promise<void>
  /** Returns in another turn of the event loop, so that other calls are served. */
  nextTurn(): Promise<void>
}

export type LoopEnd =
  /** All records are processed, and all batches are acknowledged. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly error: ShownError }

export class TaskLoop {
  readonly #process: TaskProcess
  readonly #ports: TaskPorts
  /** Inputs with a fetch under way; true if news came meanwhile, so that its result may be behind. */
  readonly #fetching = new Map<string, boolean>()
  /** Output partitions with an append under way. */
  readonly #sending = new Set<string>()
  #isStopped = false
  #error: ShownError | undefined
  #changed = Promise.withResolvers<void>()

  constructor(process: TaskProcess, ports: TaskPorts) {
    this.#process = process
    this.#ports = ports
  }

  /** Ends `run` after the turn that is being made. */
  stop(): void {
    this.#isStopped = true
    this.#note()
  }

  /** Notes that a topic may have new records. */
  news(topic: string, partition: number): void {
    this.#process.wake(topic, partition)
    for (const name of this.#fetching.keys()) {
      if (name.endsWith(`/${partitionName(topic, partition)}`)) this.#fetching.set(name, true)
    }
    this.#note()
  }

  /** Processes records until there are no more. */
  async run(): Promise<LoopEnd> {
    this.#send()
    for (;;) {
      if (this.#isStopped) return { kind: 'stopped' }
      if (this.#error !== undefined) return { kind: 'failed', error: this.#error }
      this.#startFetches()
      const changed = this.#changed.promise
      const step = this.#process.step(this.#ports.nowMs())
      if (step.kind === 'commit') {
        await this.#ports.commit(step.commit)
        this.#send()
        await this.#ports.nextTurn()
      } else if (step.kind === 'failed' && this.#sending.size === 0) {
        return { kind: 'failed', error: step.error }
      } else if (this.#fetching.size === 0 && this.#sending.size === 0) {
        return { kind: 'idle' }
      } else await changed
    }
  }

  #note(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers<void>()
  }

  #fail(node: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    this.#error ??= { node, message, atMs: this.#ports.nowMs() }
    this.#note()
  }

  // -- inputs ------------------------------------------------------------------------------------

  #startFetches(): void {
    for (const input of this.#process.wanted()) {
      const name = `${input.node}/${partitionName(input.topic, input.partition)}`
      if (this.#fetching.has(name)) continue
      this.#fetching.set(name, false)
      void this.#fetch(name, input).finally(() => {
        this.#fetching.delete(name)
        this.#note()
      })
    }
  }

  async #fetch(name: string, input: TaskInput & { readonly offset: number }): Promise<void> {
    const fetched = await this.#retried(input.node, () => this.#ports.fetch(input, input.offset))
    if (fetched === undefined) return
    const isAtEnd = fetched.isAtEnd && this.#fetching.get(name) !== true
    this.#process.receive(input, { ...fetched, isAtEnd })
  }

  // -- outputs -----------------------------------------------------------------------------------

  /** Sends the oldest batches of each output partition that has none under way. */
  #send(): void {
    const waiting = new Set<string>()
    for (const { turn, outgoing } of this.#process.pending) {
      for (const batches of outgoing) {
        const name = partitionName(batches.topic, batches.partition)
        if (waiting.has(name)) continue
        waiting.add(name)
        if (this.#sending.has(name)) continue
        this.#sending.add(name)
        void this.#append(turn, batches).finally(() => {
          this.#sending.delete(name)
          if (!this.#isStopped && this.#error === undefined) this.#send()
          this.#note()
        })
      }
    }
  }

  async #append(turn: number, batches: OutgoingBatches): Promise<void> {
    const isDone = await this.#retried(batches.topic, async () => {
      await this.#ports.append(batches)
      return true
    })
    if (isDone === true) this.#process.acknowledge(turn, batches, this.#ports.nowMs())
  }

  /** Calls until it succeeds. An error that does not go away stops the task. */
  async #retried<T>(node: string, call: () => Promise<T>): Promise<T | undefined> {
    let pauseMs = SEND_RETRY_MS_MIN
    while (!this.#isStopped) {
      try {
        return await call()
      } catch (error) {
        if (!(error instanceof EdgelogError) || !error.retryable) {
          this.#fail(node, error)
          return undefined
        }
        await this.#ports.pause(pauseMs)
        pauseMs = Math.min(2 * pauseMs, SEND_RETRY_MS_MAX)
      }
    }
    return undefined
  }
}
