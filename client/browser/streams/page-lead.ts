/**
 * The tab that leads a topology: it plans it and runs its tasks.
 *
 *     lead ──> plan ──> tasks run ──the term is over──> tasks stop
 *               ^           │
 *               └───────────┘ the stored plan is another one
 */
import { EdgelogError } from '../../../src/core/errors.ts'
import type { StartPosition } from '../../../src/core/streams/application-api.ts'
import type { Topology } from '../../../src/core/streams/topology.ts'
import type { OutgoingBatches } from '../../../src/core/streams/turn-row.ts'
import { sleep } from '../../clock.ts'
import { isTransient } from '../../http/request-error.ts'
import { TASK_REOPEN_MS_MAX, TASK_REOPEN_MS_MIN } from '../../limits.ts'
import type { RunnerPorts } from '../../streams/runner/task-runner.ts'
import type { TopologyEmitter } from '../../streams/runner/topology-events.ts'
import {
  internalTopics,
  planTopology,
  STORED_PLAN,
  type TopologyPlan,
} from '../../streams/runner/topology-plan.ts'
import { TopologyTasks } from '../../streams/runner/topology-tasks.ts'
import { CACHE_RECHECK_MS, PAGE_TURN_RECORDS_MAX } from '../limits.ts'
import type { OutboxQueue } from '../outbox/outbox.ts'
import type { Session } from '../session/session.ts'
import type { Channel } from '../tabs/channel.ts'
import type { PageTopics } from './page-topics.ts'
import { checkSize, type LoadedTask, type TaskStorage } from './task-storage.ts'

export interface PageLeadContext {
  readonly topology: Topology
  readonly from: StartPosition
  readonly session: Session
  readonly queue: OutboxQueue
  readonly storage: TaskStorage
  readonly topics: PageTopics
  /** Between the tabs that have the topology. */
  readonly channel: Channel
  readonly emitter: TopologyEmitter
  readonly changed: () => void
}

export class PageLead {
  readonly #context: PageLeadContext
  #tasks: TopologyTasks | undefined
  #failure: EdgelogError | undefined

  constructor(context: PageLeadContext) {
    this.#context = context
  }

  /** The running tasks; undefined while none run in this tab. */
  get tasks(): TopologyTasks | undefined {
    return this.#tasks
  }

  /** The error of the plan; undefined: there is none. */
  get failure(): EdgelogError | undefined {
    return this.#failure
  }

  /** Plans the topology and runs its tasks, until this tab no longer leads. */
  async lead(term: AbortSignal): Promise<void> {
    const { clock } = this.#context.session.connection
    let pauseMs = TASK_REOPEN_MS_MIN
    while (!term.aborted) {
      try {
        const [text, plan] = await this.#plan()
        await this.#runTasks(text, plan, term)
        pauseMs = TASK_REOPEN_MS_MIN
      } catch (error) {
        if (term.aborted) return
        if (!isTransient(error)) {
          this.#failed(error)
          return
        }
        this.#context.emitter.emit('retrying', error as EdgelogError)
      }
      await sleep(clock, pauseMs, term)
      pauseMs = Math.min(2 * pauseMs, TASK_REOPEN_MS_MAX)
    }
  }

