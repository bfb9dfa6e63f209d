/** Keeps the latest value of each key: `table` and `toTable`. */

import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { KeyValueSpec } from '../stores/store-spec.ts'
import type { StreamRecord } from '../stream-record.ts'
import { TableOutput } from '../table-output.ts'

export interface ToTableNode extends NodeBase {
  readonly kind: 'to-table'
  readonly stores: readonly [KeyValueSpec]
}

export function toTable({ stores: [spec] }: ToTableNode, context: OperatorContext) {
  const store = context.store(spec)
  const output = new TableOutput(context)
  return {
    process(record: StreamRecord) {
      const { key, value: newValue, timestamp } = record
      if (key === null) {
        context.drop('null key')
        return
      }
      const id = store.idOf(key)
      const oldValue = store.getAt(id)?.value ?? null
      store.putAt(id, newValue, timestamp)
      output.emit(id, { ...record, value: { newValue, oldValue } })
    },
    lookUp: (key: unknown) => store.get(key),
    flush: () => output.flush(),
    clear: () => output.clear(),
  } satisfies Operator
}
