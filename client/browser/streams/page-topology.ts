/** A topology in one tab. The tabs that have it elect one that runs its tasks; every tab reads its stores. */
import type { StartPosition } from '../../../src/core/streams/application-api.ts'
import type { Topology } from '../../../src/core/streams/topology.ts'
import { sleep } from '../../clock.ts'
import {
  lagOf,
  type RunningTopology,
  type TopologyEvents,
  type TopologyState,
  type TopologyStatus,
} from '../../streams/runner/running-topology.ts'
import { StoreView } from '../../streams/runner/store-view.ts'
import { TopologyEmitter } from '../../streams/runner/topology-events.ts'
import { internalTopics } from '../../streams/runner/topology-plan.ts'
import { taskTopics } from '../../streams/runner/topology-tasks.ts'
import { BrowserClient } from '../browser-client.ts'
import type { Engine } from '../engine.ts'
import { CACHE_RECHECK_MS } from '../limits.ts'
import type { Session } from '../session/session.ts'
import { Channel } from '../tabs/channel.ts'
import { Leader, type Locks, nextEpoch } from '../tabs/leader.ts'
import { PageLead } from './page-lead.ts'
import { PageTopics } from './page-topics.ts'
import { StoreReplicas } from './store-replicas.ts'
import { TaskStorage } from './task-storage.ts'

export interface PageRunningTopology extends RunningTopology {
  /** Stops the topology, and deletes its state in this browser. The next run begins anew, also in other tabs. */
  deleteState(): Promise<void>
}

export class PageTopology implements PageRunningTopology {
  readonly #topology: Topology
  readonly #session: Session
  readonly #storage: TaskStorage
  readonly #channel: Channel
  readonly #leader: Leader
  readonly #topics: PageTopics
  readonly #lead: PageLead
  readonly #replicas: StoreReplicas
  readonly #emitter = new TopologyEmitter()
  readonly #stop = new AbortController()
  readonly #changes = new Set<() => void>()
  /** Aborted when this tab does not lead any more. */
  #term = new AbortController()
  #leading: Promise<void> | undefined
  #unlisten: ReadonlyArray<() => void> = []

