/** A table that is made of another row by row: `filter` and `mapValues` of a table. */
import type { Operator, OperatorContext } from './operator.ts'
import type { KeyValueSpec } from './stores/store-spec.ts'
import type { Change, StreamRecord } from './stream-record.ts'
import { TableOutput } from './table-output.ts'

interface DerivedTableOptions {
  /** A store, if the table is queried. */
  readonly stores?: readonly [KeyValueSpec] | undefined
  /** True to forward no update of a row that the table neither had nor has. */
  readonly isFilter: boolean
}

/** @param derive Returns the value of a row that has one; null: the row is not in the table. */
export function derivedTable(
  context: OperatorContext,
  derive: (key: unknown, value: unknown) => unknown,
  { stores, isFilter }: DerivedTableOptions,
) {
  const derivedValue = (key: unknown, value: unknown) =>
    value === null ? null : (derive(key, value) ?? null)
  const spec = stores?.[0]
  const store = spec === undefined ? undefined : context.store(spec)
  const output = new TableOutput(context)
  return {
    process(record: StreamRecord) {
      const { key, timestamp } = record
      const change = record.value as Change
      const newValue = derivedValue(key, change.newValue)
      const oldValue = derivedValue(key, change.oldValue)
      if (isFilter && newValue === null && oldValue === null) return
      const next = { ...record, value: { newValue, oldValue } }
      if (store === undefined) {
        context.forward(next)
        return
      }
      const id = store.idOf(key)
      store.putAt(id, newValue, timestamp)
      output.emit(id, next)
    },
    lookUp(key: unknown) {
      if (store !== undefined) return store.get(key)
      const row = context.input(0).lookUp?.(key)
      const value = row === undefined ? null : derivedValue(key, row.value)
      return row === undefined || value === null ? undefined : { ...row, value }
    },
    flush: () => output.flush(),
    clear: () => output.clear(),
  } satisfies Operator
}
