/** Compares the stored tables of a browser with the log that they follow. */

/** A record of a partition. */
export interface KeyedRecord {
  readonly offset: number
  readonly key: string
  /** null: a tombstone. */
  readonly value: string | null
}

/** The stored table of one partition. */
export interface StoredTable {
  /** The copy that readers see; null: none is complete. */
  readonly shown: StoredCopy | null
  /** The copy that is built beside it. */
  readonly build: StoredCopy | null
  /** Numbers of the copies that have rows. */
  readonly generations: readonly number[]
}

export interface StoredCopy {
  readonly generation: number
  /** All records below it are in the rows. */
  readonly position: number
  readonly rows: readonly KeyedRecord[]
}

/** Returns the latest record of each key below an offset, without tombstones. */
export function foldOf(
  history: readonly KeyedRecord[],
  endOffset = Number.POSITIVE_INFINITY,
): Map<string, KeyedRecord> {
  const latest = new Map<string, KeyedRecord>()
  for (const record of history) {
    if (record.offset >= endOffset) break
    if (record.value === null) latest.delete(record.key)
    else latest.set(record.key, record)
  }
  return latest
}

/**
 * Returns all violations; must be empty. Each row is a record below the position, and no copy is left behind.
 *
 * @param isWhole the log still has all records of `history`, so that each copy is the fold below its position
 */
export function checkTable(
  table: StoredTable,
  history: readonly KeyedRecord[],
  isWhole: boolean,
): string[] {
  const copies = [table.shown, table.build].filter((copy) => copy !== null)
  const known = new Set(copies.map(({ generation }) => generation))
  const left = table.generations.filter((generation) => !known.has(generation))
  return [
    ...left.map((generation) => `copy ${generation} is left behind`),
    ...copies.flatMap((copy) => checkRows(copy, history)),
    ...copies.flatMap((copy) => (isWhole ? checkFold(copy, history) : [])),
  ]
}

function checkRows({ position, rows }: StoredCopy, history: readonly KeyedRecord[]): string[] {
  const records = new Map(history.map((record) => [record.offset, record]))
  return rows
    .filter(({ offset, key, value }) => {
      const record = records.get(offset)
      return offset >= position || record?.key !== key || record.value !== value
    })
    .map(({ offset, key }) => `${key} has offset ${offset}, below ${position}, of another record`)
}

function checkFold({ position, rows }: StoredCopy, history: readonly KeyedRecord[]): string[] {
  const wanted = foldOf(history, position)
  const found = new Map(rows.map((row) => [row.key, row.offset]))
  const keys = new Set([...wanted.keys(), ...found.keys()])
  return [...keys]
    .filter((key) => wanted.get(key)?.offset !== found.get(key))
    .map((key) => {
      const [stored, latest] = [found.get(key), wanted.get(key)?.offset]
      return `${key} has offset ${stored}, and the log below ${position} has ${latest}`
    })
}
