/** Forwards each record to the first branch whose predicate holds. */

import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { StreamRecord } from '../stream-record.ts'

/** Its children are the branches, in the order of the predicates; one more child is the default branch. */
export interface BranchNode extends NodeBase {
  readonly kind: 'branch'
  readonly predicates: ReadonlyArray<(key: never, value: never) => boolean>
  readonly hasDefault: boolean
}

export function branch({ predicates, hasDefault }: BranchNode, context: OperatorContext) {
  return {
    process(record: StreamRecord) {
      const index = predicates.findIndex((holds) =>
        holds(record.key as never, record.value as never),
      )
      if (index !== -1) context.forward(record, index)
      else if (hasDefault) context.forward(record, predicates.length)
    },
  } satisfies Operator
}
