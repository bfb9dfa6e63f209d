/**
 * The Durable Object of one task of stream processing: one sub-topology of an application for one partition. A thin
 * shell: it stores what the task decides, runs its loop, and answers queries.
 */
import { DurableObject } from 'cloudflare:workers'
import { EdgelogError, type Result, replyAsync, resultOf } from '../../src/core/errors.ts'
import { TASK_ALARM_MS, TASK_POLL_MS_MAX, TASK_POLL_MS_MIN } from '../../src/core/streams/limits.ts'
import type {
  QueryResult,
  StoreQuery,
  TaskApi,
  TaskAssignment,
  TaskDescription,
  TaskProgress,
} from '../../src/core/streams/task-api.ts'
import { report } from '../../src/events/report.ts'
import { hasTable, migrate } from '../migrate.ts'
import { ObjectAlarm } from '../object-alarm.ts'
import { stopObject } from '../stop-object.ts'
import { RunningTask } from './running-task.ts'
import { TASK_SCHEMA } from './schema.ts'
import { TaskSettings } from './task-settings.ts'
import { TaskTopics, type TaskTopicsEnv } from './task-topics.ts'

export class Task extends DurableObject<TaskTopicsEnv> implements TaskApi {
  readonly #alarm: ObjectAlarm
  #task: RunningTask | undefined
  /** The reason why a task that is stored was not opened: this Worker does not have its topology. */
  #openError: EdgelogError | undefined
  /** The loop, while it runs. */
  #running: Promise<void> | undefined
  #pollMs = TASK_POLL_MS_MIN

  constructor(ctx: DurableObjectState, env: TaskTopicsEnv) {
    super(ctx, env)
    this.#alarm = new ObjectAlarm(ctx.storage)
    void ctx.blockConcurrencyWhile(async () => {
      await this.#alarm.load()
      if (!hasTable(ctx.storage.sql, 'setting')) return
      migrate(ctx.storage, TASK_SCHEMA)
      if (new TaskSettings(ctx.storage.sql).assignment !== undefined) this.#open()
    })
  }

  /** Opens the stored task. Without its topology it waits. */
  #open(): void {
    const name = this.ctx.id.name as string
    const topics = new TaskTopics(this.env)
    // From the first turn on there is something to go on with after a crash.
    const onTurn = () => this.#guard()
    const opened = resultOf(() => new RunningTask(this.ctx.storage, { name, topics, onTurn }))
    this.#task = 'ok' in opened ? opened.ok : undefined
    this.#openError = 'ok' in opened ? undefined : EdgelogError.fromBody(opened.error)
  }

  /** Ensures that an alarm continues the work if this instance does not. */
  #guard(): void {
    const nowMs = Date.now()
    this.#alarm.ensure(nowMs + TASK_ALARM_MS, nowMs)
  }

  async configure(assignment: TaskAssignment): Promise<Result<null>> {
    return replyAsync(async () => {
      migrate(this.ctx.storage, TASK_SCHEMA)
      const settings = new TaskSettings(this.ctx.storage.sql)
      const isCurrent = () => (settings.assignment?.version ?? 0) >= assignment.version
      if (isCurrent()) return null
      await this.#stop()
      // Another call may have been faster.
      if (isCurrent()) return null
      this.ctx.storage.transactionSync(() => {
        settings.assignment = assignment
        if (settings.producerId === undefined) settings.producerId = randomProducerId()
        settings.clearFailure()
      })
      this.#open()
      this.#guard()
      this.#start()
      return null
    })
  }

  async destroy(): Promise<void> {
    const task = this.#task
    await this.#stop()
    this.#task = undefined
    await task?.unwatch()
    await this.#alarm.clear()
    await this.ctx.storage.deleteAll()
  }

  async news(topicId: string, partition: number): Promise<void> {
    if (this.#task === undefined) return
    this.#pollMs = TASK_POLL_MS_MIN
    this.#task.news(topicId, partition)
    this.#task.noteOtherTopology()
    this.#guard()
    this.#start()
  }

  async describe(): Promise<Result<TaskDescription>> {
    return replyAsync(async () => this.#describeWaiting() ?? (await this.#opened().describe()))
  }

  async progress(): Promise<Result<TaskProgress>> {
    return replyAsync(async () => {
      const task = this.#opened()
      this.#start()
      return await task.progress()
    })
  }

  async query(query: StoreQuery): Promise<Result<QueryResult>> {
    return replyAsync(() => this.#opened().query(query, () => this.#start()))
  }

  override async alarm(): Promise<void> {
    this.#alarm.fired()
    const task = this.#task
    const isWaiting = this.#openError !== undefined || task?.isWaiting === true
    // A later release of the Worker may have the topology, or make another one of the program.
    if (isWaiting) this.#alarm.ensure(Date.now() + TASK_POLL_MS_MAX, Date.now())
    task?.noteOtherTopology()
    if (task === undefined || !task.mayRun) return
    if (this.#running !== undefined) {
      this.#guard()
      return
    }
    task.storeAcks()
    task.lookAgain()
    this.#start()
    this.#alarm.ensure(Date.now() + this.#pollMs, Date.now())
    // The longer nothing came, the later it looks again; the topics call it before.
    this.#pollMs = Math.min(2 * this.#pollMs, TASK_POLL_MS_MAX)
  }

  /** Describes a task that was not opened. What it has stored is not read. */
  #describeWaiting(): TaskDescription | undefined {
    if (this.#openError === undefined) return undefined
    const { sub, partition } = new TaskSettings(this.ctx.storage.sql).assignment as TaskAssignment
    const { message } = this.#openError
    return {
      ...{ sub, partition, status: 'waiting', inputs: [], recordsCount: 0, nodes: {}, dropped: {} },
      ...{ stateBytes: this.ctx.storage.sql.databaseSize, pendingTurns: 0, streamTimeMs: -1 },
      ...{ rowsWritten: 0, lastError: { node: '', message, atMs: Date.now() } },
    }
  }

  #opened(): RunningTask {
    if (this.#task !== undefined) return this.#task
    if (this.#openError !== undefined) throw this.#openError
    throw new EdgelogError('not_found', 'the task does not exist')
  }

  /** Runs the loop, unless it runs. */
  #start(): void {
    const task = this.#task
    if (task === undefined || !task.mayRun || this.#running !== undefined) return
    this.#running = this.#run(task)
      .catch((error) => stopObject(this.ctx, 'task', 'the loop failed', error))
      .finally(() => {
        this.#running = undefined
        if (task === this.#task && task.hasWork) this.#start()
      })
  }

  async #run(task: RunningTask): Promise<void> {
    const end = await task.run()
    if (end.kind === 'failed') {
      task.fail(end.error)
      const { node, message: error } = end.error
      const { application } = task.assignment
      report({ type: 'task_failed', application, task: task.name, node, error })
    } else if (end.kind === 'idle') {
      const nowMs = Date.now()
      // Acknowledgements are stored by the alarm that is set; later ones are further and further apart.
      const nextMs = task.hasUnstoredAcks ? TASK_ALARM_MS : this.#pollMs
      const dueMs = Math.min(nowMs + nextMs, task.nextPunctuationMs ?? Number.POSITIVE_INFINITY)
      this.#alarm.ensure(dueMs, nowMs)
    }
  }

  async #stop(): Promise<void> {
    this.#task?.stop()
    await this.#running
  }
}

/** Returns a random producer id: below 2^62, apart from those that coordinators give to transactions. */
function randomProducerId(): bigint {
  const [value] = crypto.getRandomValues(new BigUint64Array(1))
  return (value as bigint) >> 2n
}
