/** A table with other values: `mapValues` of a table. */
import { derivedTable } from '../derived-table.ts'
import type { NodeBase } from '../node.ts'
import type { OperatorContext } from '../operator.ts'
import type { KeyValueSpec } from '../stores/store-spec.ts'

export interface TableMapNode extends NodeBase {
  readonly kind: 'table-map'
  readonly mapper: (key: never, value: never) => unknown
  /** A store, if the table is queried. */
  readonly stores?: readonly [KeyValueSpec]
}

export function tableMap({ mapper, stores }: TableMapNode, context: OperatorContext) {
  const derive = (key: unknown, value: unknown) => mapper(key as never, value as never)
  return derivedTable(context, derive, { stores, isFilter: false })
}
