/** The calls of an application to its tasks. */
import { unwrap } from '../../src/core/errors.ts'
import type { Placement } from '../../src/core/streams/application-state.ts'
import { TASK_CALLS_MAX } from '../../src/core/streams/limits.ts'
import {
  type TaskApi,
  type TaskAssignment,
  type TaskDescription,
  type TaskProgress,
  taskObjectName,
} from '../../src/core/streams/task-api.ts'
import { reach } from '../reach.ts'

export interface ApplicationTasksEnv {
  readonly TASK: DurableObjectNamespace<Rpc.DurableObjectBranded & TaskApi>
}

type TaskStub = DurableObjectStub<Rpc.DurableObjectBranded & TaskApi>

export class ApplicationTasks {
  readonly #env: ApplicationTasksEnv
  readonly #application: string

  constructor(env: ApplicationTasksEnv, application: string) {
    this.#env = env
    this.#application = application
  }

  async configure(assignments: readonly TaskAssignment[]): Promise<void> {
    await atATime(assignments, async (assignment) => {
      const { generation, sub, partition } = assignment
      const task = this.#task(generation, sub, partition)
      unwrap(await reach('a task', () => task.configure(assignment)))
    })
  }

  /** Stops the tasks of a generation for good. */
  async destroy(placement: Placement): Promise<void> {
    await this.#each(placement, (task) => task.destroy())
  }

  describe(placement: Placement): Promise<TaskDescription[]> {
    return this.#each(placement, async (task) => unwrap(await task.describe()))
  }

  progress(placement: Placement): Promise<TaskProgress[]> {
    return this.#each(placement, async (task) => unwrap(await task.progress()))
  }

  async #each<T>(
    { generation, tasks }: Placement,
    call: (task: TaskStub) => Promise<T>,
  ): Promise<T[]> {
    const all = tasks.flatMap((count, sub) =>
      Array.from({ length: count }, (_, partition) => this.#task(generation, sub, partition)),
    )
    return await atATime(all, (task) => reach('a task', () => call(task)))
  }

  #task(generation: number, sub: number, partition: number): TaskStub {
    const name = taskObjectName(this.#application, generation, sub, partition)
    return this.#env.TASK.getByName(name)
  }
}

/** Runs calls, a bounded number at a time. */
async function atATime<T, R>(items: readonly T[], call: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let from = 0; from < items.length; from += TASK_CALLS_MAX) {
    const some = items.slice(from, from + TASK_CALLS_MAX)
    results.push(...(await Promise.all(some.map(call))))
  }
  return results
}
