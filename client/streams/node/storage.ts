/** Storage of a topology in Node: its plan, and its tasks. */
import { MemoryLeaves } from '../../../src/core/streams/stores/leaf-source.ts'
import type { TurnCommit } from '../../../src/core/streams/task-process.ts'
import { randomProducerId } from '../../producer-id.ts'
import type { StoredTask } from '../runner/task-runner.ts'
import { STORED_PLAN, type TaskPlace, type TopologyPlan } from '../runner/topology-plan.ts'

export interface TopologyStorage {
  loadPlan(): TopologyPlan | undefined
  savePlan(plan: TopologyPlan): void
  open(place: TaskPlace): StoredTask
  /** Stores a turn as a whole. */
  commit(place: TaskPlace, commit: TurnCommit): void
  close(): void
}

interface MemoryTask {
  readonly leaves: MemoryLeaves
  readonly producerId: bigint
  turns: TurnCommit[]
}

/** Keeps everything in memory: each run begins anew. */
export class MemoryStorage implements TopologyStorage {
  readonly #tasks = new Map<string, MemoryTask>()
  #plan: string | undefined

  loadPlan(): TopologyPlan | undefined {
    return this.#plan === undefined ? undefined : STORED_PLAN.decode(this.#plan)
  }

  savePlan(plan: TopologyPlan): void {
    this.#plan = STORED_PLAN.encode(plan)
  }

  open(place: TaskPlace): StoredTask {
    const { leaves, producerId, turns } = this.#task(place)
    return { leaves, producerId, turns: turns.map(({ bytes }) => bytes) }
  }

  commit(place: TaskPlace, commit: TurnCommit): void {
    const task = this.#task(place)
    task.turns.push(commit)
    if (commit.checkpoint === undefined) return
    task.leaves.write(commit.checkpoint)
    task.turns = task.turns.filter(({ turn }) => turn >= commit.forgetBelow)
  }

  close(): void {}

  #task({ name }: TaskPlace): MemoryTask {
    let task = this.#tasks.get(name)
    if (task === undefined) {
      task = { leaves: new MemoryLeaves(), producerId: randomProducerId(), turns: [] }
      this.#tasks.set(name, task)
    }
    return task
  }
}
