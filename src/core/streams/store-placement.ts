/** Finds the tasks that have a store. */
import { EdgelogError } from '../errors.ts'
import type { StorePlacement } from './application-api.ts'
import type { ApplicationState } from './application-state.ts'

/**
 * Returns where a store of the running generation is.
 *
 * @throws {EdgelogError} `not_found` for a store that it does not have; `unavailable` before its tasks exist.
 */
export function storePlacement(
  { topology, subs, placed }: ApplicationState,
  store: string,
): StorePlacement {
  const node = topology.nodes.find(({ stores }) => stores.some(({ name }) => name === store))
  const spec = node?.stores.find(({ name }) => name === store)
  if (node === undefined || spec === undefined) {
    const names = topology.nodes.flatMap(({ stores }) => stores.map(({ name }) => name))
    const known = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`
    const why = `store ${store}: ${topology.name} has no such store; ${known}`
    throw new EdgelogError('not_found', why)
  }
  const sub = subs[node.name] as number
  const tasks = placed?.tasks[sub]
  if (placed === undefined || tasks === undefined) {
    throw new EdgelogError('unavailable', `application ${topology.name}: is starting`)
  }
  const { kind, key, value } = spec
  return { sub, generation: placed.generation, tasks, kind, key, value }
}