  /** Returns the plan, as text and as it is. Offline it is made of what this browser has stored of the topics. */
  async #plan(): Promise<[string, TopologyPlan]> {
    const before = await this.#context.storage.plan()
    const stored = before === undefined ? undefined : STORED_PLAN.decode(before)
    const plan = await planTopology(this.#context.topology, this.#context.topics, {
      from: this.#context.from,
      stored,
    })
    const text = STORED_PLAN.encode(plan)
    if (await this.#context.storage.savePlan(text, before)) return [text, plan]
    throw new EdgelogError('unavailable', 'another tab has planned the topology')
  }

  async #runTasks(text: string, plan: TopologyPlan, term: AbortSignal): Promise<void> {
    if (term.aborted) return
    const { clock } = this.#context.session.connection
    const over = new AbortController()
    const end = () => over.abort()
    term.addEventListener('abort', end)
    const check = async () => {
      if ((await this.#context.storage.plan()) !== text) end()
    }
    // If the database fails now, the next commit finds what is stored.
    const unlisten = this.#context.channel.listen('turn', () => void check().catch(() => undefined))
    const tasks = new TopologyTasks(this.#context.topology, plan, {
      ...{ clock, ports: this.#ports(text, plan, end), storesAcks: false },
      ...{ turnRecordsMax: PAGE_TURN_RECORDS_MAX, lookAgainMs: CACHE_RECHECK_MS },
      failed: (failure) => this.#context.emitter.failed(failure),
      reopening: (error) => this.#context.emitter.emit('retrying', error),
    })
    this.#tasks = tasks
    tasks.start()
    this.#context.changed()
    try {
      if (!over.signal.aborted) {
        await new Promise((resolve) => over.signal.addEventListener('abort', resolve))
      }
    } finally {
      this.#tasks = undefined
      term.removeEventListener('abort', end)
      unlisten()
      await tasks.stop()
    }
  }

  /** @param over called when the stored plan is another one. */
  #ports(plan: string, decoded: TopologyPlan, over: () => void): RunnerPorts {
    const { sources } = decoded
    const internal = internalTopics(decoded)
    const loaded = new Map<string, LoadedTask>()
    return {
      open: async ({ name }) => {
        if ((await this.#context.storage.plan()) !== plan) {
          over()
          throw new EdgelogError('unavailable', 'the topology has begun anew')
        }
        const task = await this.#context.storage.load(name)
        loaded.set(name, task)
        // The outbox stamps what it sends, so the id of the task is never used.
        return { ...task, producerId: 0n }
      },
      fetch: (input, offset) =>
        internal.has(input.topic)
          ? this.#context.storage.fetchHop(input, offset)
          : this.#context.topics.fetch(input, offset),
      // The commit has queued them already.
      append: async () => undefined,
      commit: async ({ name: task }, commit, outgoing, positions) => {
        const { leaves } = loaded.get(task) as LoadedTask
        checkSize(task, leaves)
        const sent = outgoing.filter(({ topic }) => !internal.has(topic))
        const turn = { task, commit, outgoing, positions, plan, sources, internal }
        await this.#commit(sent, () => this.#context.storage.commit(turn))
        if (commit.checkpoint !== undefined) leaves.write(commit.checkpoint)
        for (const { topic, partition } of outgoing) {
          if (internal.has(topic)) this.#tasks?.news(topic, partition)
        }
        this.#context.channel.publish({ kind: 'turn' })
      },
      nextTurn: () => new Promise((resolve) => setTimeout(resolve)),
    }
  }

  /** Runs a commit that queues batches in the outbox, within the limits of the outbox. */
  async #commit(sent: readonly OutgoingBatches[], commit: () => Promise<void>): Promise<void> {
    const { queue } = this.#context
    const sizeBytes = sent.reduce((sum, { batches }) => sum + batches.length, 0)
    if (sizeBytes > 0) queue.admit(sizeBytes)
    try {
      await commit()
    } catch (error) {
      if (sizeBytes > 0) queue.refused()
      if (error instanceof EdgelogError && error.code === 'storage_full') await queue.makeRoom()
      throw error
    }
    if (sizeBytes > 0) queue.queued()
  }

  #failed(cause: unknown): void {
    const message = cause instanceof Error ? cause.message : String(cause)
    this.#failure =
      cause instanceof EdgelogError ? cause : new EdgelogError('internal', message, { cause })
    const atMs = this.#context.session.now()
    this.#context.emitter.failed({ task: 'all', error: { node: 'topics', message, atMs } })
    this.#context.changed()
  }
}
