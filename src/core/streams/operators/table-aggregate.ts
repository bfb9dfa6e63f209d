/**
 * Aggregates the rows of a table that was grouped by a new key. An update first takes the old row out of the aggregate,
 * then adds the new one. An aggregate of no rows stays: a count falls to 0 and is not deleted.
 */
import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import { storeKey } from '../stores/key-value-store.ts'
import type { KeyValueSpec } from '../stores/store-spec.ts'
import type { Change, StreamRecord } from '../stream-record.ts'
import { TableOutput } from '../table-output.ts'
import type { Aggregator } from './aggregate.ts'

export interface TableAggregateNode extends NodeBase {
  readonly kind: 'table-aggregate'
  readonly stores: readonly [KeyValueSpec]
  readonly adder: Aggregator
  readonly subtractor: Aggregator
}

export function tableAggregate(node: TableAggregateNode, context: OperatorContext) {
  const [spec] = node.stores
  const store = context.store(spec)
  const output = new TableOutput(context)
  return {
    process(record: StreamRecord) {
      const { key, timestamp } = record
      if (key === null) {
        context.drop('null key')
        return
      }
      const { newValue: row, oldValue: oldRow } = record.value as Change
      const before = store.get(key)
      const oldValue = before?.value ?? null
      const apply = (change: Aggregator, value: unknown, aggregate: unknown) =>
        change(key as never, value as never, aggregate as never) ?? null
      let newValue = oldValue
      if (oldRow !== null && newValue !== null) newValue = apply(node.subtractor, oldRow, newValue)
      if (row !== null) newValue = apply(node.adder, row, newValue)
      const latest = Math.max(timestamp, before?.timestamp ?? timestamp)
      if (newValue === null) store.delete(key)
      else store.put(key, newValue, latest)
      const change = { newValue, oldValue }
      output.emit(storeKey(spec.key, key), { ...record, timestamp: latest, value: change })
    },
    lookUp: (key: unknown) => store.get(key),
    flush: () => output.flush(),
    clear: () => output.clear(),
  } satisfies Operator
}
