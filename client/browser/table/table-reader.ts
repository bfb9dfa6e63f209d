/** Reads stored tables, in every tab. Each read is one transaction, and sees one state of a partition. */
import { TABLE_PAGE_ENTRIES } from '../limits.ts'
import type { Database, Store, Transaction } from '../store/database.ts'
import type { CopyKey, TableRow, TableState } from '../store/schema.ts'
import { rowOf, rowsOf, rowsSince } from './table-rows.ts'

export interface TablePage {
  readonly copy: CopyKey
  /** The rows contain all records below it. */
  readonly position: number
  readonly removals: number
  readonly rows: readonly TableRow[]
  /** True if there may be more rows. */
  readonly hasMore: boolean
}

const STORES: Store[] = ['tables', 'tableRows']

export class TableReader {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async state(topic: string): Promise<TableState | undefined> {
    return await this.#database.read(['tables'], (tx) => tx.objectStore('tables').get(topic))
  }

  async get(topic: string, partition: number, key: Uint8Array): Promise<TableRow | undefined> {
    return await this.#database.read(STORES, async (tx) => {
      const shown = await shownCopy(tx, topic, partition)
      return shown && (await tx.objectStore('tableRows').get(rowOf(shown.copy, key)))
    })
  }

  /** Returns rows in the order of their keys, from `key` on, or behind it; undefined without a complete copy. */
  async page(
    topic: string,
    partition: number,
    key: Uint8Array,
    isBehind: boolean,
  ): Promise<TablePage | undefined> {
    return await this.#read(topic, partition, (tx, copy) =>
      tx.objectStore('tableRows').getAll(rowsOf(copy, key, isBehind), TABLE_PAGE_ENTRIES),
    )
  }

  /** Returns rows with offsets from `offset` on, in the order of their offsets. */
  async changes(topic: string, partition: number, offset: number): Promise<TablePage | undefined> {
    return await this.#read(topic, partition, (tx, copy) =>
      tx
        .objectStore('tableRows')
        .index('offset')
        .getAll(rowsSince(copy, offset), TABLE_PAGE_ENTRIES),
    )
  }

  /** Returns all keys of a partition. */
  async keys(topic: string, partition: number): Promise<Uint8Array[]> {
    return await this.#database.read(STORES, async (tx) => {
      const shown = await shownCopy(tx, topic, partition)
      if (shown === undefined) return []
      const keys = await tx.objectStore('tableRows').getAllKeys(rowsOf(shown.copy))
      return keys.map(([, key]) => new Uint8Array(key as ArrayBuffer))
    })
  }

  async #read(
    topic: string,
    partition: number,
    read: (tx: Transaction<'readonly'>, copy: CopyKey) => Promise<TableRow[]>,
  ): Promise<TablePage | undefined> {
    return await this.#database.read(STORES, async (tx) => {
      const shown = await shownCopy(tx, topic, partition)
      if (shown === undefined) return undefined
      const rows = await read(tx, shown.copy)
      return { ...shown, rows, hasMore: rows.length === TABLE_PAGE_ENTRIES }
    })
  }
}

async function shownCopy(
  tx: Transaction<'readonly'>,
  topic: string,
  partition: number,
): Promise<Omit<TablePage, 'rows' | 'hasMore'> | undefined> {
  const state = await tx.objectStore('tables').get(topic)
  const shown = state?.partitions[partition]?.shown
  if (state === undefined || !shown) return undefined
  const { generation, position, removals } = shown
  return { copy: [state.topicId, partition, generation], position, removals }
}
