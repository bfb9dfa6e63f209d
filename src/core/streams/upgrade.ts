/**
 * Compares the topology that runs with the one that is deployed. Tasks go on with their state if every store, internal
 * topic and input that the old one has keeps its name, its place and its format.
 */
import type { NodeDescription, TopologyDescription } from './describe-topology.ts'

export type Upgrade =
  | { readonly kind: 'same' }
  | { readonly kind: 'compatible' }
  /** The reasons, one for each node that does not fit. */
  | { readonly kind: 'incompatible'; readonly reasons: readonly string[] }

/** A topology, and the number of the sub-topology of each of its nodes. */
interface Placed {
  readonly topology: TopologyDescription
  readonly subs: Readonly<Record<string, number>>
}

export function compareTopologies(before: Placed, after: Placed): Upgrade {
  const isSame = JSON.stringify(before.topology) === JSON.stringify(after.topology)
  if (isSame) return { kind: 'same' }
  const reasons = before.topology.nodes.flatMap((node) => misfit(node, before, after))
  return reasons.length === 0 ? { kind: 'compatible' } : { kind: 'incompatible', reasons }
}

function misfit(node: NodeDescription, before: Placed, after: Placed): string[] {
  const isStateful = node.stores.length > 0
  const isBoundary = node.kind === 'source' || node.kind === 'repartition'
  if (!isStateful && !isBoundary) return []
  const same = after.topology.nodes.find(({ name }) => name === node.name)
  if (same === undefined)
    return [`node ${node.name}: is gone, and has ${isStateful ? 'state' : 'a position'}`]
  if (same.kind !== node.kind) return [`node ${node.name}: was ${node.kind} and is ${same.kind}`]
  const reasons: string[] = []
  if (JSON.stringify(same.stores) !== JSON.stringify(node.stores)) {
    reasons.push(`node ${node.name}: its store has another kind, format or retention`)
  }
  if (JSON.stringify(same.options) !== JSON.stringify(node.options)) {
    reasons.push(`node ${node.name}: its options changed`)
  }
  if (before.subs[node.name] !== after.subs[node.name]) {
    reasons.push(`node ${node.name}: belongs to another sub-topology`)
  }
  return reasons
}
