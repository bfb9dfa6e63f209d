/** The rows of a table: the latest record of each key. */
import type { TableEntry } from '../../src/core/log/table-api.ts'

type EntryRow = {
  key: ArrayBuffer
  offset: number
  timestamp: number
  rest: ArrayBuffer | null
}

export interface KeyRange {
  /** Only keys that begin with these bytes. */
  readonly prefix: Uint8Array
  /** Only keys after this one. */
  readonly after?: Uint8Array | undefined
}

const COLUMNS = 'key, offset, timestamp, rest'

export class TableRows {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  put({ key, offset, timestamp, rest }: TableEntry): void {
    this.#sql.exec(
      `INSERT INTO table_entry (key, offset, timestamp, rest) VALUES (?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE
       SET offset = excluded.offset, timestamp = excluded.timestamp, rest = excluded.rest`,
      key,
      offset,
      timestamp,
      rest,
    )
  }

  delete(key: Uint8Array): void {
    this.#sql.exec('DELETE FROM table_entry WHERE key = ?', key)
  }

  get(key: Uint8Array): TableEntry | undefined {
    const [row] = this.#sql
      .exec<EntryRow>(`SELECT ${COLUMNS} FROM table_entry WHERE key = ?`, key)
      .toArray()
    return row === undefined ? undefined : entryOf(row)
  }

  /** Yields the entries of a range in the order of their keys; rows are read as they are needed. */
  *scan({ prefix, after }: KeyRange): Generator<TableEntry> {
    const end = endOfPrefix(prefix)
    const [condition, from] = after === undefined ? ['key >= ?1', prefix] : ['key > ?1', after]
    const below = end === undefined ? '' : ' AND key < ?2'
    const bounds = end === undefined ? [from] : [from, end]
    const rows = this.#sql.exec<EntryRow>(
      `SELECT ${COLUMNS} FROM table_entry WHERE ${condition}${below} ORDER BY key`,
      ...bounds,
    )
    for (const row of rows) yield entryOf(row)
  }

  /** Deletes some entries. Returns whether there may be more. */
  clear(countMax: number): boolean {
    const { rowsWritten } = this.#sql.exec(
      `DELETE FROM table_entry WHERE key IN (SELECT key FROM table_entry LIMIT ${countMax})`,
    )
    return rowsWritten >= countMax
  }
}

function entryOf({ key, offset, timestamp, rest }: EntryRow): TableEntry {
  return {
    key: new Uint8Array(key),
    offset,
    timestamp,
    rest: rest === null ? null : new Uint8Array(rest),
  }
}

/** Returns the first key behind all that begin with the prefix; undefined if there is none. */
function endOfPrefix(prefix: Uint8Array): Uint8Array | undefined {
  for (let length = prefix.length; length > 0; length--) {
    const last = prefix[length - 1] as number
    if (last === 0xff) continue
    const end = prefix.slice(0, length)
    end[length - 1] = last + 1
    return end
  }
  return undefined
}
