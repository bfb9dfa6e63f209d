/** Forwards the records for which a predicate holds, or does not hold. */

import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { StreamRecord } from '../stream-record.ts'

export interface FilterNode extends NodeBase {
  readonly kind: 'filter'
  readonly predicate: (key: never, value: never) => boolean
  readonly isNot: boolean
}

export function filter({ predicate, isNot }: FilterNode, context: OperatorContext) {
  return {
    process(record: StreamRecord) {
      if (predicate(record.key as never, record.value as never) !== isNot) context.forward(record)
    },
  } satisfies Operator
}
