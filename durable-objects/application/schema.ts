/**
 * The table of one application.
 *
 * | table     | row                                |
 * | --------- | ---------------------------------- |
 * | `setting` | `application`, as JSON             |
 */
import type { SchemaStep } from '../migrate.ts'

export const APPLICATION_SCHEMA: readonly SchemaStep[] = [
  'CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID',
]
