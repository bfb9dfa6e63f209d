/**
 * Cuts a topology into sub-topologies: at each repartition, whose internal topic is written by one and read by another.
 * A task is one sub-topology for one partition number.
 */
import { EdgelogError } from '../errors.ts'
import type { RepartitionNode } from './operators/repartition.ts'
import type { SourceNode } from './operators/source.ts'
import type { TopologyNode } from './operators.ts'
import type { StoreSpec } from './stores/store-spec.ts'
import type { Topology } from './topology.ts'

export interface SubTopology {
  readonly index: number
  /** In an order in which each comes behind its inputs. A repartition that is read is in `reads` only. */
  readonly nodes: readonly TopologyNode[]
  /** The nodes by which records come in. */
  readonly reads: ReadonlyArray<SourceNode | RepartitionNode>
  readonly stores: readonly StoreSpec[]
}

/** Returns the sub-topologies, in the order of their first nodes. */
export function splitTopology({ nodes }: Topology): SubTopology[] {
  const groups = new Groups()
  const storeOwner = new Map<string, string>()
  for (const node of nodes) {
    groups.add(sideOf(node, 'write'))
    for (const input of node.inputs) {
      const from = nodes.find(({ name }) => name === input) as TopologyNode
      groups.join(sideOf(node, 'write'), sideOf(from, 'read'))
    }
    for (const { name } of node.stores ?? []) {
      const owner = storeOwner.get(name) ?? node.name
      storeOwner.set(name, owner)
      groups.join(node.name, owner)
    }
  }
  const roots = [
    ...new Set(nodes.flatMap((node) => sidesOf(node).map((side) => groups.root(side)))),
  ]
  return roots.map((root, index) => {
    const own = nodes.filter((node) => groups.root(sideOf(node, 'write')) === root)
    const reads = nodes.filter(
      (node): node is SourceNode | RepartitionNode =>
        (node.kind === 'source' || node.kind === 'repartition') &&
        groups.root(sideOf(node, 'read')) === root,
    )
    const stores = new Map(
      own.flatMap(({ stores = [] }) => stores.map((spec) => [spec.name, spec])),
    )
    return { index, nodes: own, reads, stores: [...stores.values()] }
  })
}

/** Returns the number of the sub-topology of each node; of a repartition, that of the side that reads. */
export function subTopologyNumbers(subs: readonly SubTopology[]): Record<string, number> {
  const numbers: Record<string, number> = {}
  for (const { index, nodes, reads } of subs) {
    for (const { name, kind } of nodes) if (kind !== 'repartition') numbers[name] = index
    for (const { name } of reads) numbers[name] = index
  }
  return numbers
}

/** The partition counts of a topology's topics. */
export interface PartitionCounts {
  /** By repartition node. */
  readonly internal: ReadonlyMap<string, number>
  /** By sub-topology: the number of its tasks. */
  readonly tasks: readonly number[]
}

/**
 * Returns how many partitions each internal topic gets, and how many tasks each sub-topology has.
 *
 * @param partitionsOf Returns the partition count of a source topic; undefined if it does not exist.
 * @throws {EdgelogError} `invalid_request` for a topic that does not exist, and for topics that are joined but are not
 * co-partitioned; it names the node.
 */
export function countPartitions(
  topology: Topology,
  partitionsOf: (topic: string) => number | undefined,
): PartitionCounts {
  const subs = splitTopology(topology)
  const internal = new Map<string, number>()
  for (const sub of subs) {
    for (const node of sub.reads) {
      if (node.kind === 'repartition' && node.partitions !== undefined) {
        internal.set(node.name, node.partitions)
      }
    }
  }
  const countOf = (node: SourceNode | RepartitionNode): number | undefined =>
    node.kind === 'repartition'
      ? internal.get(node.name)
      : Math.max(...node.topics.map((topic) => partitionsOf(topic) ?? missing(node, topic)))
  // An internal topic takes the count of the topics it is joined with, or that of the sub-topology that writes it.
  // Each round settles at least one, so there are at most as many rounds as internal topics.
  const open = () =>
    subs.flatMap(({ reads }) => reads).filter((node) => countOf(node) === undefined)
  for (let round = open().length; round > 0 && open().length > 0; round--) {
    const before = open().length
    for (const node of open()) settle(node as RepartitionNode, subs, countOf, internal, true)
    if (open().length < before) continue
    // A sub-topology that reads what it writes: the topics that are known decide.
    for (const node of open()) settle(node as RepartitionNode, subs, countOf, internal, false)
  }
  for (const node of open())
    throw refuse(node.name, 'its partition count depends on itself; give `partitions`')
  for (const sub of subs) checkCoPartitioned(sub, countOf, partitionsOf)
  const tasks = subs.map(({ reads }) => Math.max(...reads.map((node) => countOf(node) as number)))
  return { internal, tasks }
}

