/** A node of a topology, as data. */
import type { StoreSpec } from './stores/store-spec.ts'

/** The fields that all nodes have. */
export interface NodeBase {
  /** Unique within the topology. */
  readonly name: string
  /** Names of the nodes whose records it processes. */
  readonly inputs: readonly string[]
  /** The stores that it reads and writes. */
  readonly stores?: readonly StoreSpec[]
}
