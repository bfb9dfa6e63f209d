/**
 * The tables of a transaction coordinator, created with its first row. An object uses the first or the second.
 *
 * | table      | row                                                                                         |
 * | ---------- | ------------------------------------------------------------------------------------------- |
 * | `setting`  | `registration` and `transaction` of a transactional id; `one-shots` of the other objects    |
 * | `one_shot` | one transaction that was made in one call, as JSON, from its begin until a day later        |
 */
import type { SchemaStep } from '../migrate.ts'

export const TRANSACTION_SCHEMA: readonly SchemaStep[] = [
  `CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE one_shot (
     id TEXT PRIMARY KEY,
     created_at_ms INTEGER NOT NULL,
     value TEXT NOT NULL
   ) STRICT, WITHOUT ROWID`,
]
