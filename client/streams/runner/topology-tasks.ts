/** All tasks of a topology in this process. */
import { EdgelogError } from '../../../src/core/errors.ts'
import type { OutputTopic } from '../../../src/core/streams/outgoing.ts'
import { topicsRead, topicsWritten } from '../../../src/core/streams/task-topics.ts'
import type { Topology } from '../../../src/core/streams/topology.ts'
import type { ShownError } from '../../../src/core/streams/turn-row.ts'
import { TaskRunner, type TaskRunnerOptions, type TaskState } from './task-runner.ts'
import { type TaskPlace, type TopologyPlan, tasksOf, topicsOf } from './topology-plan.ts'

export interface TaskFailure {
  /** As Kafka Streams names it: `0_3`. */
  readonly task: string
  readonly error: ShownError
}

export interface TasksOptions
  extends Omit<TaskRunnerOptions, 'place' | 'topology' | 'inputs' | 'outputs' | 'failed'> {
  readonly failed: (failure: TaskFailure) => void
}

export class TopologyTasks {
  readonly runners: readonly TaskRunner[]

  constructor(topology: Topology, plan: TopologyPlan, { failed, ...options }: TasksOptions) {
    this.runners = tasksOf(topology, plan).map((place) => {
      const task = place.name
      return new TaskRunner({
        ...{ ...options, place, topology },
        ...taskTopics(topology, plan, place),
        failed: (error) => failed({ task, error }),
      })
    })
  }

  start(): void {
    for (const runner of this.runners) runner.start()
  }

  async stop(): Promise<void> {
    await Promise.all(this.runners.map((runner) => runner.stop()))
  }

  news(topic: string, partition: number): void {
    for (const runner of this.runners) runner.news(topic, partition)
  }

  states(): TaskState[] {
    return this.runners.map((runner) => runner.state())
  }

  /**
   * Resolves when all tasks have processed what is in their topics now.
   *
   * @throws {EdgelogError} `invalid_request` with the error of a task that failed.
   */
  async untilIdle(): Promise<void> {
    for (;;) {
      const before = this.#turns()
      for (const runner of this.runners) runner.lookAgain()
      await Promise.all(this.runners.map((runner) => runner.untilIdle()))
      for (const { failure, place } of this.runners) {
        if (failure === undefined) continue
        const why = `node ${failure.node}: ${failure.message}`
        throw new EdgelogError('invalid_request', `task ${place.name} failed: ${why}`)
      }
      // A turn may have written what another task reads.
      if (this.#turns() === before) return
    }
  }

  #turns(): number {
    return this.runners.reduce((sum, { turns }) => sum + turns, 0)
  }
}

/** Returns what a task reads and writes. */
export function taskTopics(
  topology: Topology,
  plan: TopologyPlan,
  { sub, partition }: TaskPlace,
): Pick<TaskRunnerOptions, 'inputs' | 'outputs'> {
  const topics = topicsOf(plan)
  const inputs = topicsRead(sub, partition, topics).map(({ node, topic: { name } }) => {
    const startOffset = plan.starts[`${name}/${partition}`] ?? 0
    return { node, topic: name, partition, startOffset }
  })
  const outputs = new Map<string, OutputTopic>(
    topicsWritten(topology, sub, topics).map(({ node, topic }) => {
      const { name, partitions, batchBytesMax } = topic
      return [node, { topic: name, partitions, batchBytesMax }]
    }),
  )
  return { inputs, outputs }
}
