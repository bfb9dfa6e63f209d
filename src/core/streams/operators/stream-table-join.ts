/**
 * Joins each record of a stream with the row of a table as it is when the record comes: `join` and `leftJoin` of a
 * stream with a table. Updates of the table emit nothing.
 */
import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { StreamRecord } from '../stream-record.ts'

export interface StreamTableJoinNode extends NodeBase {
  readonly kind: 'stream-table-join'
  /** The stream, then the table. */
  readonly inputs: readonly [stream: string, table: string]
  readonly joiner: (key: never, value: never, row: never) => unknown
  /** True if a record without a row is joined with null. */
  readonly isLeft: boolean
}

export function streamTableJoin({ joiner, isLeft }: StreamTableJoinNode, context: OperatorContext) {
  return {
    process(record: StreamRecord, input: number) {
      if (input === 1) return
      const { key, value } = record
      if (value === null || (key === null && !isLeft)) {
        context.drop(value === null ? 'null value' : 'null key')
        return
      }
      const row = key === null ? undefined : context.input(1).lookUp?.(key)
      if (row === undefined && !isLeft) return
      const joined = joiner(key as never, value as never, (row?.value ?? null) as never) ?? null
      context.forward({ ...record, value: joined })
    },
  } satisfies Operator
}
