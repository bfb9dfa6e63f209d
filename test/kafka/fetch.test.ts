/** Fetch returns what was appended, regardless of the client's version. */
import { expect, test } from 'vitest'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { readBatchHeader } from '../../src/core/batch/record-batch.ts'
import { FETCH } from '../../src/kafka/apis/fetch.ts'
import { ask, brokerOf, callerOf, topicOf } from './door.ts'

const ZSTD = 4
/** Position of the low byte of a batch's attributes. */
const ATTRIBUTES_AT = 22

/**
 * Brokers of 4.x send such batches, and rskafka relies on that. Up to 3.x they refused them for topics whose
 * `compression.type` is zstd, regardless of the batches.
 */
test('sends a zstd batch to clients of versions that are older than zstd', async () => {
  const batch = encodeBatch([{ timestamp: 0, key: null, value: null, headers: [] }])
  batch[ATTRIBUTES_AT] = ZSTD
  expect(readBatchHeader(batch).compression).toBe('zstd')
  const topic = topicOf('compressed')
  const ends = { highWatermark: 1, logStartOffset: 0, topicVersion: 1 }
  const read = async () => ({ ok: { offset: 0, nextOffset: 1, ...ends, batches: batch } })
  const broker = brokerOf({
    coordinator: { getTopic: async () => ({ ok: topic }) },
    partition: () => ({ read }),
  })
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }]
  const limits = { replicaId: -1, maxWaitMs: 0, minBytes: 1, maxBytes: 1_000 }
  for (const version of [4, 9, 10, 12]) {
    const response = await ask(callerOf(broker), FETCH, version, {
      ...limits,
      topics: [{ topic: topic.name, partitions }],
      forgottenTopicsData: [],
    })
    expect(response?.topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, records: batch })
  }
})
