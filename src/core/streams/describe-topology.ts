/** The part of a topology that can be stored and compared: everything but its functions. */
import { crc32c } from '../bytes/crc32c.ts'
import { murmur2 } from '../bytes/murmur2.ts'
import type { TopologyNode } from './operators.ts'
import type { Topology } from './topology.ts'

export interface NodeDescription {
  readonly name: string
  readonly kind: TopologyNode['kind']
  readonly inputs: readonly string[]
  readonly stores: readonly StoreDescription[]
  /** The options of the node that decide about its data, such as topics and windows; serdes by their names. */
  readonly options: Readonly<Record<string, unknown>>
}

export interface StoreDescription {
  readonly name: string
  readonly kind: string
  /** Names of the serdes. */
  readonly key: string
  readonly value: string
  readonly retentionMs?: number
}

export interface TopologyDescription {
  readonly name: string
  readonly nodes: readonly NodeDescription[]
}

export function describeTopology({ name, nodes }: Topology): TopologyDescription {
  return { name, nodes: nodes.map(describeNode) }
}

/** Returns a text that is the same for equal descriptions, and differs otherwise. */
export function topologyFingerprint(description: TopologyDescription): string {
  const bytes = new TextEncoder().encode(JSON.stringify(description))
  const [one, other] = [murmur2(bytes) >>> 0, crc32c(bytes)]
  return `${bytes.length}-${one.toString(16)}-${other.toString(16)}`
}

/** Returns the topology with a fingerprint: the given one, or one that it replaces. */
export function topologyWith(
  fingerprint: string,
  newest: Topology | undefined,
): Topology | undefined {
  for (let one = newest; one !== undefined; one = one.previous) {
    if (topologyFingerprint(describeTopology(one)) === fingerprint) return one
  }
  return undefined
}

function describeNode(node: TopologyNode): NodeDescription {
  const { name, kind, inputs, stores = [], ...rest } = node
  return {
    ...{ name, kind, inputs },
    stores: stores.map((store) => ({
      ...{ name: store.name, kind: store.kind, key: store.key.name, value: store.value.name },
      ...('retentionMs' in store ? { retentionMs: store.retentionMs } : {}),
    })),
    options: Object.fromEntries(
      Object.entries(rest).flatMap(([field, value]) => {
        const shown = plain(value)
        return shown === undefined ? [] : [[field, shown]]
      }),
    ),
  }
}

/** Returns a value as JSON has it, with serdes as their names; undefined for functions. */
function plain(value: unknown): unknown {
  if (typeof value === 'function' || value === undefined) return undefined
  if (Array.isArray(value)) return value.map((one) => plain(one) ?? null)
  if (typeof value !== 'object' || value === null) return value
  if ('serialize' in value && 'name' in value) return value.name
  return Object.fromEntries(
    Object.entries(value)
      .map(([field, one]) => [field, plain(one)] as const)
      .filter(([, one]) => one !== undefined),
  )
}
