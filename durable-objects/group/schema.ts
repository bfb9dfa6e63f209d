/**
 * The tables of one group, created with the group.
 *
 * | table              | row                                                                       |
 * | ------------------ | ------------------------------------------------------------------------- |
 * | `setting`          | `group` (identity, epochs), `topics` and `config` (caches), `classic`      |
 * | `member`           | one member with its target, as JSON                                       |
 * | `committed_offset` | the offset of one partition                                               |
 * | `pending_offset`   | the offsets of one producer's transaction, or the last one that ended     |
 */
import type { SchemaStep } from '../migrate.ts'

export const GROUP_SCHEMA: readonly SchemaStep[] = [
  `CREATE TABLE IF NOT EXISTS setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE IF NOT EXISTS member (member_id TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE IF NOT EXISTS committed_offset (
     topic_id TEXT NOT NULL,
     partition INTEGER NOT NULL,
     topic TEXT NOT NULL,
     offset INTEGER NOT NULL,
     leader_epoch INTEGER NOT NULL,
     metadata TEXT NOT NULL,
     committed_at_ms INTEGER NOT NULL,
     PRIMARY KEY (topic_id, partition)
   ) WITHOUT ROWID`,
  `CREATE TABLE pending_offset (
     producer_id TEXT PRIMARY KEY,
     ended_at_ms INTEGER,
     value TEXT NOT NULL
   ) WITHOUT ROWID`,
]
