/**
 * Aggregates the records of each key: `count`, `reduce` and `aggregate` of a grouped stream, and `cogroup`, which has
 * one aggregator for each of its inputs.
 */

import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { KeyValueSpec } from '../stores/store-spec.ts'
import type { StreamRecord } from '../stream-record.ts'
import { TableOutput } from '../table-output.ts'

/** Returns the new aggregate; `aggregate` is null for the first record of a key. It does not change its arguments. */
export type Aggregator = (key: never, value: never, aggregate: never) => unknown

export interface AggregateNode extends NodeBase {
  readonly kind: 'aggregate'
  readonly stores: readonly [KeyValueSpec]
  /** One for each input. */
  readonly aggregators: readonly Aggregator[]
}

export function aggregate(node: AggregateNode, context: OperatorContext) {
  const [spec] = node.stores
  const store = context.store(spec)
  const output = new TableOutput(context)
  return {
    process(record: StreamRecord, input: number) {
      const { key, value, timestamp } = record
      if (key === null || value === null) {
        context.drop(key === null ? 'null key' : 'null value')
        return
      }
      const id = store.idOf(key)
      const before = store.getAt(id)
      const oldValue = before?.value ?? null
      const add = node.aggregators[input] as Aggregator
      const newValue = add(key as never, value as never, oldValue as never) ?? null
      const latest = Math.max(timestamp, before?.timestamp ?? timestamp)
      store.putAt(id, newValue, latest)
      const change = { newValue, oldValue }
      output.emit(id, { key, value: change, timestamp: latest, headers: record.headers })
    },
    lookUp: (key: unknown) => store.get(key),
    flush: () => output.flush(),
    clear: () => output.clear(),
  } satisfies Operator
}
