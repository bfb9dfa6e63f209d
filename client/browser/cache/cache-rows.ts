/** Rows of the cache, and their eviction. */
import type { Database, Transaction } from '../store/database.ts'
import type { BatchRow, CursorRow } from '../store/schema.ts'

/** Returns the key range of a topic, or of one of its partitions, in both stores. */
export function rangeOf(...prefix: [topic: string, partition?: number]): IDBKeyRange {
  return IDBKeyRange.bound(prefix, [...prefix, []])
}

export async function drop(tx: Transaction, range: IDBKeyRange): Promise<void> {
  await tx.objectStore('cursors').delete(range)
  await tx.objectStore('batches').delete(range)
}

/** Evicts rows, oldest first, while the callback allows it, so the rest has no hole. */
export async function evictRows(
  database: Database,
  range: IDBKeyRange | undefined,
  begin: (cursor: CursorRow) => (row: BatchRow, isNewest: boolean) => boolean,
): Promise<void> {
  await database.write(['cursors', 'batches'], async (tx) => {
    for (const cursor of await tx.objectStore('cursors').getAll(range)) {
      const isEvictable = begin(cursor)
      let left = cursor
      for (;;) {
        const row = await firstRow(tx, left)
        if (row === undefined || !isEvictable(row, isNewest(left, row))) break
        left = await dropRow(tx, left, row)
      }
      if (left !== cursor) await tx.objectStore('cursors').put(left)
    }
  })
}

export function isNewest({ sizeBytes }: CursorRow, { bytes }: BatchRow): boolean {
  return bytes.length >= sizeBytes
}

export async function firstRow(
  tx: Transaction,
  { topic, partition }: CursorRow,
): Promise<BatchRow | undefined> {
  return await tx.objectStore('batches').get(rangeOf(topic, partition))
}

/** @returns the cursor without its first row */
export async function dropRow(
  tx: Transaction,
  cursor: CursorRow,
  row: BatchRow,
): Promise<CursorRow> {
  await tx.objectStore('batches').delete([row.topic, row.partition, row.baseOffset])
  return {
    ...cursor,
    startOffset: row.endOffset,
    sizeBytes: cursor.sizeBytes - row.bytes.length,
    recordsCount: cursor.recordsCount - row.recordsCount,
  }
}
