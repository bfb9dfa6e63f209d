/**
 * Brings the topics and tasks of an application to the wanted state: it does one piece of work after the other, and
 * stores what came of it. An error is stored, and the alarm tries again.
 */
import { EdgelogError } from '../../src/core/errors.ts'
import {
  type ApplicationState,
  candidateGeneration,
  type Placement,
  runningGeneration,
  type Upgrade,
  type Wanted,
} from '../../src/core/streams/application-state.ts'
import {
  nextWork,
  type Work,
  withApplied,
  withoutGeneration,
  withPlacement,
  withRelease,
} from '../../src/core/streams/application-work.ts'
import { decideUpgrade, type TwoLooks } from '../../src/core/streams/decide-upgrade.ts'
import { describeTopology, topologyFingerprint } from '../../src/core/streams/describe-topology.ts'
import {
  SETTLE_RETRY_MS_MAX,
  SETTLE_RETRY_MS_MIN,
  SETTLE_WORK_MAX,
  UPGRADE_DRAIN_POLL_MS,
  UPGRADE_POLL_MS_MAX,
  UPGRADE_POLL_MS_MIN,
} from '../../src/core/streams/limits.ts'
import { sinkNames } from '../../src/core/streams/task-topics.ts'
import type { Topology } from '../../src/core/streams/topology.ts'
import { report } from '../../src/events/report.ts'
import type { ObjectAlarm } from '../object-alarm.ts'
import { registeredTopology, topologyOf } from '../topologies.ts'
import type { ApplicationStore } from './application-store.ts'
import type { ApplicationTasks } from './application-tasks.ts'
import type { ApplicationTopics } from './application-topics.ts'
import { planTasks, sourceMisfit } from './plan-tasks.ts'

export interface SettlingParts {
  readonly name: string
  readonly topics: ApplicationTopics
  readonly tasks: ApplicationTasks
  readonly alarm: ObjectAlarm
  /** Returns the stored state; undefined when everything is deleted. */
  readonly store: () => ApplicationStore | undefined
  readonly deleteAll: () => Promise<void>
}

/** The result of a piece of work: the next one follows, or with `waitMs` a look at the tasks after this pause. */
type Done = { readonly waitMs?: number }

export class Settling {
  readonly #parts: SettlingParts
  #retryMs = SETTLE_RETRY_MS_MIN
  #pollMs = UPGRADE_POLL_MS_MIN
  /** One pass at a time. */
  #running: Promise<void> | undefined

  constructor(parts: SettlingParts) {
    this.#parts = parts
  }

  /** Ensures that an alarm goes on if this instance does not. */
  guard(): void {
    this.#retryMs = SETTLE_RETRY_MS_MIN
    this.#pollMs = UPGRADE_POLL_MS_MIN
    this.#again(this.#retryMs)
  }

