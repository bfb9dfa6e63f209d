/**
 * The tables of the coordinator, created when it starts for the first time.
 *
 * | table            | row                                                                              |
 * | ---------------- | -------------------------------------------------------------------------------- |
 * | `topic`          | one topic, from the create request until its last partition is deleted           |
 * | `consumer_group` | one group, and the topics whose changes it gets a hint of                         |
 * | `group_config`   | the configs of one group, whether the group exists or not                        |
 * | `client_quota`   | the quotas of one entity                                                         |
 * | `transactional_id` | one transactional id                                                           |
 * | `application`    | one application of stream processing                                              |
 *
 * `topic.opened` is a bitmap of the partitions that may store something (`PartitionSet`).
 *
 * The index on the collision key enforces Kafka's rule for unique names among topics that are not being deleted.
 * The second index keeps the query for pending topics cheap; it runs after each step.
 */
import { firstPartitions } from '../../src/core/topic/partition-set.ts'
import type { SchemaStep } from '../migrate.ts'

export const COORDINATOR_SCHEMA: readonly SchemaStep[] = [
  `CREATE TABLE IF NOT EXISTS topic (
     id TEXT PRIMARY KEY,
     name TEXT NOT NULL,
     collision_key TEXT NOT NULL,
     partitions INTEGER NOT NULL,
     overrides TEXT NOT NULL,
     version INTEGER NOT NULL,
     applied_partitions INTEGER,
     applied_overrides TEXT,
     applied_version INTEGER,
     is_deleting INTEGER NOT NULL,
     location_hint TEXT,
     created_at_ms INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE UNIQUE INDEX IF NOT EXISTS topic_staying ON topic (collision_key) WHERE is_deleting = 0;
   CREATE INDEX IF NOT EXISTS topic_pending ON topic (id)
     WHERE is_deleting = 1 OR applied_version IS NOT version;
   CREATE TABLE IF NOT EXISTS consumer_group (
     group_id TEXT PRIMARY KEY,
     incarnation TEXT NOT NULL,
     topics TEXT NOT NULL,
     wants_all INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE group_config (
     group_id TEXT PRIMARY KEY,
     config TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE client_quota (
     entity TEXT PRIMARY KEY,
     quotas TEXT NOT NULL
   ) STRICT, WITHOUT ROWID`,
  addOpenedPartitions,
  `CREATE TABLE transactional_id (
     transactional_id TEXT PRIMARY KEY,
     incarnation TEXT NOT NULL
   ) STRICT, WITHOUT ROWID`,
  'CREATE TABLE application (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID',
]

/** Earlier releases configured every partition of a topic when they created it. */
function addOpenedPartitions(sql: SqlStorage): void {
  sql.exec(`ALTER TABLE topic ADD COLUMN opened BLOB NOT NULL DEFAULT x''`)
  const topics = sql.exec<{ id: string; partitions: number }>('SELECT id, partitions FROM topic')
  for (const { id, partitions } of topics.toArray()) {
    sql.exec('UPDATE topic SET opened = ? WHERE id = ?', firstPartitions(partitions), id)
  }
}
