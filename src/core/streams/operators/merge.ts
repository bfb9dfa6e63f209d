/** Forwards the records of all its inputs. A branch of a split is a merge of one input. */

import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { StreamRecord } from '../stream-record.ts'

export interface MergeNode extends NodeBase {
  readonly kind: 'merge'
}

export function merge(_: MergeNode, context: OperatorContext) {
  return {
    process(record: StreamRecord) {
      context.forward(record)
    },
  } satisfies Operator
}
