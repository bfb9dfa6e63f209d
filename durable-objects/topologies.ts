/**
 * The topologies of this Worker. Code cannot be stored, so an application names its topology, which each instance of
 * the Worker registers while it starts; or it has a program, which is stored, and whose compiler is registered.
 */
import { EdgelogError } from '../src/core/errors.ts'
import { topologyWith } from '../src/core/streams/describe-topology.ts'
import type { Program } from '../src/core/streams/task-api.ts'
import type { Topology } from '../src/core/streams/topology.ts'

/**
 * Makes the topology of a program.
 *
 * @param name Name of the application.
 * @param onFailure Notes an expression that failed for a row.
 * @throws {EdgelogError} `not_found` for a definition that this version cannot compile.
 */
export type ProgramCompiler = (
  name: string,
  definition: unknown,
  onFailure: (message: string) => void,
) => Topology

const registered = new Map<string, Topology>()
const compilers = new Map<string, ProgramCompiler>()

/** Registers topologies, in place of those that were registered under their names. */
export function registerTopologies(topologies: readonly Topology[]): void {
  for (const topology of topologies) registered.set(topology.name, topology)
}

/** Registers the compiler of a kind of program. */
export function registerProgram(kind: string, compile: ProgramCompiler): void {
  compilers.set(kind, compile)
}

/** Returns the topology that this Worker has with a fingerprint: the registered one, or one before it. */
export function registeredTopology(name: string, fingerprint: string): Topology | undefined {
  return topologyWith(fingerprint, registered.get(name))
}

/** @throws {EdgelogError} `not_found` if this Worker does not have the topology, or cannot compile the program. */
export function topologyOf(
  name: string,
  program?: Program,
  onFailure: (message: string) => void = () => {},
): Topology {
  if (program !== undefined) {
    const compile = compilers.get(program.kind)
    if (compile !== undefined) return compile(name, program.definition, onFailure)
    const why = `application ${name}: this Worker has no compiler for programs of the kind ${program.kind}`
    throw new EdgelogError('not_found', why)
  }
  const topology = registered.get(name)
  if (topology !== undefined) return topology
  const why = `application ${name}: this Worker does not have its topology; pass it to createApp({ streams })`
  throw new EdgelogError('not_found', why)
}
