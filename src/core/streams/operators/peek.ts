/** Calls a function for each record: `peek`, and `foreach` at the end of a stream. */

import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { StreamRecord } from '../stream-record.ts'

export interface PeekNode extends NodeBase {
  readonly kind: 'peek'
  readonly action: (key: never, value: never) => void
}

export function peek({ action }: PeekNode, context: OperatorContext) {
  return {
    process(record: StreamRecord) {
      action(record.key as never, record.value as never)
      context.forward(record)
    },
  } satisfies Operator
}
