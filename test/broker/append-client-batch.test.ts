/** What is asked of a partition for one batch of Kafka's Produce, and what is refused before. */
import { expect, test, vi } from 'vitest'
import { appendClientBatch } from '../../src/broker/append-client-batch.ts'
import { Cluster, type ClusterEnv, newCaches } from '../../src/broker/cluster.ts'
import { requestCodecs } from '../../src/broker/codecs.ts'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { ATTRIBUTE_CONTROL, ATTRIBUTE_TRANSACTIONAL } from '../../src/core/batch/header-layout.ts'
import { assignOffset } from '../../src/core/batch/record-batch.ts'
import { writeCrc } from '../../src/core/batch/write-crc.ts'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { SEQUENCE_GAP_WAIT_MS } from '../../src/core/limits.ts'
import type { AppendRequest } from '../../src/core/log/partition-api.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'

const name = parseTopicName('appended')
const topic = { name, id: 'id' }

function clusterOf(id = 'id') {
  const found = {
    id,
    name,
    partitions: 1,
    version: 1,
    config: resolveTopicConfig({}),
    overrides: {},
  }
  const reply = { baseOffsets: [7], nextOffset: 8, logAppendTime: null, logStartOffset: 0 }
  const append = vi.fn(async (_: AppendRequest) => ({ ok: { ...reply, topicVersion: 1 } }))
  const env = {
    COORDINATOR: { getByName: () => ({ getTopic: async () => ({ ok: found }) }) },
    PARTITION: { idFromName: (objectName: string) => objectName, get: () => ({ append }) },
  }
  const cluster = new Cluster(env as unknown as ClusterEnv, newCaches())
  return { cluster, append }
}

const record = { timestamp: Date.now(), key: new Uint8Array(1), value: null, headers: [] }
const producer = { producerId: 5n, producerEpoch: 0, baseSequence: 3 }

function withAttributes(attributes: number): Uint8Array {
  const batch = encodeBatch([record], producer)
  new DataView(batch.buffer).setInt16(21, attributes)
  writeCrc(batch)
  return batch
}

test('begins any producer anywhere, and lets it wait for the batch before', async () => {
  const { cluster, append } = clusterOf()
  const around = new Uint8Array(1_000)
  const batch = encodeBatch([record], producer)
  assignOffset(batch, 0, 99, 0)
  around.set(batch, 500)
  const records = around.subarray(500, 500 + batch.length)
  expect(await appendClientBatch(cluster, topic, 0, records)).toMatchObject({ baseOffsets: [7] })
  const request = append.mock.lastCall?.[0]
  expect(request).toEqual({
    batches: batch,
    checks: [{ hasNullKey: false, minTimestamp: record.timestamp, maxTimestamp: record.timestamp }],
    gapWaitMs: SEQUENCE_GAP_WAIT_MS,
    mayBeginAnywhere: true,
    trimsOverlap: false,
  })
  // Not the request around it, which would go to each of its partitions.
  expect(request?.batches.buffer.byteLength).toBe(batch.length)
})

test('lets nothing wait that has no sequence, and says where a key is missing', async () => {
  const { cluster, append } = clusterOf()
  await appendClientBatch(cluster, topic, 0, encodeBatch([{ ...record, key: null }]))
  expect(append.mock.lastCall?.[0]).toMatchObject({
    gapWaitMs: 0,
    checks: [{ hasNullKey: true }],
  })
})

test.each([
  ['nothing', new Uint8Array(0), 'invalid_record'],
  ['two batches', concatenate([encodeBatch([record]), encodeBatch([record])]), 'invalid_record'],
  ['a control batch', withAttributes(ATTRIBUTE_CONTROL), 'invalid_record'],
  [
    'a control batch of a transaction',
    withAttributes(ATTRIBUTE_CONTROL | ATTRIBUTE_TRANSACTIONAL),
    'invalid_record',
  ],
  ['a transaction', withAttributes(ATTRIBUTE_TRANSACTIONAL), 'invalid_txn_state'],
  ['half a batch', encodeBatch([record]).subarray(0, 50), 'corrupt_message'],
])('refuses %s', async (_, records, code) => {
  const { cluster, append } = clusterOf()
  await expect(appendClientBatch(cluster, topic, 0, records)).rejects.toMatchObject({ code })
  expect(append).not.toHaveBeenCalled()
})

test('refuses a topic that was created anew, and partitions that it does not have', async () => {
  const { cluster, append } = clusterOf('another id')
  const records = encodeBatch([record])
  await expect(appendClientBatch(cluster, topic, 0, records)).rejects.toMatchObject({
    code: 'unknown_topic_id',
  })
  for (const partition of [-1, 1]) {
    await expect(appendClientBatch(cluster, topic, partition, records)).rejects.toMatchObject({
      code: 'unknown_topic_or_partition',
    })
  }
  expect(append).not.toHaveBeenCalled()
})

test('decompresses at once, so that batches of one request are not in memory together', async () => {
  const { compress, decompress } = requestCodecs().gzip
  const bytes = new Uint8Array(100).fill(7)
  expect(decompress(await compress(bytes), 1_000)).toEqual(bytes)
})
