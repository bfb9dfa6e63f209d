/** The stored rows of tables: their key ranges and sizes. */
import { TABLE_PAGE_ENTRIES, TABLE_ROW_BYTES } from '../limits.ts'
import type { Transaction } from '../store/database.ts'
import type { CopyKey, TableRow } from '../store/schema.ts'

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

/** Returns the approximate size of a row in the database. */
export function sizeOf({
  key,
  value,
  headers,
}: Pick<TableRow, 'key' | 'value' | 'headers'>): number {
  const headersBytes = headers.reduce(
    (sum, header) => sum + header.key.length + (header.value?.length ?? 0),
    0,
  )
  return TABLE_ROW_BYTES + key.length + value.length + headersBytes
}

/** Returns the approximate size of all rows of a copy. */
export async function measure(tx: Transaction, copy: CopyKey): Promise<number> {
  let sizeBytes = 0
  let key: Uint8Array | undefined
  for (;;) {
    const range = rowsOf(copy, key, key !== undefined)
    const rows = await tx.objectStore('tableRows').getAll(range, TABLE_PAGE_ENTRIES)
    for (const row of rows) sizeBytes += sizeOf(row)
    key = rows.at(-1)?.key
    if (rows.length < TABLE_PAGE_ENTRIES) return sizeBytes
  }
}

/** Removes the rows of a copy that the log start has passed. Returns their number and size. */
export async function removeBelow(
  tx: Transaction,
  copy: CopyKey,
  logStartOffset: number,
): Promise<{ readonly count: number; readonly sizeBytes: number }> {
  const removed = { count: 0, sizeBytes: 0 }
  if (logStartOffset === 0) return removed
  const store = tx.objectStore('tableRows')
  const range = IDBKeyRange.bound([copy], [copy, logStartOffset], false, true)
  for (;;) {
    const rows = await store.index('offset').getAll(range, TABLE_PAGE_ENTRIES)
    await Promise.all(rows.map(({ key }) => store.delete(rowOf(copy, key))))
    removed.count += rows.length
    for (const row of rows) removed.sizeBytes += sizeOf(row)
    if (rows.length < TABLE_PAGE_ENTRIES) return removed
  }
}
