/**
 * A small world for upgrades: two source partitions, generations of two sub-topologies with an internal topic between
 * them, and one sink. Every step is atomic, and the object of the application may die between any two of them.
 */
import {
  withPause,
  withReset,
  withTopology,
} from '../../../src/core/streams/application-changes.ts'
import {
  type ApplicationState,
  candidateGeneration,
  type Generation,
  newApplication,
  type Placement,
  runningGeneration,
  type Wanted,
} from '../../../src/core/streams/application-state.ts'
import {
  nextWork,
  withApplied,
  withoutGeneration,
  withPlacement,
  withRelease,
} from '../../../src/core/streams/application-work.ts'
import { decideUpgrade, type UpgradeProgress } from '../../../src/core/streams/decide-upgrade.ts'
import type { TaskProgress } from '../../../src/core/streams/task-api.ts'

const PARTITIONS = [0, 1] as const
const GROUPS = 3

/** One step of a history. */
export type Event =
  | { readonly kind: 'produce'; readonly partition: number }
  /** One step of a task: a turn of one record, or one record that is sent. */
  | { readonly kind: 'task'; readonly index: number; readonly sends: boolean }
  /** The next step of the object of the application. */
  | { readonly kind: 'application' }
  | { readonly kind: 'kill' }
  | { readonly kind: 'fail'; readonly index: number }
  | { readonly kind: 'deploy'; readonly topology: number }
  | { readonly kind: 'pause' | 'resume' | 'reset' }
  | { readonly kind: 'wait'; readonly ms: number }

/** Broken variants. */
export type Fault = 'no cut after the swap' | 'unmutes too early' | 'low cut'

interface Task {
  readonly generation: number
  readonly sub: number
  readonly partition: number
  version: number
  isPaused: boolean
  isMuted: boolean
  cut: number
  position: number
  recordsCount: number
  hasFailed: boolean
  pending: number[]
}

export class UpgradeWorld {
  readonly sources: number[][] = [[], []]
  readonly sink: number[] = []
  readonly #internal = new Map<string, number[]>()
  readonly #tasks = new Map<string, Task>()
  readonly #topologies: readonly Wanted[]
  readonly #fault: Fault | undefined
  state: ApplicationState
  swaps = 0
  resets = 0
  #nowMs = 0
  #pass: Generator<void> | undefined
  #nextId = 0

  constructor(topologies: readonly Wanted[], fault?: Fault) {
    this.#topologies = topologies
    this.#fault = fault
    this.state = newApplication(topologies[0] as Wanted, 'earliest')
  }

  apply(event: Event): void {
    switch (event.kind) {
      case 'produce':
        this.sources[event.partition]?.push(this.#nextId++)
        return
      case 'task':
        this.#taskStep(event)
        return
      case 'application':
        this.#pass ??= this.#settle()
        if (this.#pass.next().done === true) this.#pass = undefined
        return
      case 'kill':
        this.#pass = undefined
        return
      case 'fail': {
        const task = this.#pick(event.index)
        if (task !== undefined) task.hasFailed = true
        return
      }
      case 'wait':
        this.#nowMs += event.ms
        return
      default:
        this.#change(event)
    }
  }

  /** Lets everything go on until nothing more happens. */
  finish(): void {
    for (const task of this.#tasks.values()) task.hasFailed = false
    this.state = withPause(this.state, false)
    for (let round = 0; round < 3_000; round++) {
      this.apply({ kind: 'application' })
      for (let index = 0; index < this.#tasks.size; index++) {
        this.apply({ kind: 'task', index, sends: false })
        this.apply({ kind: 'task', index, sends: true })
      }
      this.apply({ kind: 'wait', ms: 1_000 })
      if (nextWork(this.state) === undefined && this.#isIdle) return
    }
    throw new Error(`it does not come to an end: ${JSON.stringify(this.state)}`)
  }

  get #isIdle(): boolean {
    return [...this.#tasks.values()].every((task) => {
      const { endOffset = 0 } = this.#progressOf(task).inputs[0] ?? {}
      return task.pending.length === 0 && task.position >= endOffset
    })
  }

  #change(event: Extract<Event, { kind: 'deploy' | 'pause' | 'resume' | 'reset' }>): void {
    const { state } = this
    if (event.kind === 'deploy') {
      const wanted = this.#topologies[event.topology] as Wanted
      this.state = withTopology(state, { wanted, hasRunning: true }, this.#nowMs)
    } else if (event.kind === 'reset') {
      this.resets++
      this.state = withReset(state, state, 'earliest')
    } else this.state = withPause(state, event.kind === 'pause')
  }

  // -- tasks -------------------------------------------------------------------------------------

  #pick(index: number): Task | undefined {
    const all = [...this.#tasks.values()]
    return all[index % Math.max(1, all.length)]
  }

  #log(name: string): number[] {
    const log = this.#internal.get(name) ?? []
    this.#internal.set(name, log)
    return log
  }

  #input({ generation, sub, partition }: Task): number[] {
    return sub === 0 ? (this.sources[partition] ?? []) : this.#log(`${generation}/${partition}`)
  }