  async settle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
    this.#running = this.#settle().finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  async #settle(): Promise<void> {
    for (let count = 0; count < SETTLE_WORK_MAX; count++) {
      const state = this.#parts.store()?.state
      const work = state === undefined ? undefined : nextWork(state)
      if (state === undefined || work === undefined) return
      try {
        const { waitMs } = await this.#do(work, state)
        this.#retryMs = SETTLE_RETRY_MS_MIN
        if (waitMs === undefined) continue
        this.#again(waitMs)
      } catch (error) {
        if (!(error instanceof EdgelogError)) throw error
        this.#fail(work, error.message)
      }
      return
    }
    this.#again(UPGRADE_POLL_MS_MIN)
  }

  #again(waitMs: number): void {
    const nowMs = Date.now()
    this.#parts.alarm.ensure(nowMs + waitMs, nowMs)
  }

  /** Stores why a piece of work is not done: that of a candidate is not an error of the application. */
  #fail(work: Work, error: string): void {
    this.#again(this.#retryMs)
    this.#retryMs = Math.min(2 * this.#retryMs, SETTLE_RETRY_MS_MAX)
    const { name, store } = this.#parts
    const current = store()?.state
    if (current === undefined) return
    report({ type: 'application_starting', application: name, error })
    const isOfCandidate = work.kind === 'place' && work.generation === 'candidate'
    if (!isOfCandidate) this.#write({ ...current, error })
    else if (current.upgrade !== undefined) {
      this.#write({ ...current, upgrade: { ...current.upgrade, error } })
    }
  }

  get #state(): ApplicationState | undefined {
    return this.#parts.store()?.state
  }

  #write(state: ApplicationState): void {
    const store = this.#parts.store()
    if (store !== undefined) store.state = state
  }

  async #do(work: Work, state: ApplicationState): Promise<Done> {
    switch (work.kind) {
      case 'delete-generation':
        return await this.#deleteGeneration(work.placement)
      case 'delete-all':
        await this.#parts.topics.forget(this.#parts.name)
        await this.#parts.deleteAll()
        return {}
      case 'place':
        return await this.#place(state, work.generation)
      case 'release':
        this.#write(withRelease(state))
        return {}
      case 'upgrade':
        return await this.#upgrade(state, state.upgrade as Upgrade)
    }
  }

  async #deleteGeneration(placement: Placement): Promise<Done> {
    const { tasks, topics } = this.#parts
    await tasks.destroy(placement)
    for (const topic of placement.internalTopics) await topics.delete(topic)
    const current = this.#state
    if (current !== undefined) this.#write(withoutGeneration(current, placement))
    return {}
  }

  async #place(state: ApplicationState, which: 'running' | 'candidate'): Promise<Done> {
    const { topics, tasks, name } = this.#parts
    await topics.register(name)
    const { placed, assignments } = await this.#plan(state, which)
    const current = this.#state
    // Another version is wanted by now: its tasks are others.
    if (current?.version !== state.version) return {}
    this.#write(withPlacement(current, which, placed))
    await tasks.configure(assignments)
    const after = this.#state
    if (after !== undefined) this.#write(withApplied(after, which, state.version))
    return {}
  }

  async #plan(state: ApplicationState, which: 'running' | 'candidate') {
    const { topics } = this.#parts
    const { upgrade } = state
    const running = this.#topology(state)
    if (which === 'running' || upgrade === undefined) {
      return await planTasks(running, runningGeneration(state), topics)
    }
    // The results of records in partitions that only the candidate reads would be muted, and lost.
    const misfit = await this.#misfit(state)
    if (misfit !== undefined) throw new EdgelogError('invalid_request', misfit)
    const generation = candidateGeneration(state, upgrade)
    return await planTasks(this.#topology(upgrade), generation, topics, sinkNames(running))
  }

  /** Returns why the source topics no longer fit the running generation. */
  async #misfit(state: ApplicationState): Promise<string | undefined> {
    return await sourceMisfit(this.#topology(state), runningGeneration(state), this.#parts.topics)
  }

  /** @throws {EdgelogError} `unavailable` if this Worker does not have the topology. */
  #topology({ topology: wanted, program }: Wanted): Topology {
    const { name } = this.#parts
    const fingerprint = topologyFingerprint(wanted)
    const own = program === undefined ? registeredTopology(name, fingerprint) : undefined
    const topology = own ?? topologyOf(name, program)
    if (topologyFingerprint(describeTopology(topology)) === fingerprint) return topology
    const why = 'this Worker has another topology; it is settled when that one is deployed'
    throw new EdgelogError('unavailable', `application ${name}: ${why}`)
  }

  // -- an upgrade --------------------------------------------------------------------------------

  async #upgrade(state: ApplicationState, upgrade: Upgrade): Promise<Done> {
    const looks = await this.#look(state, upgrade)
    // The looks belong to this state only.
    if (this.#state !== state) return {}
    const after = decideUpgrade(state, looks, Date.now())
    if (after !== state) this.#write(after)
    if (after.version !== state.version) {
      this.#pollMs = UPGRADE_POLL_MS_MIN
      return {}
    }
    if (upgrade.step !== 'catching-up') return { waitMs: UPGRADE_DRAIN_POLL_MS }
    const waitMs = this.#pollMs
    this.#pollMs = Math.min(2 * this.#pollMs, UPGRADE_POLL_MS_MAX)
    return { waitMs }
  }

  /** Returns how far the tasks are; a text if a task does not respond. */
  async #look(state: ApplicationState, upgrade: Upgrade): Promise<TwoLooks | string> {
    const { tasks } = this.#parts
    const look = async () => ({
      running: await tasks.progress(state.placed as Placement),
      candidate: await tasks.progress(upgrade.placed as Placement),
    })
    try {
      if (upgrade.step === 'catching-up') {
        // Tasks could not be held, and would not be configured again, with topics that no longer fit.
        const misfit = await this.#misfit(state)
        if (misfit !== undefined) return misfit
      }
      const before = await look()
      return [before, upgrade.step === 'draining' ? await look() : before]
    } catch (error) {
      if (error instanceof EdgelogError) return error.message
      throw error
    }
  }
}
