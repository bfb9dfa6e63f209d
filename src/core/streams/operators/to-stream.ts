/** Forwards the new value of each update of a table, `null` for a row that is deleted. */

import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { Change, StreamRecord } from '../stream-record.ts'

export interface ToStreamNode extends NodeBase {
  readonly kind: 'to-stream'
  /** Chooses the key of the stream; default: the key of the row. */
  readonly mapper?: (key: never, value: never) => unknown
}

export function toStream({ mapper }: ToStreamNode, context: OperatorContext) {
  return {
    process(record: StreamRecord) {
      const { newValue } = record.value as Change
      const { key } = record
      const newKey = mapper === undefined ? key : (mapper(key as never, newValue as never) ?? null)
      context.forward({ ...record, key: newKey, value: newValue })
    },
  } satisfies Operator
}