type CountOf = (node: SourceNode | RepartitionNode) => number | undefined

function settle(
  node: RepartitionNode,
  subs: readonly SubTopology[],
  countOf: CountOf,
  internal: Map<string, number>,
  needsAll: boolean,
): void {
  const reader = subs.find(({ reads }) => reads.includes(node)) as SubTopology
  const partners = coPartitioned(reader)
    .filter((group) => group.includes(node))
    .flat()
    .map(countOf)
    .filter((count) => count !== undefined)
  const writer = subs.find(({ nodes }) => nodes.includes(node)) as SubTopology
  const known = writer.reads.map(countOf).filter((count) => count !== undefined)
  if (partners.length > 0) internal.set(node.name, Math.max(...partners))
  else if (known.length > 0 && (!needsAll || known.length === writer.reads.length)) {
    internal.set(node.name, Math.max(...known))
  }
}

/** Returns the nodes by which the records of each join come in: they need the same partition count. */
function coPartitioned(sub: SubTopology): Array<Array<SourceNode | RepartitionNode>> {
  return sub.nodes
    .filter(
      (node) => node.inputs.length > 1 && node.kind !== 'merge' && node.kind !== 'repartition',
    )
    .map((node) => sourcesOf(sub, node))
}

function sourcesOf(sub: SubTopology, node: TopologyNode): Array<SourceNode | RepartitionNode> {
  return node.inputs.flatMap((input) => {
    const read = sub.reads.find(({ name }) => name === input)
    if (read !== undefined) return [read]
    const before = sub.nodes.find(({ name }) => name === input)
    return before === undefined ? [] : sourcesOf(sub, before)
  })
}

function checkCoPartitioned(
  sub: SubTopology,
  countOf: CountOf,
  partitionsOf: (topic: string) => number | undefined,
): void {
  for (const node of sub.nodes) {
    const isJoin = node.inputs.length > 1 && node.kind !== 'merge' && node.kind !== 'repartition'
    if (!isJoin) continue
    const counts = new Map<string, number>()
    for (const read of sourcesOf(sub, node)) {
      if (read.kind === 'repartition') counts.set(read.name, countOf(read) as number)
      else for (const topic of read.topics) counts.set(topic, partitionsOf(topic) as number)
    }
    if (new Set(counts.values()).size <= 1) continue
    const list = [...counts].map(([name, count]) => `${name} has ${count}`).join(', ')
    throw refuse(
      node.name,
      `its inputs need the same number of partitions: ${list}; repartition one of them`,
    )
  }
}

function missing(node: TopologyNode, topic: string): never {
  throw refuse(node.name, `its topic ${topic} does not exist; create it first`)
}

function refuse(node: string, why: string): EdgelogError {
  return new EdgelogError('invalid_request', `node ${node}: ${why}`)
}

/** A repartition has two sides, which belong to two sub-topologies; all other nodes have one. */
function sideOf({ name, kind }: TopologyNode, side: 'read' | 'write'): string {
  return kind === 'repartition' && side === 'read' ? `${name}:read` : name
}

function sidesOf(node: TopologyNode): string[] {
  return node.kind === 'repartition' ? [node.name, sideOf(node, 'read')] : [node.name]
}

/** Groups of names that belong together. */
class Groups {
  readonly #parents = new Map<string, string>()

  add(name: string): void {
    if (!this.#parents.has(name)) this.#parents.set(name, name)
  }

  root(name: string): string {
    this.add(name)
    let root = name
    for (let up = this.#parents.get(root); up !== root; up = this.#parents.get(root)) {
      root = up as string
    }
    return root
  }

  join(a: string, b: string): void {
    this.#parents.set(this.root(a), this.root(b))
  }
}
