/**
 * Aggregates the records of each key and session. A record merges the sessions that are within the gap of it: their
 * rows are deleted first, then the row of the whole session is set.
 */
import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import { storeKey } from '../stores/key-value-store.ts'
import type { SessionSpec } from '../stores/store-spec.ts'
import type { StreamRecord, Windowed } from '../stream-record.ts'
import { TableOutput } from '../table-output.ts'
import type { SessionWindows } from '../windows.ts'
import type { Aggregator } from './aggregate.ts'

export interface SessionAggregateNode extends NodeBase {
  readonly kind: 'session-aggregate'
  readonly stores: readonly [SessionSpec]
  readonly windows: SessionWindows
  /** One for each input. Records with a null value are aggregated too, as in Kafka Streams. */
  readonly aggregators: readonly Aggregator[]
  /** Returns the aggregate of a new session; undefined: the aggregator does, for null. */
  readonly initializer?: () => unknown
  /** Returns the aggregate of two sessions that become one. */
  readonly merger: (key: never, one: never, other: never) => unknown
}

export function sessionAggregate(node: SessionAggregateNode, context: OperatorContext) {
  const [spec] = node.stores
  const { gapMs, graceMs } = node.windows
  const store = context.store(spec)
  const output = new TableOutput(context)
  const observed = context.cell('observed-time', -1)

  const emit = (
    record: StreamRecord,
    { key, startMs, endMs }: Windowed,
    newValue: unknown,
    oldValue: unknown,
  ) => {
    const id = `${storeKey(spec.key, key)}/${startMs}/${endMs}`
    const windowed = { key, startMs, endMs }
    const change = { newValue, oldValue }
    output.emit(id, { ...record, key: windowed, value: change, timestamp: endMs })
  }

  return {
    process(record: StreamRecord, input: number) {
      const { key, value, timestamp } = record
      if (key === null) {
        context.drop('null key')
        return
      }
      observed.value = Math.max(observed.value, timestamp)
      // A session is visible until it is closed, although its segment is deleted later.
      const earliestEndMs = Math.max(timestamp - gapMs, observed.value - gapMs - graceMs)
      const sessions = [...store.find(key, earliestEndMs, timestamp + gapMs)]
      const startMs = Math.min(timestamp, ...sessions.map((session) => session.startMs))
      const endMs = Math.max(timestamp, ...sessions.map((session) => session.endMs))
      if (endMs + gapMs + graceMs < observed.value) {
        context.drop('late')
        return
      }
      const before = sessions.reduce<unknown>(
        (merged, session) => node.merger(key as never, merged as never, session.value as never),
        node.initializer?.() ?? null,
      )
      const add = node.aggregators[input] as Aggregator
      const newValue = add(key as never, value as never, (before ?? null) as never) ?? null
      // A session of one instant keeps its row. All others are deleted first, even one that stays as long as it was.
      const isInstant = startMs === endMs
      for (const session of isInstant ? [] : sessions) {
        store.delete(key, session.startMs, session.endMs)
        emit(record, { key, ...session }, null, session.value)
      }
      const oldValue = isInstant ? (sessions[0]?.value ?? null) : null
      if (newValue === null) store.delete(key, startMs, endMs)
      else store.put(key, startMs, endMs, newValue, endMs)
      emit(record, { key, startMs, endMs }, newValue, oldValue)
      store.expire(observed.value)
    },
    lookUp(windowed: unknown) {
      const { key, startMs, endMs } = windowed as Windowed
      return store.get(key, startMs, endMs)
    },
    flush: () => output.flush(),
    clear: () => output.clear(),
  } satisfies Operator
}
