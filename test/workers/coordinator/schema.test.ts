/** Tables of earlier releases, in which a topic had all its partitions configured when it was created. */
import { reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, expect, test } from 'vitest'
import { COORDINATOR_SCHEMA } from '../../../durable-objects/coordinator/schema.ts'
import { TopicTable } from '../../../durable-objects/coordinator/topic-table.ts'
import { migrate } from '../../../durable-objects/migrate.ts'
import { partitionsIn } from '../../../src/core/topic/partition-set.ts'
import { coordinator } from './cluster.ts'

afterEach(async () => {
  await reset()
})

test.each([
  ['applied', 9, 1, 0],
  ['still being created', null, null, 0],
  ['growing', 4, 1, 0],
  ['being deleted', 9, 1, 1],
])('takes all wanted partitions of a topic that is %s as opened', async (_, ...columns) => {
  const topic = await runInDurableObject(coordinator(), (_instance, { storage }) => {
    const { sql } = storage
    for (const table of [
      'topic',
      'consumer_group',
      'group_config',
      'client_quota',
      'transactional_id',
      'application',
    ]) {
      sql.exec(`DROP TABLE ${table}`)
    }
    sql.exec('DELETE FROM schema_version')
    sql.exec('INSERT INTO schema_version (version) VALUES (0)')
    migrate(storage, COORDINATOR_SCHEMA.slice(0, 2))
    const [appliedPartitions, appliedVersion, isDeleting] = columns
    sql.exec(
      `INSERT INTO topic (id, name, collision_key, partitions, overrides, version, applied_partitions,
         applied_overrides, applied_version, is_deleting, location_hint, created_at_ms)
       VALUES ('id', 'old', 'old', 9, '{}', 1, ?, ?, ?, ?, NULL, 0)`,
      appliedPartitions,
      appliedPartitions === null ? null : '{}',
      appliedVersion,
      isDeleting,
    )
    migrate(storage, COORDINATOR_SCHEMA)
    return new TopicTable(sql).findById('id')
  })
  expect(topic?.wanted.partitions).toBe(9)
  expect(topic && partitionsIn(topic.opened)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
})