  constructor(topology: Topology, from: StartPosition, log: BrowserClient, engine: Engine) {
    this.#topology = topology
    const { session, queue } = BrowserClient.parts(log)
    this.#session = session
    const { database, page, connection, closed } = session
    this.#storage = new TaskStorage(session, topology.name)
    this.#topics = new PageTopics(engine, this.#stop.signal)
    const name = `${database.name} streams ${topology.name}`
    this.#channel = new Channel(name)
    this.#lead = new PageLead({
      ...{ topology, from, session, queue, emitter: this.#emitter },
      ...{ storage: this.#storage, topics: this.#topics, channel: this.#channel },
      changed: () => this.#noteChange(),
    })
    this.#replicas = new StoreReplicas(topology, this.#storage)
    const { locks } = (globalThis.navigator ?? {}) as { locks?: Locks }
    this.#leader = new Leader(
      { name, channel: this.#channel, page, clock: connection.clock, locks },
      {
        newEpoch: () => nextEpoch(database),
        gained: () => this.#gained(),
        lost: () => this.#term.abort(),
        status: () => session.leaderStatus,
      },
    )
    const end = () => void this.stop()
    closed.addEventListener('abort', end)
    this.#unlisten = [
      () => closed.removeEventListener('abort', end),
      session.channel.listen('news', ({ topic, partition }) => {
        this.#lead.tasks?.news(topic, partition)
      }),
      this.#channel.listen('turn', () => this.#noteChange()),
    ]
    this.#leader.start()
  }

  get name(): string {
    return this.#topology.name
  }

  store<K = string, V = unknown>(name: string): StoreView<K, V> {
    const { clock } = this.#session.connection
    return new StoreView({ clock, tasks: (waitMs) => this.#readable(waitMs) }, name)
  }

  async state(): Promise<TopologyState> {
    const here = this.#lead.tasks?.states()
    const tasks = here ?? (await this.#replicas.states())
    const isFailed = this.#lead.failure ?? tasks?.find(({ status }) => status === 'failed')
    let status: TopologyStatus = tasks === undefined ? 'starting' : 'elsewhere'
    if (here !== undefined) status = 'running'
    if (isFailed !== undefined) status = 'failed'
    if (this.#stop.signal.aborted) status = 'stopped'
    return { status, tasks: tasks ?? [], lag: lagOf(tasks ?? []) }
  }

  async idle(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      if (this.#lead.failure !== undefined) throw this.#lead.failure
      const tasks = this.#lead.tasks
      if (tasks !== undefined) await tasks.untilIdle()
      else if (await this.#isIdleElsewhere()) return
      if (tasks !== undefined && this.#lead.tasks === tasks) return
      if (tasks === undefined) await this.#untilChange(CACHE_RECHECK_MS)
    }
  }

  on<Name extends keyof TopologyEvents>(
    name: Name,
    listener: (value: TopologyEvents[Name]) => void,
  ): () => void {
    return this.#emitter.on(name, listener)
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.#term.abort()
    for (const unlisten of this.#unlisten) unlisten()
    this.#leader.close()
    await this.#leading
    this.#channel.close()
    this.#noteChange()
  }

  async deleteState(): Promise<void> {
    const channel = new Channel(`${this.#session.database.name} streams ${this.name}`)
    try {
      await this.stop()
      await this.#storage.delete()
      channel.post({ kind: 'turn' })
    } finally {
      channel.close()
    }
  }

  #gained(): void {
    const before = this.#leading
    this.#term = new AbortController()
    const { signal } = this.#term
    this.#leading = (async () => {
      await before
      await this.#lead.lead(signal)
    })()
  }

  // -- reading -----------------------------------------------------------------------------------

  async #readable(waitMs: number) {
    const { clock } = this.#session.connection
    const endMs = clock.now() + waitMs
    for (;;) {
      if (this.#lead.failure !== undefined) throw this.#lead.failure
      const replicas = await this.#replicas.find()
      if (replicas !== undefined) {
        return replicas.tasks.map((task) => ({
          place: task.place,
          read: () => task.read(),
          untilChange: (ms: number, signal: AbortSignal) => this.#untilChange(ms, signal),
        }))
      }
      const leftMs = Math.min(endMs - clock.now(), waitMs)
      if (leftMs <= 0) return undefined
      await this.#untilChange(leftMs)
    }
  }

  /** Returns whether the stored positions are the ends of what this browser has. */
  async #isIdleElsewhere(): Promise<boolean> {
    const replicas = await this.#replicas.find()
    if (replicas === undefined) return false
    const { decoded } = replicas
    const internal = internalTopics(decoded)
    for (const task of replicas.tasks) {
      const { inputs } = taskTopics(this.#topology, decoded, task.place)
      const { positions = [] } = (await task.read()) ?? {}
      for (const [index, input] of inputs.entries()) {
        const at = positions[index]?.offset ?? input.startOffset
        const { to, isAtEnd } = internal.has(input.topic)
          ? await this.#storage.fetchHop(input, at)
          : await this.#topics.fetch(input, at)
        if (to > at || !isAtEnd) return false
      }
    }
    return true
  }

  /** Resolves when the state may have changed; messages of other tabs may be missed. */
  async #untilChange(waitMs: number, signal?: AbortSignal): Promise<void> {
    const change = new AbortController()
    const end = () => change.abort()
    this.#changes.add(end)
    signal?.addEventListener('abort', end)
    const { clock } = this.#session.connection
    await sleep(clock, Math.min(waitMs, CACHE_RECHECK_MS), change.signal)
    this.#changes.delete(end)
    signal?.removeEventListener('abort', end)
  }

  #noteChange(): void {
    for (const end of this.#changes) end()
  }
}
