/**
 * The tables of one partition, created when the coordinator first configures it.
 *
 * | table      | row                                                                         |
 * | ---------- | --------------------------------------------------------------------------- |
 * | `chunk`    | batches of one commit, or of many once sealed; keyed by their first offset  |
 * | `producer` | one idempotent producer as of the last checkpoint                           |
 * | `setting`  | `assignment` (from the coordinator) and `checkpoint`, as JSON               |
 *
 * `max_timestamp` is negative if no record has a time: see `ChunkSpan`.
 *
 * No second index and no AUTOINCREMENT: each would double the rows written. `bytes` is the last column,
 * so that SQLite reads the other columns without it.
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
]
