/**
 * The Durable Object of one application of stream processing. A thin shell: it stores what is wanted, and settles it
 * (`settling.ts`): topics, then tasks. Its alarm goes on after a failure.
 */
import { DurableObject } from 'cloudflare:workers'
import { EdgelogError, type Result, replyAsync, resultOf } from '../../src/core/errors.ts'
import type {
  ApplicationApi,
  ApplicationDescription,
  ApplicationSummary,
  DeployRequest,
  StartPosition,
  StorePlacement,
} from '../../src/core/streams/application-api.ts'
import {
  type Deployed,
  withDeletion,
  withPause,
  withReset,
  withTopology,
} from '../../src/core/streams/application-changes.ts'
import {
  type ApplicationState,
  newApplication,
  type Placement,
  runningGeneration,
  type Wanted,
} from '../../src/core/streams/application-state.ts'
import { summaryOf, upgradeSummaryOf } from '../../src/core/streams/application-summary.ts'
import {
  describeTopology,
  topologyFingerprint,
  topologyWith,
} from '../../src/core/streams/describe-topology.ts'
import { splitTopology, subTopologyNumbers } from '../../src/core/streams/split.ts'
import { storePlacement } from '../../src/core/streams/store-placement.ts'
import type { Program } from '../../src/core/streams/task-api.ts'
import type { Topology } from '../../src/core/streams/topology.ts'
import { report } from '../../src/events/report.ts'
import { hasTable, migrate } from '../migrate.ts'
import { ObjectAlarm } from '../object-alarm.ts'
import { registeredTopology, topologyOf } from '../topologies.ts'
import { ApplicationStore } from './application-store.ts'
import { ApplicationTasks, type ApplicationTasksEnv } from './application-tasks.ts'
import { ApplicationTopics, type ApplicationTopicsEnv } from './application-topics.ts'
import { sourceMisfit } from './plan-tasks.ts'
import { APPLICATION_SCHEMA } from './schema.ts'
import { Settling } from './settling.ts'

export interface ApplicationEnv extends ApplicationTopicsEnv, ApplicationTasksEnv {}

export class Application extends DurableObject<ApplicationEnv> implements ApplicationApi {
  readonly #alarm: ObjectAlarm
  readonly #topics: ApplicationTopics
  readonly #tasks: ApplicationTasks
  readonly #settling: Settling
  #store: ApplicationStore | undefined

