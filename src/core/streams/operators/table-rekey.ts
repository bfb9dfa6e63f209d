/**
 * Gives the rows of a table new keys: `groupBy` of a table. An update becomes one update of the new key, or one of the
 * old key and one of the new key if they differ; the old one comes first.
 */
import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { Serde } from '../serde.ts'
import { storeKey } from '../stores/key-value-store.ts'
import type { Change, StreamRecord } from '../stream-record.ts'

export interface TableRekeyNode extends NodeBase {
  readonly kind: 'table-rekey'
  /** The serde of the new keys: keys with the same bytes are equal. */
  // biome-ignore lint/suspicious/noExplicitAny: a topology has records of many types
  readonly key: Serde<any>
  readonly mapper: (key: never, value: never) => readonly [key: unknown, value: unknown]
}

export function tableRekey({ key: serde, mapper }: TableRekeyNode, context: OperatorContext) {
  const map = (key: unknown, value: unknown) => {
    if (value === null) return undefined
    const [newKey, newValue] = mapper(key as never, value as never)
    if (newKey == null || newValue == null) {
      context.drop(newKey == null ? 'null key' : 'null value')
      return undefined
    }
    return { key: newKey, value: newValue }
  }
  return {
    process(record: StreamRecord) {
      const change = record.value as Change
      const before = map(record.key, change.oldValue)
      const after = map(record.key, change.newValue)
      const isSame =
        before !== undefined &&
        after !== undefined &&
        storeKey(serde, before.key) === storeKey(serde, after.key)
      const forward = (key: unknown, value: Change) => context.forward({ ...record, key, value })
      if (isSame) forward(after.key, { newValue: after.value, oldValue: before.value })
      else {
        if (before !== undefined) forward(before.key, { newValue: null, oldValue: before.value })
        if (after !== undefined) forward(after.key, { newValue: after.value, oldValue: null })
      }
    },
  } satisfies Operator
}