  #taskStep({ index, sends }: Extract<Event, { kind: 'task' }>): void {
    const task = this.#pick(index)
    if (task === undefined || task.isPaused || task.hasFailed) return
    if (sends) {
      const id = task.pending.shift()
      if (id === undefined) return
      if (task.sub === 1) this.sink.push(id)
      else this.#log(`${task.generation}/${(id % GROUPS) % 2}`).push(id)
      return
    }
    const id = this.#input(task)[task.position]
    if (id === undefined || task.position >= task.cut) return
    task.position++
    task.recordsCount++
    if (task.sub === 0 || !task.isMuted) task.pending.push(id)
  }

  #progressOf(task: Task): TaskProgress {
    const { sub, partition, version, recordsCount, position: offset } = task
    const endOffset = this.#input(task).length
    const isInternal = sub === 1
    const topic = isInternal ? `internal-${task.generation}` : 'in'
    return {
      ...{ sub, partition, version, recordsCount, pendingTurns: task.pending.length },
      status: task.hasFailed ? 'failed' : task.isPaused ? 'paused' : 'running',
      inputs: [{ topic, partition, offset, endOffset, isInternal }],
    }
  }

  // -- the object of the application -------------------------------------------------------------

  /** Does work like `durable-objects/application/settling.ts`, and may be left at each `yield`. */
  *#settle(): Generator<void> {
    for (;;) {
      const { state } = this
      const work = nextWork(this.state)
      if (work === undefined) return
      yield
      if (work.kind === 'release') this.state = withRelease(this.state)
      else if (work.kind === 'place') yield* this.#place(state, work.generation)
      else if (work.kind === 'delete-generation') {
        for (const name of this.#names(work.placement)) {
          this.#tasks.delete(name)
          yield
        }
        this.state = withoutGeneration(this.state, work.placement)
      } else if (work.kind === 'upgrade') {
        const before = yield* this.#look(state)
        const now = yield* this.#look(state)
        if (this.state !== state) continue
        const decided = decideUpgrade(state, [before, now], this.#nowMs)
        const after = this.#damaged(decided)
        if (state.upgrade !== undefined && after.upgrade === undefined) this.swaps++
        this.state = after
        if (after.version === state.version) return
      }
    }
  }

  #damaged(state: ApplicationState): ApplicationState {
    const { cut, ...rest } = state
    if (cut === undefined) return state
    if (this.#fault === 'no cut after the swap' && state.upgrade === undefined) return rest
    if (this.#fault !== 'low cut' || state.upgrade?.step !== 'draining') return state
    return { ...state, cut: Object.fromEntries(Object.keys(cut).map((name) => [name, 0])) }
  }

  *#place(state: ApplicationState, which: 'running' | 'candidate'): Generator<void> {
    const { upgrade } = state
    const generation =
      which === 'running' || upgrade === undefined
        ? runningGeneration(state)
        : candidateGeneration(state, upgrade)
    if (this.state.version !== state.version) return
    const placed: Placement = {
      generation: generation.generation,
      ...{ tasks: PARTITIONS.map(() => PARTITIONS.length), internalTopics: [], sourceIds: {} },
    }
    this.state = withPlacement(this.state, which, placed)
    yield
    for (const name of this.#names(placed)) {
      this.#configure(name, generation)
      yield
    }
    this.state = withApplied(this.state, which, state.version)
  }

  #configure(name: string, { generation, version, isPaused, isMuted, cut }: Generation): void {
    const [, sub = 0, partition = 0] = name.split('/').map(Number)
    const known = this.#tasks.get(name)
    if (known !== undefined && known.version >= version) return
    const isEarly = this.#fault === 'unmutes too early' && cut !== undefined
    const end = sub === 0 ? (cut?.[`in/${partition}`] ?? 0) : Number.POSITIVE_INFINITY
    this.#tasks.set(name, {
      ...(known ?? { generation, sub, partition, position: 0, recordsCount: 0, pending: [] }),
      ...{ version, isPaused, isMuted: isMuted && !isEarly, hasFailed: false },
      cut: cut === undefined ? Number.POSITIVE_INFINITY : end,
    })
  }

  *#look({ placed, upgrade }: ApplicationState): Generator<void, UpgradeProgress> {
    return {
      running: yield* this.#progress(placed as Placement),
      candidate: yield* this.#progress(upgrade?.placed as Placement),
    }
  }

  *#progress(placed: Placement): Generator<void, TaskProgress[]> {
    const all: TaskProgress[] = []
    // Calls at the same time are answered in any order. In this one the readers of internal topics are first.
    for (const name of this.#names(placed).reverse()) {
      const task = this.#tasks.get(name)
      if (task !== undefined) all.push(this.#progressOf(task))
      yield
    }
    return all
  }

  #names({ generation, tasks }: Placement): string[] {
    return tasks.flatMap((count, sub) =>
      Array.from({ length: count }, (_, partition) => `${generation}/${sub}/${partition}`),
    )
  }
}
