/** Key ranges of the stored rows of tables. */
import type { Transaction } from '../store/database.ts'

/** Returns the range of all rows of a topic, of one of its partitions, or of one copy of that. */
export function rowsOf(
  ...prefix: [topicId: string, partition?: number, generation?: number]
): IDBKeyRange {
  return IDBKeyRange.bound(prefix, [...prefix, []])
}

/** Returns the range of the keys of a copy from `key` on; `isOpen`: behind it. */
export function keysFrom(
  copy: readonly [topicId: string, partition: number, generation: number],
  key: Uint8Array,
  isOpen: boolean,
): IDBKeyRange {
  return IDBKeyRange.bound([...copy, key], [...copy, []], isOpen)
}

/** Returns the range that contains one key of a copy. */
export function onlyKey(
  copy: readonly [topicId: string, partition: number, generation: number],
  key: Uint8Array,
): IDBKeyRange {
  return IDBKeyRange.only([...copy, key])
}

/** Removes the rows of a copy that the log start has passed. Returns their number. */
export async function removeBelow(
  tx: Transaction,
  copy: readonly [topicId: string, partition: number, generation: number],
  logStartOffset: number,
): Promise<number> {
  if (logStartOffset === 0) return 0
  const store = tx.objectStore('tableRows')
  const range = IDBKeyRange.bound([...copy, 0], [...copy, logStartOffset], false, true)
  const keys = await store.index('offset').getAllKeys(range)
  await Promise.all(keys.map((key) => store.delete(key)))
  return keys.length
}
