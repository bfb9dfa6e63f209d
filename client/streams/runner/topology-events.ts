/** Emits the events of a topology. */
import { EdgelogError } from '../../../src/core/errors.ts'
import { Emitter } from '../../emitter.ts'
import type { TopologyEvents } from './running-topology.ts'
import type { TaskFailure } from './topology-tasks.ts'

export class TopologyEmitter extends Emitter<TopologyEvents> {
  #hasFailedListener = false

  override on<Name extends keyof TopologyEvents>(
    name: Name,
    listener: (value: TopologyEvents[Name]) => void,
  ): () => void {
    if (name === 'failed') this.#hasFailedListener = true
    return super.on(name, listener)
  }

  /** Reports a task that stopped at an error. An application that does not listen must not miss it. */
  failed(failure: TaskFailure): void {
    this.emit('failed', failure)
    if (this.#hasFailedListener) return
    queueMicrotask(() => {
      throw failureOf(failure)
    })
  }
}

/** Returns the error of a task that stopped. */
export function failureOf({ task, error: { node, message } }: TaskFailure): EdgelogError {
  return new EdgelogError('invalid_request', `task ${task}, node ${node}: ${message}`)
}
