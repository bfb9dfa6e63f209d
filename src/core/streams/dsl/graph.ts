/** The nodes of a topology that is being built. */

import { EdgelogError } from '../../errors.ts'
import type { TopologyNode } from '../operators.ts'
import { json, type Serde, text } from '../serde.ts'
import type { KeyValueSpec } from '../stores/store-spec.ts'
import { checkTopology, type Topology } from '../topology.ts'

/** A node's name, and the base of the names that nodes behind it get. */
export interface GraphNode {
  readonly name: string
  /** The nearest source, named or stateful node: stable when stateless operators are inserted. */
  readonly base: string
}

export interface NameOption {
  /** Name of the operator. It should be given to all that have state: state is found again by it. */
  readonly name?: string
}

export class Graph {
  readonly #nodes: TopologyNode[] = []
  readonly #names = new Set<string>()

  /** Adds a node. `isBase`: the names of the nodes behind it begin with its own. */
  add(
    node: TopologyNode,
    base: string,
    { isBase = false }: { readonly isBase?: boolean } = {},
  ): GraphNode {
    this.#nodes.push(node)
    this.#names.add(node.name)
    return { name: node.name, base: isBase ? node.name : base }
  }

  /** Returns the given name, or the next free one for an operation behind a node. */
  nameFor(operation: string, base: string, { name }: NameOption = {}): string {
    if (name !== undefined) return name
    const wanted = `${base}-${operation}`
    let free = wanted
    for (let number = 2; this.#names.has(free); number++) free = `${wanted}-${number}`
    // Names of nodes are made of it, so it is taken even if no node has the name itself.
    this.#names.add(free)
    return free
  }

  /** @throws {EdgelogError} `invalid_request`, also for a `previous` topology with another name. */
  finish(name: string, options: Pick<Topology, 'onError' | 'previous'>): Topology {
    const { previous } = options
    if (previous !== undefined && previous.name !== name) {
      const why = `is named ${previous.name}; only a topology named ${name} is allowed`
      throw new EdgelogError('invalid_request', `previous: ${why}`)
    }
    return checkTopology({ name, nodes: this.#nodes, ...options })
  }
}

/** Serdes that an operation needs: the given ones, or those of its input, or text keys and JSON values. */
export interface SerdeOptions<K, V> {
  readonly key?: Serde<K>
  readonly value?: Serde<V>
}

export function keySerde<K>(given: Serde<K> | undefined, known: Serde<K> | undefined): Serde<K> {
  return given ?? known ?? (text as Serde<unknown> as Serde<K>)
}

export function valueSerde<V>(given: Serde<V> | undefined, known?: Serde<V> | undefined): Serde<V> {
  return given ?? known ?? json<V>()
}

export function tableStore<K, V>(name: string, key: Serde<K>, value: Serde<V>): KeyValueSpec {
  return { kind: 'key-value', name, key, value }
}
