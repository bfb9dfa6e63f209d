/** Finding offsets by time, exact to the record; needs a partition that returns batches on demand. */
import { expect, test } from 'vitest'
import { type Cluster, connectCluster, newCaches } from '../../src/broker/cluster.ts'
import { findMaxTimestamp, findOffsetByTimestamp } from '../../src/broker/list-offsets.ts'
import type { ObjectBindings } from '../../src/broker/objects.ts'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { assignOffset } from '../../src/core/batch/record-batch.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'

const name = parseTopicName('listed')

function batchOf(baseOffset: number, times: readonly number[]): Uint8Array {
  const records = times.map((timestamp) => ({ timestamp, key: null, value: null, headers: [] }))
  const batch = encodeBatch(records)
  assignOffset(batch, 0, baseOffset, 0)
  return batch
}

function clusterOf(batches: readonly Uint8Array[], logStartOffset: number): Cluster {
  const config = resolveTopicConfig({})
  const topic = { id: 'id', name, partitions: 1, version: 1, config, overrides: {} }
  const findTimestamp = async () => ({ ok: { batches, logStartOffset, highWatermark: 100 } })
  const env = {
    COORDINATOR: { getByName: () => ({ getTopic: async () => ({ ok: topic }) }) },
    PARTITION: { idFromName: (objectName: string) => objectName, get: () => ({ findTimestamp }) },
  }
  return connectCluster(env as unknown as ObjectBindings, newCaches())
}

test.each([
  ['the first such record of a batch', 10, [batchOf(10, [1, 9, 4, 9])], 11],
  ['none below the log start', 12, [batchOf(10, [1, 9, 4, 7]), batchOf(30, [8])], 30],
  [
    'a record of the batch that the log starts within',
    11,
    [batchOf(10, [1, 9, 4]), batchOf(30, [8])],
    11,
  ],
  ['the first of two equally late records', 10, [batchOf(10, [8]), batchOf(30, [8])], 10],
  ['nothing among records without a time', 10, [batchOf(10, [-1, -1])], undefined],
  ['nothing in an empty log', 10, [], undefined],
])('findMaxTimestamp() finds %s', async (_, logStartOffset, batches, offset) => {
  const found = await findMaxTimestamp(clusterOf(batches, logStartOffset), name, 0, 'uncommitted')
  expect(found?.offset).toBe(offset)
})

test.each([
  ['the first record that is late enough', 10, [batchOf(10, [1, 6, 9])], 11],
  ['none below the log start', 12, [batchOf(10, [1, 9, 4]), batchOf(30, [3, 8])], 31],
  ['nothing in an empty log', 10, [], undefined],
])('findOffsetByTimestamp() finds %s', async (_, logStartOffset, batches, offset) => {
  const found = await findOffsetByTimestamp(
    clusterOf(batches, logStartOffset),
    name,
    0,
    5,
    'uncommitted',
  )
  expect(found?.offset).toBe(offset)
})
