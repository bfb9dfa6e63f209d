/** Makes one record of each: `map`, `mapValues` and `selectKey`. */

import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { StreamRecord } from '../stream-record.ts'

export interface MapNode extends NodeBase {
  readonly kind: 'map'
  readonly mapper: (key: never, value: never) => readonly [key: unknown, value: unknown]
}

export function map({ mapper }: MapNode, context: OperatorContext) {
  return {
    process(record: StreamRecord) {
      const [key, value] = mapper(record.key as never, record.value as never)
      context.forward({ ...record, key: key ?? null, value: value ?? null })
    },
  } satisfies Operator
}
