/**
 * Aggregates the records of each key and sliding window. For each record there is the window that ends at it (its left
 * window) and, if it is not empty, the one that starts 1 ms behind it (its right window):
 *
 *     records          20    25
 *     left windows  [10,20] [15,25]          a difference of 10
 *     right window     [21,31]               made when 25 comes; that of 25 would be empty
 *
 * A record changes the windows that contain it, and makes the ones that are missing: the right window of the record
 * before it, its own left window, and its own right window if later records came before it. Windows that would start
 * before 1970 are one window, which starts at 0.
 */
import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { ValueAndTimestamp } from '../stores/key-value-store.ts'
import type { WindowSpec } from '../stores/store-spec.ts'
import type { StreamRecord } from '../stream-record.ts'
import { WindowTable } from '../window-table.ts'
import type { SlidingWindows } from '../windows.ts'
import type { Aggregator } from './aggregate.ts'

export interface SlidingAggregateNode extends NodeBase {
  readonly kind: 'sliding-aggregate'
  readonly stores: readonly [WindowSpec]
  readonly windows: SlidingWindows
  /** One for each input. */
  readonly aggregators: readonly Aggregator[]
}

/** The windows of a key around a record. */
interface Around {
  /** The windows that contain the record, but the left one, in ascending order. */
  readonly inner: ReadonlyArray<readonly [startMs: number, row: ValueAndTimestamp]>
  readonly left: ValueAndTimestamp | undefined
  /** The aggregate of the records that the left window shares with earlier windows. */
  readonly shared: ValueAndTimestamp | undefined
  /** Start of the missing right window of the record before. */
  readonly rightOfPreviousMs: number | undefined
  /** The aggregate of the records behind this one, if its right window is missing. */
  readonly behind: ValueAndTimestamp | undefined
}

export function slidingAggregate(node: SlidingAggregateNode, context: OperatorContext) {
  const { differenceMs, graceMs } = node.windows
  const table = new WindowTable(node.stores[0], context)
  const observed = context.cell('observed-time', -1)

  /** Adds the record to the aggregate of a window. */
  const update = (
    record: StreamRecord,
    startMs: number,
    row: ValueAndTimestamp | undefined,
    add: Aggregator,
  ) => {
    if (startMs + differenceMs + graceMs < observed.value) {
      context.drop('late')
      return
    }
    const { key, value, timestamp } = record
    const newValue = add(key as never, value as never, (row?.value ?? null) as never) ?? null
    const latest = Math.max(timestamp, row?.timestamp ?? timestamp)
    table.set({ ...record, timestamp: latest }, startMs, newValue)
  }

  return {
    process(record: StreamRecord, input: number) {
      const { key, value, timestamp } = record
      if (key === null || value === null) {
        context.drop(key === null ? 'null key' : 'null value')
        return
      }
      observed.value = Math.max(observed.value, timestamp)
      if (timestamp + 1 + differenceMs + graceMs <= observed.value) {
        context.drop('late')
        return
      }
      const add = node.aggregators[input] as Aggregator
      const startMs = Math.max(0, timestamp - differenceMs)
      const rows = table.store.fetch(key, timestamp - 2 * differenceMs, timestamp + 1)
      const around = lookAround([...rows], timestamp, differenceMs)
      const { inner, left, shared, rightOfPreviousMs, behind } = around
      const updateLeft = () => update(record, startMs, left ?? shared, add)
      const makeRightOfPrevious = () => {
        if (rightOfPreviousMs !== undefined) update(record, rightOfPreviousMs, undefined, add)
      }
      const makeRight = () => {
        if (behind !== undefined && timestamp + 1 + differenceMs + graceMs >= observed.value) {
          table.set({ ...record, timestamp: behind.timestamp }, timestamp + 1, behind.value)
        }
      }
      // The order of the updates is that of Kafka Streams.
      if (timestamp < differenceMs) {
        for (const [innerMs, row] of inner) update(record, innerMs, row, add)
        for (const step of [makeRight, makeRightOfPrevious, updateLeft]) step()
      } else {
        for (const [innerMs, row] of inner.toReversed()) update(record, innerMs, row, add)
        if (left !== undefined) updateLeft()
        makeRightOfPrevious()
        if (left === undefined) updateLeft()
        makeRight()
      }
      table.store.expire(observed.value)
    },
    lookUp: (key: unknown) => table.lookUp(key),
    flush: () => table.flush(),
    clear: () => table.clear(),
  } satisfies Operator
}

/** @param rows The windows that start from two differences before a record to 1 ms behind it. */
function lookAround(
  rows: ReadonlyArray<readonly [startMs: number, row: ValueAndTimestamp]>,
  timestamp: number,
  differenceMs: number,
): Around {
  const leftMs = Math.max(0, timestamp - differenceMs)
  const starts = new Set(rows.map(([startMs]) => startMs))
  const left = rows.find(([startMs]) => startMs === leftMs)?.[1]
  // It has the last record before this one: the left window of that record starts at or before it.
  const before = rows.filter(([startMs]) => startMs < leftMs).at(-1)?.[1]
  const isNew = left === undefined || left.timestamp < timestamp
  const previousMs = isNew ? (left ?? before)?.timestamp : undefined
  const nextMs = previousMs === undefined ? undefined : previousMs + 1
  const hasGap = nextMs !== undefined && nextMs + differenceMs >= timestamp && !starts.has(nextMs)
  const inner = rows.filter(([startMs]) => startMs > leftMs && startMs <= timestamp)
  // The latest of them has no records before this one. The window at 0 stands for many, and may have later records.
  const latest = inner.at(-1)?.[1] ?? left
  const hasBehind = latest !== undefined && latest.timestamp > timestamp
  return {
    inner,
    left,
    shared: previousMs !== undefined && previousMs >= leftMs ? before : undefined,
    rightOfPreviousMs: hasGap ? nextMs : undefined,
    behind: hasBehind && !starts.has(timestamp + 1) ? latest : undefined,
  }
}
