/**
 * Joins the rows of two tables with equal keys: `join`, `leftJoin` and `outerJoin` of two tables. Each update of one
 * side is joined with the row of the other side. The timestamp is the later one of both.
 */
import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import { storeKey, type ValueAndTimestamp } from '../stores/key-value-store.ts'
import type { KeyValueSpec } from '../stores/store-spec.ts'
import type { Change, StreamRecord } from '../stream-record.ts'
import { TableOutput } from '../table-output.ts'

export interface TableJoinNode extends NodeBase {
  readonly kind: 'table-join'
  readonly inputs: readonly [left: string, right: string]
  readonly joiner: (key: never, left: never, right: never) => unknown
  /** The sides that a row of the result must have: both, the left one, or any. */
  readonly join: 'inner' | 'left' | 'outer'
  /** A store, if the table is queried. */
  readonly stores?: readonly [KeyValueSpec]
}

export function tableJoin({ joiner, join, stores }: TableJoinNode, context: OperatorContext) {
  const spec = stores?.[0]
  const store = spec === undefined ? undefined : context.store(spec)
  const output = new TableOutput(context)

  /** Returns the joined value of two rows; null if the join has none. */
  const joined = (key: unknown, left: unknown, right: unknown): unknown => {
    const needsLeft = join !== 'outer'
    const needsRight = join === 'inner'
    if ((left === null && (needsLeft || right === null)) || (right === null && needsRight)) {
      return null
    }
    return joiner(key as never, left as never, right as never) ?? null
  }

  return {
    process(record: StreamRecord, input: number) {
      const { key } = record
      if (key === null) {
        context.drop('null key')
        return
      }
      const { newValue, oldValue } = record.value as Change
      const other = context.input(1 - input).lookUp?.(key)
      const isOtherNeeded = join === 'inner' || (join === 'left' && input === 1)
      const isNothing = other === undefined && newValue === null && oldValue === null
      if (isNothing || (isOtherNeeded && other === undefined)) return
      const otherValue = other?.value ?? null
      const side = (value: unknown) =>
        input === 0 ? joined(key, value, otherValue) : joined(key, otherValue, value)
      const timestamp = Math.max(record.timestamp, other?.timestamp ?? 0)
      const change = { newValue: side(newValue), oldValue: side(oldValue) }
      const next = { ...record, timestamp, value: change }
      if (store === undefined || spec === undefined) {
        context.forward(next)
        return
      }
      if (change.newValue === null) store.delete(key)
      else store.put(key, change.newValue, timestamp)
      output.emit(storeKey(spec.key, key), next)
    },
    lookUp(key: unknown): ValueAndTimestamp | undefined {
      if (store !== undefined) return store.get(key)
      const left = context.input(0).lookUp?.(key)
      const right = context.input(1).lookUp?.(key)
      const value = joined(key, left?.value ?? null, right?.value ?? null)
      if (value === null) return undefined
      return { value, timestamp: Math.max(left?.timestamp ?? 0, right?.timestamp ?? 0) }
    },
    flush: () => output.flush(),
    clear: () => output.clear(),
  } satisfies Operator
}
