/**
 * A topology as data: nodes in an order in which each comes behind its inputs. The functions of its nodes are the only
 * part that cannot be stored; `describeTopology` leaves them out.
 */
import { EdgelogError } from '../errors.ts'
import { NODES_MAX, STREAMS_NAME_LENGTH_MAX } from './limits.ts'
import type { TopologyNode } from './operators.ts'
import type { StoreSpec } from './stores/store-spec.ts'

/** Decides about a record that does not parse, and about one for which a function throws. */
export type ErrorPolicy =
  /** The task stops at the record. */
  | 'stop'
  /** The record is dropped and counted; its error is shown. */
  | 'skip'
  /** The record is written, as it was read, to a topic of the application's choice, and counted. */
  | { readonly deadLetterTopic: string }

export interface Topology {
  /** Name of the application. */
  readonly name: string
  readonly nodes: readonly TopologyNode[]
  /** Default `stop`. */
  readonly onError?: ErrorPolicy
  /** If false, a table forwards every update; by default one for each key and turn. */
  readonly coalesces?: boolean
  /** The topology that this one replaces where its state does not fit. Until then a Worker runs both. */
  readonly previous?: Topology
}

const NAME = /^[a-zA-Z0-9._-]+$/

/**
 * Checks a topology when it is made.
 *
 * @throws {EdgelogError} `invalid_request` with the name of the node that is wrong.
 */
export function checkTopology(topology: Topology): Topology {
  checkName('name', topology.name)
  const { nodes } = topology
  if (nodes.length === 0) throw refuse(topology.name, 'the topology has no nodes')
  if (nodes.length > NODES_MAX) {
    throw refuse(topology.name, `${nodes.length} nodes; at most ${NODES_MAX} are allowed`)
  }
  const seen = new Set<string>()
  const stores = new Map<string, StoreSpec>()
  for (const { name, inputs, stores: own = [] } of nodes) {
    checkName('node', name)
    if (seen.has(name)) throw refuse(name, 'another node has this name; names are unique')
    for (const input of inputs) {
      if (!seen.has(input)) throw refuse(name, `its input ${input} is not a node before it`)
    }
    seen.add(name)
    for (const store of own) {
      checkName('store', store.name)
      const other = stores.get(store.name)
      if (other !== undefined && other !== store) {
        throw refuse(name, `another store is named ${store.name}; names are unique`)
      }
      stores.set(store.name, store)
    }
  }
  return topology
}

function checkName(field: string, name: string): void {
  const isFit = NAME.test(name) && name.length <= STREAMS_NAME_LENGTH_MAX
  if (isFit) return
  throw new EdgelogError(
    'invalid_request',
    `${field} ${JSON.stringify(name)}: 1 to ${STREAMS_NAME_LENGTH_MAX} letters, digits, '.', '_' and '-' are allowed`,
  )
}

function refuse(node: string, why: string): EdgelogError {
  return new EdgelogError('invalid_request', `node ${node}: ${why}`)
}
