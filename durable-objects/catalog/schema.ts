/**
 * The tables of the catalog.
 *
 * | table     | row                                                                         |
 * | --------- | --------------------------------------------------------------------------- |
 * | `entry`   | one source, query or type, as JSON; `kind` is the name of its list           |
 * | `effect`  | what a statement wants outside of the catalog and is not carried out yet, as JSON |
 * | `setting` | `sequence`, as JSON                                                          |
 */
import type { SchemaStep } from '../migrate.ts'

export const CATALOG_SCHEMA: readonly SchemaStep[] = [
  `CREATE TABLE entry (
     kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, name)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE effect (number INTEGER PRIMARY KEY, value TEXT NOT NULL) STRICT;
   CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID`,
]
