/**
 * The tables of one task, created when its application first configures it.
 *
 * | table     | row                                                                                         |
 * | --------- | ------------------------------------------------------------------------------------------- |
 * | `turn`    | a part of one turn since the last checkpoint, or with batches that are not acknowledged     |
 * | `leaf`    | adjacent keys of one store with their values, as of the last checkpoint                     |
 * | `setting` | `assignment`, `producer` and `status`, as JSON                                               |
 */
import { taskTables } from '../../src/core/streams/task-sql.ts'
import type { SchemaStep } from '../migrate.ts'

export const TASK_SCHEMA: readonly SchemaStep[] = [
  `${taskTables()};
   CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID`,
]
