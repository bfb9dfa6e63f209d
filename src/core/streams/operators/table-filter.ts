/** A table of the rows for which a predicate holds. A row for which it no longer holds is deleted. */
import { derivedTable } from '../derived-table.ts'
import type { NodeBase } from '../node.ts'
import type { OperatorContext } from '../operator.ts'
import type { KeyValueSpec } from '../stores/store-spec.ts'

export interface TableFilterNode extends NodeBase {
  readonly kind: 'table-filter'
  readonly predicate: (key: never, value: never) => boolean
  readonly isNot: boolean
  /** A store, if the table is queried. */
  readonly stores?: readonly [KeyValueSpec]
}

export function tableFilter(
  { predicate, isNot, stores }: TableFilterNode,
  context: OperatorContext,
) {
  const derive = (key: unknown, value: unknown) =>
    predicate(key as never, value as never) !== isNot ? value : null
  return derivedTable(context, derive, { stores, isFilter: true })
}
