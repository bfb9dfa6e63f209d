/** Makes any number of records of each: `flatMap` and `flatMapValues`. */
import { EdgelogError } from '../../errors.ts'
import { RECORD_OUTPUTS_MAX } from '../limits.ts'
import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { StreamRecord } from '../stream-record.ts'

export interface FlatMapNode extends NodeBase {
  readonly kind: 'flat-map'
  readonly mapper: (key: never, value: never) => Iterable<readonly [key: unknown, value: unknown]>
}

export function flatMap({ mapper }: FlatMapNode, context: OperatorContext) {
  return {
    process(record: StreamRecord) {
      let count = 0
      for (const [key, value] of mapper(record.key as never, record.value as never)) {
        if (++count > RECORD_OUTPUTS_MAX) throw tooMany()
        context.forward({ ...record, key: key ?? null, value: value ?? null })
      }
    },
  } satisfies Operator
}

function tooMany(): EdgelogError {
  return new EdgelogError(
    'invalid_record',
    `one record may become at most ${RECORD_OUTPUTS_MAX} records`,
  )
}
