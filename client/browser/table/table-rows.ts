/** Key ranges of the stored rows of tables. */
import type { Transaction } from '../store/database.ts'
import type { CopyKey } from '../store/schema.ts'

/** Returns the range of all rows of a topic. */
export function rowsOfTopic(topicId: string): IDBKeyRange {
  return IDBKeyRange.bound([[topicId]], [[topicId, []]])
}

/** Returns the range of the rows of a copy from a key on; `isBehind`: without that of the key itself. */
export function rowsOf(copy: CopyKey, key?: Uint8Array, isBehind = false): IDBKeyRange {
  // All keys follow the empty one.
  return IDBKeyRange.bound(key?.length ? [copy, key] : [copy], [copy, []], isBehind)
}

export function rowOf(copy: CopyKey, key: Uint8Array): IDBKeyRange {
  return IDBKeyRange.only([copy, key])
}

/** Returns the range of the rows of a copy with offsets from `offset` on, in the index by offset. */
export function rowsSince(copy: CopyKey, offset: number): IDBKeyRange {
  return IDBKeyRange.bound([copy, offset], [copy, []])
}

/** Removes the rows of a copy that the log start has passed. Returns their number. */
export async function removeBelow(
  tx: Transaction,
  copy: CopyKey,
  logStartOffset: number,
): Promise<number> {
  if (logStartOffset === 0) return 0
  const store = tx.objectStore('tableRows')
  const range = IDBKeyRange.bound([copy], [copy, logStartOffset], false, true)
  const keys = await store.index('offset').getAllKeys(range)
  await Promise.all(keys.map((key) => store.delete(key)))
  return keys.length
}
