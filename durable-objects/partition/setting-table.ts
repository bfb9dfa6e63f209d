/** The JSON documents of a partition. */
import type { CompactionState } from '../../src/core/log/compaction/schedule.ts'
import type { PartitionAssignment } from '../../src/core/log/partition-api.ts'
import type { RestoredFrom } from '../../src/core/log/restore.ts'
import { StoredForm } from '../../src/core/stored-form.ts'

/**
 * The state from which a start continues. Below `offset` the producers are in the `producer` table and the bytes in
 * `sizeBytes`. The batch headers above it are replayed.
 */
export interface Checkpoint {
  readonly offset: number
  /** Bytes of the chunks below `offset`. */
  readonly sizeBytes: number
  readonly logStartOffset: number
  /** Chunks below this offset were merged, or are large enough. */
  readonly sealedOffset: number
  /** Bytes of the segments whose records are in R2 only. */
  readonly evictedBytes?: number
  /** True once a batch of a transaction was appended: only then are batches of a read inspected. */
  readonly hasTransactions?: boolean
  /** Undefined until the log is compacted for the first time. */
  readonly compaction?: CompactionState
  /** Undefined if nothing was ever restored. */
  readonly restored?: RestoredFrom
}

/** How far the table of a compacted topic follows the log. */
export interface TableProgress {
  /** All committed records below it are in the table. */
  readonly indexedOffset: number
  /** True while the rows of a table that was disabled are deleted. */
  readonly isClearing?: boolean
}

export const EMPTY_CHECKPOINT: Checkpoint = {
  offset: 0,
  sizeBytes: 0,
  logStartOffset: 0,
  sealedOffset: 0,
}

const FORMS = {
  destroyed: new StoredForm<object>('destroyed'),
  assignment: new StoredForm<PartitionAssignment>('assignment'),
  checkpoint: new StoredForm<Checkpoint>('checkpoint'),
  table: new StoredForm<TableProgress>('table'),
}

interface Settings {
  /** Written when the topic is deleted, and objects in R2 have to be deleted before the tables. */
  destroyed: object
  assignment: PartitionAssignment
  checkpoint: Checkpoint
  table: TableProgress
}

export class SettingTable {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  read<Key extends keyof Settings>(key: Key): Settings[Key] | undefined {
    const [row] = this.#sql
      .exec<{ value: string }>('SELECT value FROM setting WHERE key = ?', key)
      .toArray()
    return row === undefined
      ? undefined
      : (FORMS[key] as StoredForm<Settings[Key]>).decode(row.value)
  }

  write<Key extends keyof Settings>(key: Key, value: Settings[Key]): void {
    this.#sql.exec(
      'INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
      key,
      (FORMS[key] as StoredForm<Settings[Key]>).encode(value),
    )
  }

  delete(key: keyof Settings): void {
    this.#sql.exec('DELETE FROM setting WHERE key = ?', key)
  }
}
