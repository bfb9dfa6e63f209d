/** Runs a topology in this process. */
import { EdgelogError } from '../../../src/core/errors.ts'
import type { StartPosition } from '../../../src/core/streams/application-api.ts'
import { checkTopology, type Topology } from '../../../src/core/streams/topology.ts'
import type { Client, ClientParts } from '../../client.ts'
import type { Timer } from '../../clock.ts'
import { isTransient } from '../../http/request-error.ts'
import { METADATA_MAX_AGE_MS } from '../../limits.ts'
import {
  lagOf,
  type RunningTopology,
  type TopologyEvents,
  type TopologyState,
} from '../runner/running-topology.ts'
import { type ReadableTask, StoreView, type StoreViewContext } from '../runner/store-view.ts'
import type { TaskRunner } from '../runner/task-runner.ts'
import { TopologyEmitter } from '../runner/topology-events.ts'
import {
  internalTopics,
  planTopology,
  type TaskPlace,
  type TopologyPlan,
  verifyPlan,
} from '../runner/topology-plan.ts'
import { TopologyTasks } from '../runner/topology-tasks.ts'
import { LogTopics } from './log-topics.ts'
import { SqliteStorage } from './sqlite-storage.ts'
import { MemoryStorage, type TopologyStorage } from './storage.ts'

export interface RunOptions {
  /**
   * Where state and positions are stored. `memory`, the default: each run begins anew, at `from`, and sends its results
   * again. A file is a SQLite database, which needs Node 22.13 or later: a process that was killed goes on where it
   * stopped, and nothing is processed twice.
   */
  readonly storage?: 'memory' | { readonly file: string }
  /** Where the first run begins to read; default `earliest`. */
  readonly from?: StartPosition
  /** Name of the application, in place of the topology's. */
  readonly name?: string
}

/**
 * Runs all tasks of a topology in this process. Its sink topics and internal topics are created if they do not exist.
 * One process runs an application: a second one on the same file is refused. In memory nothing prevents it, and its
 * results would be written twice.
 *
 * @throws {EdgelogError} `invalid_config` for storage that cannot be used; `invalid_request` for topics that do not
 * exist or are not co-partitioned; `invalid_topology` if the stored state does not fit; `unavailable`.
 * @example
 * const log = connect({ url: 'http://localhost:8787' })
 * const running = await runTopology(counts, log, { storage: { file: 'counts.db' } })
 * running.on('failed', ({ task, error }) => console.error(task, error.node, error.message))
 * await running.store('counts').get('/')
 */
export async function runTopology(
  topology: Topology,
  log: Client,
  { storage = 'memory', from = 'earliest', name = topology.name }: RunOptions = {},
): Promise<RunningTopology> {
  const named = checkTopology({ ...topology, name })
  const opened = storage === 'memory' ? new MemoryStorage() : new SqliteStorage(storage.file)
  const running = new NodeTopology(named, log, opened)
  try {
    await running.start(from)
    return running
  } catch (error) {
    await running.stop()
    throw error
  }
}

class NodeTopology implements RunningTopology {
  readonly #topology: Topology
  readonly #parts: ClientParts
  readonly #storage: TopologyStorage
  readonly #topics: LogTopics
  readonly #emitter = new TopologyEmitter()
  readonly #stop = new AbortController()
  readonly #member = { close: () => this.stop() }
  #tasks: TopologyTasks | undefined
  #stopping: Promise<void> | undefined
  #checkTimer: Timer
  #isInvalid = false

  constructor(topology: Topology, log: Client, storage: TopologyStorage) {
    this.#topology = topology
    this.#parts = log.parts
    this.#storage = storage
    const news = (topic: string, partition: number) => this.#tasks?.news(topic, partition)
    this.#topics = new LogTopics(log, this.#stop.signal, news)
    this.#parts.keep(this.#member)
  }

  get name(): string {
    return this.#topology.name
  }

