/** The handle of a topology that runs in this process or page. */
import type { EdgelogError } from '../../../src/core/errors.ts'
import type { StoreView } from './store-view.ts'
import type { TaskState } from './task-runner.ts'
import type { TaskFailure } from './topology-tasks.ts'

export interface TopologyEvents {
  /** A task stopped at an error, and the others run on. Without a listener the error is thrown. */
  readonly failed: TaskFailure
  /** Something failed that may succeed later: it is tried again after a pause. */
  readonly retrying: EdgelogError
}

/**
 * - `starting`: the topics are not known yet.
 * - `running`: here.
 * - `elsewhere`: in another tab.
 * - `failed`: a task stopped at an error.
 */
export type TopologyStatus = 'starting' | 'running' | 'elsewhere' | 'failed' | 'stopped'

export interface TopologyState {
  readonly status: TopologyStatus
  readonly tasks: readonly TaskState[]
  /** Records that are not processed yet, as far as is known. */
  readonly lag: number
}

export interface RunningTopology {
  /** Name of the application. */
  readonly name: string
  /** Returns a store of the topology, to be read by key, range or window. */
  store<K = string, V = unknown>(name: string): StoreView<K, V>
  state(): Promise<TopologyState>
  /**
   * Resolves when everything that is in the topics now is processed. For tests.
   *
   * @throws {EdgelogError} `invalid_request` with the error of a task that failed.
   */
  idle(): Promise<void>
  /** Adds a listener. Returns the function that removes it. */
  on<Name extends keyof TopologyEvents>(
    name: Name,
    listener: (value: TopologyEvents[Name]) => void,
  ): () => void
  /** Stops all tasks after their current turns. What they have stored stays. Idempotent. */
  stop(): Promise<void>
}

export function lagOf(tasks: readonly TaskState[]): number {
  return tasks
    .flatMap(({ positions }) => positions)
    .reduce((sum, { offset, endOffset }) => sum + endOffset - offset, 0)
}
