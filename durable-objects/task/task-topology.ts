/** Finds the topology of a task in this Worker. */
import { EdgelogError } from '../../src/core/errors.ts'
import { describeTopology, topologyFingerprint } from '../../src/core/streams/describe-topology.ts'
import { type SubTopology, splitTopology } from '../../src/core/streams/split.ts'
import type { TaskAssignment } from '../../src/core/streams/task-api.ts'
import type { Topology } from '../../src/core/streams/topology.ts'
import { registeredTopology, topologyOf } from '../topologies.ts'

export interface TaskTopology {
  readonly topology: Topology
  readonly sub: SubTopology
  /** False: it is another topology than the assignment is made for. */
  readonly isCurrent: boolean
}

/**
 * Returns the topology that the assignment is made for, also if a newer one replaces it; otherwise the newest one.
 *
 * @param onFailure Notes an expression of a program that failed for a row.
 * @throws {EdgelogError} `not_found` if this Worker has none, cannot compile it, or has one without the sub-topology.
 */
export function topologyOfTask(
  { application, program, fingerprint, sub: index }: TaskAssignment,
  onFailure: (message: string) => void,
): TaskTopology {
  const own = program === undefined ? registeredTopology(application, fingerprint) : undefined
  const topology = own ?? topologyOf(application, program, onFailure)
  const sub = splitTopology(topology)[index]
  if (sub === undefined) {
    const why = `this Worker has another topology, without sub-topology ${index}`
    throw new EdgelogError('not_found', `application ${application}: ${why}`)
  }
  const isCurrent = topologyFingerprint(describeTopology(topology)) === fingerprint
  return { topology, sub, isCurrent }
}
