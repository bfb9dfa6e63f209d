/** Deleting records of a topic that may have been recreated. */
import { expect, test, vi } from 'vitest'
import { connectCluster, newCaches } from '../../src/broker/cluster.ts'
import { deleteRecords } from '../../src/broker/delete-records.ts'
import type { ObjectBindings } from '../../src/broker/objects.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'

const name = parseTopicName('deleted-from')

test('returns the log start, and leaves a recreated topic alone', async () => {
  const config = resolveTopicConfig({})
  const topic = { id: 'id', name, partitions: 1, version: 1, config, overrides: {} }
  const called = vi.fn(async () => ({ ok: { logStartOffset: 7 } }))
  const env = {
    COORDINATOR: { getByName: () => ({ getTopic: async () => ({ ok: topic }) }) },
    PARTITION: { idFromName: (id: string) => id, get: () => ({ deleteRecords: called }) },
  }
  const cluster = connectCluster(env as unknown as ObjectBindings, newCaches())
  expect(await deleteRecords(cluster, { name, id: 'id' }, 0, 5)).toBe(7)
  expect(called.mock.calls).toEqual([[5]])
  const deletion = deleteRecords(cluster, { name, id: 'the one before' }, 0, 'highWatermark')
  await expect(deletion).rejects.toMatchObject({ code: 'unknown_topic_id' })
  expect(called).toHaveBeenCalledTimes(1)
})
