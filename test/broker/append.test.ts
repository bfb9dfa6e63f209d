/** The call that sends a client's batches to a partition, and the batches that are rejected before it. */
import { expect, test, vi } from 'vitest'
import { appendBatches } from '../../src/broker/append.ts'
import { connectCluster, newCaches } from '../../src/broker/cluster.ts'
import { requestCodecs } from '../../src/broker/codecs.ts'
import type { ObjectBindings } from '../../src/broker/objects.ts'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { ATTRIBUTE_CONTROL, ATTRIBUTE_TRANSACTIONAL } from '../../src/core/batch/header-layout.ts'
import { assignOffset } from '../../src/core/batch/record-batch.ts'
import { writeCrc } from '../../src/core/batch/write-crc.ts'
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
  const getTopic = async () => ({ ok: found })
  const resultOf = { baseOffsets: [7], nextOffset: 8, logAppendTime: null, logStartOffset: 0 }
  const append = vi.fn(async (_: AppendRequest) => ({ ok: { ...resultOf, topicVersion: 1 } }))
  const env = {
    COORDINATOR: { getByName: () => ({ getTopic, openPartition: getTopic }) },
    PARTITION: { idFromName: (objectName: string) => objectName, get: () => ({ append }) },
  }
  const cluster = connectCluster(env as unknown as ObjectBindings, newCaches())
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

test('sends a partition its own batch, without the rest of the request', async () => {
  const { cluster, append } = clusterOf()
  const around = new Uint8Array(1_000)
  const batch = encodeBatch([record], producer)
  assignOffset(batch, 0, 99, 0)
  around.set(batch, 500)
  const records = around.subarray(500, 500 + batch.length)
  expect(await appendBatches(cluster, topic, 0, records, 'kafka')).toMatchObject({
    baseOffsets: [7],
  })
  const request = append.mock.lastCall?.[0]
  expect(request).toEqual({
    batches: batch,
    checks: [{ hasNullKey: false, minTimestamp: record.timestamp, maxTimestamp: record.timestamp }],
    producerRules: 'kafka',
  })
  // Without the rest of the request, which would be sent to each of its partitions.
  expect(request?.batches.buffer.byteLength).toBe(batch.length)
})

test('passes on the rules, the expected offset, and whether a key is missing', async () => {
  const { cluster, append } = clusterOf()
  const records = encodeBatch([{ ...record, key: null }])
  await appendBatches(cluster, topic, 0, records, 'resendable', { expectedOffset: 4 })
  expect(append.mock.lastCall?.[0]).toMatchObject({
    producerRules: 'resendable',
    expectedOffset: 4,
    checks: [{ hasNullKey: true }],
  })
})

test.each([
  ['nothing', new Uint8Array(0), 'invalid_record'],
  ['a control batch', withAttributes(ATTRIBUTE_CONTROL), 'invalid_record'],
  [
    'a control batch of a transaction',
    withAttributes(ATTRIBUTE_CONTROL | ATTRIBUTE_TRANSACTIONAL),
    'invalid_record',
  ],
  ['half a batch', encodeBatch([record]).subarray(0, 50), 'corrupt_message'],
])('refuses %s', async (_, records, code) => {
  const { cluster, append } = clusterOf()
  await expect(appendBatches(cluster, topic, 0, records, 'kafka')).rejects.toMatchObject({ code })
  expect(append).not.toHaveBeenCalled()
})

test('rejects a recreated topic, and partitions that do not exist', async () => {
  const { cluster, append } = clusterOf('another id')
  const records = encodeBatch([record])
  await expect(appendBatches(cluster, topic, 0, records, 'kafka')).rejects.toMatchObject({
    code: 'unknown_topic_id',
  })
  for (const partition of [-1, 1]) {
    await expect(appendBatches(cluster, topic, partition, records, 'kafka')).rejects.toMatchObject({
      code: 'unknown_topic_or_partition',
    })
  }
  expect(append).not.toHaveBeenCalled()
})

test('decompresses batches one after the other, so that they are not in memory together', async () => {
  const { compress, decompress } = requestCodecs().gzip
  const bytes = new Uint8Array(100).fill(7)
  expect(decompress(await compress(bytes), 1_000)).toEqual(bytes)
})
