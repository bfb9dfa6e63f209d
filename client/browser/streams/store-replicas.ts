/** The stores of all tasks of a topology, as they are in the database. */

import { recordsByNode } from '../../../src/core/streams/cells.ts'
import type { Topology } from '../../../src/core/streams/topology.ts'
import type { TaskState } from '../../streams/runner/task-runner.ts'
import { STORED_PLAN, type TopologyPlan, tasksOf } from '../../streams/runner/topology-plan.ts'
import { taskTopics } from '../../streams/runner/topology-tasks.ts'
import { StoreReplica } from './store-replica.ts'
import type { TaskStorage } from './task-storage.ts'

/** The plan as it is stored, and the stores of its tasks. */
interface Replicas {
  readonly plan: string
  readonly decoded: TopologyPlan
  readonly tasks: readonly StoreReplica[]
}

export class StoreReplicas {
  readonly #topology: Topology
  readonly #storage: TaskStorage
  #found: Replicas | undefined

  constructor(topology: Topology, storage: TaskStorage) {
    this.#topology = topology
    this.#storage = storage
  }

  /** Returns the stores of the stored plan; undefined: there is none. */
  async find(): Promise<Replicas | undefined> {
    const plan = await this.#storage.plan()
    if (plan === undefined || plan === this.#found?.plan) {
      return plan === undefined ? undefined : this.#found
    }
    const decoded = STORED_PLAN.decode(plan)
    const tasks = tasksOf(this.#topology, decoded).map((place) => {
      const { inputs } = taskTopics(this.#topology, decoded, place)
      return new StoreReplica(this.#storage, place, plan, inputs)
    })
    this.#found = { plan, decoded, tasks }
    return this.#found
  }

  async states(): Promise<TaskState[] | undefined> {
    const replicas = await this.find()
    if (replicas === undefined) return undefined
    return await Promise.all(
      replicas.tasks.map(async (task): Promise<TaskState> => {
        const { positions = [] } = (await task.read()) ?? {}
        const header = await task.header()
        const { recordsCount = 0, cells = {}, dropped = {}, lastError } = header ?? {}
        return {
          ...{ task: task.place.name, status: 'running', positions, recordsCount, dropped },
          nodes: recordsByNode(task.place.sub, cells),
          pendingTurns: 0,
          ...(lastError === undefined ? {} : { lastError }),
        }
      }),
    )
  }
}