  async start(from: StartPosition): Promise<void> {
    const stored = this.#storage.loadPlan()
    if (stored !== undefined && stored.topology.name !== this.name) {
      const why = `the file belongs to the application ${stored.topology.name}`
      throw new EdgelogError('invalid_config', `storage: ${why}`)
    }
    const plan = await planTopology(this.#topology, this.#topics, { from, stored })
    this.#storage.savePlan(plan)
    const { clock } = this.#parts.connection
    const topics = this.#topics
    const internal = internalTopics(plan)
    this.#tasks = new TopologyTasks(this.#topology, plan, {
      ...{ clock, storesAcks: true },
      failed: (failure) => this.#emitter.failed(failure),
      reopening: (error) => this.#emitter.emit('retrying', error),
      ports: {
        open: async (place) => this.#storage.open(place),
        fetch: (input, offset) => topics.fetch(input, offset),
        append: (batches) => topics.append(batches),
        commit: (place, commit, _, positions) => {
          this.#storage.commit(place, commit)
          if (commit.checkpoint !== undefined)
            topics.truncate(positions, (one) => internal.has(one))
        },
        nextTurn: () => new Promise((resolve) => setTimeout(resolve)),
        watch: (positions) => topics.watch(positions),
      },
    })
    this.#tasks.start()
    this.#planCheck(plan)
  }

  store<K = string, V = unknown>(name: string): StoreView<K, V> {
    return new StoreView(this.#view, name)
  }

  async state(): Promise<TopologyState> {
    const tasks = this.#tasks?.states() ?? []
    const isFailed = this.#isInvalid || tasks.some(({ status }) => status === 'failed')
    const status = isFailed ? 'failed' : this.#stop.signal.aborted ? 'stopped' : 'running'
    return { status, tasks, lag: lagOf(tasks) }
  }

  async idle(): Promise<void> {
    await this.#tasks?.untilIdle()
  }

  on<Name extends keyof TopologyEvents>(
    name: Name,
    listener: (value: TopologyEvents[Name]) => void,
  ): () => void {
    return this.#emitter.on(name, listener)
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#end()
    return this.#stopping
  }

  get #view(): StoreViewContext {
    const tasks = this.#tasks?.runners.map(readable)
    return { clock: this.#parts.connection.clock, tasks: async () => tasks }
  }

  async #end(): Promise<void> {
    this.#parts.connection.clock.clearTimeout(this.#checkTimer)
    this.#stop.abort()
    await this.#tasks?.stop()
    this.#storage.close()
    this.#parts.leave(this.#member)
  }

  /** Looks from time to time whether the topics are still those of the plan. */
  #planCheck(plan: TopologyPlan): void {
    const { clock } = this.#parts.connection
    this.#checkTimer = clock.setTimeout(async () => {
      try {
        await verifyPlan(this.#topology, plan, this.#topics)
        if (!this.#stop.signal.aborted) this.#planCheck(plan)
      } catch (error) {
        if (this.#stop.signal.aborted) return
        if (isTransient(error)) this.#planCheck(plan)
        else await this.#invalid(error)
      }
    }, METADATA_MAX_AGE_MS)
  }

  /** Stops all tasks, because their topics are no longer those that they began with. */
  async #invalid(cause: unknown): Promise<void> {
    this.#isInvalid = true
    const message = cause instanceof Error ? cause.message : String(cause)
    const error = { node: 'topics', message, atMs: this.#parts.connection.clock.now() }
    await this.stop()
    this.#emitter.failed({ task: 'all', error })
  }
}

function readable(runner: TaskRunner): ReadableTask {
  const place: TaskPlace = runner.place
  return {
    place,
    read: async () => {
      const stores = runner.process?.run.stores
      return stores && { stores, positions: runner.positions() }
    },
    untilChange: (waitMs, signal) => runner.untilChange(waitMs, signal),
  }
}
