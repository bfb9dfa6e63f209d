/** Decoding of fetched batches; needs a partition that responds on demand. */

import { expect, test } from 'vitest'
import { type Cluster, connectCluster, newCaches } from '../../src/broker/cluster.ts'
import { fetchRecords } from '../../src/broker/fetch.ts'
import type { ObjectBindings } from '../../src/broker/objects.ts'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { compressBatch } from '../../src/core/batch/compress-batch.ts'
import { assignOffset } from '../../src/core/batch/record-batch.ts'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { CODECS } from '../../src/core/compression/codecs.ts'
import { DECODED_BYTES_MAX } from '../../src/core/limits.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'

const name = parseTopicName('fake')

function clusterOf(batches: Uint8Array, nextOffset: number): Cluster {
  const topic = {
    id: 'id',
    name,
    partitions: 1,
    version: 1,
    config: resolveTopicConfig({}),
    overrides: {},
  }
  const ends = { logStartOffset: 0, lastStableOffset: nextOffset, highWatermark: nextOffset }
  const position = { from: 0, to: nextOffset, ...ends }
  const env = {
    COORDINATOR: { getByName: () => ({ getTopic: async () => ({ ok: topic }) }) },
    PARTITION: {
      idFromName: (objectName: string) => objectName,
      get: () => ({ read: async () => ({ ok: { ...position, batches, topicVersion: 1 } }) }),
    },
  }
  return connectCluster(env as unknown as ObjectBindings, newCaches())
}

/** Makes a batch of two records of zeros, which compress to a small fraction of their size. */
async function denseBatch(baseOffset: number, sizeBytes: number): Promise<Uint8Array> {
  const record = { timestamp: 0, key: null, value: new Uint8Array(sizeBytes / 2), headers: [] }
  const batch = await compressBatch(encodeBatch([record, record]), 'gzip', CODECS)
  assignOffset(batch, 0, baseOffset, 0)
  return batch
}

test('leaves records that decompress beyond the limit of a response to the next fetch', async () => {
  const sizeBytes = 1_000_000
  const fitting = Math.ceil(DECODED_BYTES_MAX / sizeBytes)
  const offsets = Array.from({ length: fitting + 5 }, (_, index) => index * 2)
  const batches = concatenate(await Promise.all(offsets.map((at) => denseBatch(at, sizeBytes))))
  expect(batches.length).toBeLessThan(DECODED_BYTES_MAX / 100)
  const end = offsets.length * 2
  const result = await fetchRecords(clusterOf(batches, end), name, 0, {
    from: { offset: 0 },
    maxBytes: DECODED_BYTES_MAX,
    minBytes: 1,
    maxWaitMs: 0,
    isolation: 'committed',
  })
  expect(result.records.length).toBe(fitting * 2)
  expect(result).toMatchObject({ to: fitting * 2, highWatermark: end })
})
