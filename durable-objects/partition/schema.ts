/**
 * The tables of one partition, created when the coordinator first configures it.
 *
 * | table                 | row                                                                         |
 * | --------------------- | --------------------------------------------------------------------------- |
 * | `chunk`               | batches of one commit, or of many once sealed; keyed by their first offset  |
 * | `producer`            | one idempotent producer as of the last checkpoint                           |
 * | `setting`             | `assignment` (from the coordinator), `checkpoint` and `table`, as JSON      |
 * | `open_transaction`    | one transaction that was open at the last checkpoint, as JSON               |
 * | `aborted_transaction` | one transaction whose records are in the log and were aborted               |
 * | `table_entry`         | the latest record of one key, if the topic keeps a table                    |
 * | `remote_segment`      | one live object in R2, keyed by its first offset                            |
 * | `remote_change`       | one object in R2 that is being written or deleted                           |
 * | `watcher`             | one task that reads the partition                                           |
 *
 * `max_timestamp` is negative if no record has a time: see `ChunkSpan`. `opened` of a chunk above the checkpoint has
 * the transactions that begin in it, as JSON, so that a transaction between two checkpoints needs no row of its own.
 *
 * No second index and no AUTOINCREMENT: each would double the rows written. SQLite reads the columns before `bytes`
 * without it; `opened` is read together with it.
 */
import type { SchemaStep } from '../migrate.ts'

export const PARTITION_SCHEMA: readonly SchemaStep[] = [
  `CREATE TABLE IF NOT EXISTS chunk (
     base_offset INTEGER PRIMARY KEY,
     end_offset INTEGER NOT NULL,
     max_timestamp INTEGER NOT NULL,
     bytes BLOB NOT NULL
   );
   CREATE TABLE IF NOT EXISTS producer (
     producer_id TEXT PRIMARY KEY,
     last_append_ms INTEGER NOT NULL,
     state TEXT NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE IF NOT EXISTS setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID`,
  `ALTER TABLE chunk ADD COLUMN opened TEXT;
   CREATE TABLE open_transaction (first_offset INTEGER PRIMARY KEY, state TEXT NOT NULL);
   CREATE TABLE aborted_transaction (
     last_offset INTEGER PRIMARY KEY,
     producer_id TEXT NOT NULL,
     first_offset INTEGER NOT NULL,
     stable_offset INTEGER NOT NULL
   )`,
  `CREATE TABLE remote_segment (
     base_offset INTEGER PRIMARY KEY,
     end_offset INTEGER NOT NULL,
     max_timestamp INTEGER NOT NULL,
     size_bytes INTEGER NOT NULL,
     object_bytes INTEGER NOT NULL,
     object_key TEXT NOT NULL,
     sha256 TEXT NOT NULL,
     in_doubt_until_ms INTEGER NOT NULL
   );
   CREATE TABLE remote_change (
     object_key TEXT PRIMARY KEY,
     state TEXT NOT NULL,
     base_offset INTEGER NOT NULL,
     end_offset INTEGER NOT NULL,
     in_doubt_until_ms INTEGER NOT NULL
   )`,
  `CREATE TABLE table_entry (
     key BLOB PRIMARY KEY,
     offset INTEGER NOT NULL,
     timestamp INTEGER NOT NULL,
     rest BLOB
   ) WITHOUT ROWID`,
  'CREATE TABLE watcher (task TEXT PRIMARY KEY) WITHOUT ROWID',
]
