/**
 * Aggregates the records of each key and time window. A record belongs to every window that contains its timestamp. It
 * first advances stream time; then each of its windows that is closed drops it, and each other one takes it.
 */
import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { WindowSpec } from '../stores/store-spec.ts'
import type { StreamRecord } from '../stream-record.ts'
import { WindowTable } from '../window-table.ts'
import { type TimeWindows, windowStarts } from '../windows.ts'
import type { Aggregator } from './aggregate.ts'

export interface WindowAggregateNode extends NodeBase {
  readonly kind: 'window-aggregate'
  readonly stores: readonly [WindowSpec]
  readonly windows: TimeWindows
  /** One for each input. Records with a null value are aggregated too, as in Kafka Streams. */
  readonly aggregators: readonly Aggregator[]
}

export function windowAggregate(node: WindowAggregateNode, context: OperatorContext) {
  const { windows, aggregators } = node
  const table = new WindowTable(node.stores[0], context)
  const observed = context.cell('observed-time', -1)
  return {
    process(record: StreamRecord, input: number) {
      const { key, value, timestamp } = record
      if (key === null) {
        context.drop('null key')
        return
      }
      observed.value = Math.max(observed.value, timestamp)
      const add = aggregators[input] as Aggregator
      for (const startMs of windowStarts(windows, timestamp)) {
        if (startMs + windows.sizeMs + windows.graceMs <= observed.value) {
          context.drop('late')
          continue
        }
        const before = table.store.get(key, startMs)
        const newValue = add(key as never, value as never, (before?.value ?? null) as never) ?? null
        const latest = Math.max(timestamp, before?.timestamp ?? timestamp)
        table.set({ ...record, timestamp: latest }, startMs, newValue)
      }
      table.store.expire(observed.value)
    },
    lookUp: (key: unknown) => table.lookUp(key),
    flush: () => table.flush(),
    clear: () => table.clear(),
  } satisfies Operator
}