  constructor(ctx: DurableObjectState, env: ApplicationEnv) {
    super(ctx, env)
    this.#alarm = new ObjectAlarm(ctx.storage)
    this.#topics = new ApplicationTopics(env)
    this.#tasks = new ApplicationTasks(env, this.#name)
    this.#settling = new Settling({
      ...{ name: this.#name, topics: this.#topics, tasks: this.#tasks, alarm: this.#alarm },
      store: () => this.#store,
      deleteAll: () => this.#deleteAll(),
    })
    void ctx.blockConcurrencyWhile(async () => {
      await this.#alarm.load()
      if (!hasTable(ctx.storage.sql, 'setting')) return
      migrate(ctx.storage, APPLICATION_SCHEMA)
      this.#store = new ApplicationStore(ctx.storage.sql)
    })
  }

  get #name(): string {
    return this.ctx.id.name as string
  }

  get #state(): ApplicationState {
    const state = this.#store?.state
    if (state !== undefined) return state
    throw new EdgelogError('not_found', `application ${this.#name}: does not exist`)
  }

  async deploy(request: DeployRequest): Promise<Result<ApplicationSummary>> {
    return replyAsync(async () => {
      const wanted = this.#wanted(request)
      if (this.#store === undefined) {
        migrate(this.ctx.storage, APPLICATION_SCHEMA)
        this.#store = new ApplicationStore(this.ctx.storage.sql)
      }
      const before = this.#store.state
      if (before?.isDeleting) {
        throw new EdgelogError('unavailable', `application ${this.#name}: is being deleted`)
      }
      const after =
        before === undefined
          ? newApplication(wanted, request.from)
          : withTopology(before, this.#deployed(wanted, before), Date.now())
      if (after !== before) this.#write(after)
      await this.#settling.settle()
      return this.#summary()
    })
  }

  async summarize(): Promise<Result<ApplicationSummary>> {
    return resultOf(() => this.#summary())
  }

  async topicsChanged(): Promise<void> {
    const state = this.#store?.state
    if (state?.placed === undefined || state.isDeleting) return
    const topology = resultOf(() => this.#topologyOf(state))
    // Its tasks wait for a Worker that has the topology.
    if ('error' in topology) return
    const hasOther = fingerprintOf(topology.ok) !== topologyFingerprint(state.topology)
    if (state.program !== undefined && hasOther) {
      await this.#compileAgain(state, state.program)
      return
    }
    const misfit = await sourceMisfit(topology.ok, runningGeneration(state), this.#topics)
    const store = this.#store as ApplicationStore
    const current = store.state
    if (current === undefined || current.version !== state.version) return
    if (current.error === misfit || current.appliedVersion !== current.version) return
    const { error: _, ...rest } = current
    store.state = misfit === undefined ? rest : { ...rest, error: misfit }
    if (misfit === undefined) return
    report({ type: 'application_starting', application: this.#name, error: misfit })
  }

  /** Goes on with the topology that this release of the Worker makes of the program, if the state fits. */
  async #compileAgain({ from, version }: ApplicationState, program: Program): Promise<void> {
    const deployed = await this.deploy({ program, from })
    const store = this.#store
    const current = store?.state
    if (!('error' in deployed) || store === undefined || current?.version !== version) return
    const error = deployed.error.message
    if (current.error === error) return
    store.state = { ...current, error }
    report({ type: 'application_starting', application: this.#name, error })
  }

  async describe(): Promise<Result<ApplicationDescription>> {
    return replyAsync(async () => {
      await this.topicsChanged()
      for (;;) {
        const state = this.#state
        try {
          return await this.#describe(state)
        } catch (error) {
          // Tasks of a generation that was deleted meanwhile do not exist.
          if (this.#state === state) throw error
        }
      }
    })
  }

  async #describe(state: ApplicationState): Promise<ApplicationDescription> {
    const { topology, placed, upgrade } = state
    // Before they are all configured, some tasks of a candidate do not exist.
    const isPlaced = upgrade !== undefined && upgrade.appliedVersion > 0
    const [shown, candidate] = await Promise.all([
      this.#describeTasks(placed),
      this.#describeTasks(isPlaced ? upgrade.placed : undefined),
    ])
    const hasFailed = shown.tasks.some(({ status }) => status === 'failed')
    const summary = summaryOf(this.#name, state)
    return {
      ...summary,
      status: hasFailed && summary.status === 'running' ? 'failed' : summary.status,
      ...{ topology, ...shown },
      ...(upgrade === undefined ? {} : { upgrade: { ...upgradeSummaryOf(upgrade), ...candidate } }),
    }
  }

  async #describeTasks(
    placed: Placement | undefined,
  ): Promise<Pick<ApplicationDescription, 'tasks' | 'lag' | 'recordsCount'>> {
    const tasks = placed === undefined ? [] : await this.#tasks.describe(placed)
    const inputs = tasks.flatMap((task) => task.inputs)
    return {
      tasks,
      lag: inputs.reduce((sum, { offset, endOffset }) => sum + endOffset - offset, 0),
      recordsCount: tasks.reduce((sum, task) => sum + task.recordsCount, 0),
    }
  }

  pause(): Promise<Result<ApplicationSummary>> {
    return this.#change((state) => withPause(state, true))
  }

  resume(): Promise<Result<ApplicationSummary>> {
    return this.#change((state) => withPause(state, false))
  }

  reset(from: StartPosition): Promise<Result<ApplicationSummary>> {
    return this.#change((state) => {
      const { program } = state
      const topology = topologyOf(this.#name, program)
      return withReset(state, wantedOf(topology, program), from)
    })
  }

  async remove(): Promise<Result<null>> {
    return replyAsync(async () => {
      this.#write(withDeletion(this.#state))
      await this.#settling.settle()
      return null
    })
  }

  async placement(store: string): Promise<Result<StorePlacement>> {
    return resultOf(() => storePlacement(this.#state, store))
  }

  override async alarm(): Promise<void> {
    this.#alarm.fired()
    if (this.#store?.state === undefined) return
    await this.#settling.settle()
  }

  async #change(
    change: (state: ApplicationState) => ApplicationState,
  ): Promise<Result<ApplicationSummary>> {
    return replyAsync(async () => {
      if (this.#state.isDeleting) {
        throw new EdgelogError('unavailable', `application ${this.#name}: is being deleted`)
      }
      this.#write(change(this.#state))
      await this.#settling.settle()
      return this.#summary()
    })
  }

  /** @throws {EdgelogError} `not_found` if this Worker does not have the topology, or cannot compile it. */
  #wanted(request: DeployRequest): Wanted {
    if ('program' in request) {
      return wantedOf(topologyOf(this.#name, request.program), request.program)
    }
    const { topology } = request
    return { ...wantedOf(this.#topologyOf({ topology })), topology }
  }

  #deployed(wanted: Wanted, { topology: running }: ApplicationState): Deployed {
    const own = registeredTopology(this.#name, topologyFingerprint(wanted.topology))
    return { wanted, hasRunning: topologyWith(topologyFingerprint(running), own) !== undefined }
  }

  /** Returns the topology of this Worker that is meant; the newest one if it does not have that one. */
  #topologyOf({ topology, program }: Pick<Wanted, 'topology' | 'program'>): Topology {
    const own = registeredTopology(this.#name, topologyFingerprint(topology))
    return program === undefined && own !== undefined ? own : topologyOf(this.#name, program)
  }

  async #deleteAll(): Promise<void> {
    this.#store = undefined
    await this.#alarm.clear()
    await this.ctx.storage.deleteAll()
  }

  /** Stores the wanted state, with an alarm that goes on if this instance does not. */
  #write(state: ApplicationState): void {
    const { error: _, ...wanted } = state
    ;(this.#store as ApplicationStore).state = wanted
    this.#settling.guard()
  }

  #summary(): ApplicationSummary {
    return summaryOf(this.#name, this.#state)
  }
}

function fingerprintOf(topology: Topology): string {
  return topologyFingerprint(describeTopology(topology))
}

function wantedOf(topology: Topology, program?: Program): Wanted {
  return {
    topology: describeTopology(topology),
    subs: subTopologyNumbers(splitTopology(topology)),
    ...(program === undefined ? {} : { program }),
  }
}
