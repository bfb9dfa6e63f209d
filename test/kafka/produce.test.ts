/** The response of Produce to a batch with records that the topic rejects, as a broker sends it. */
import { describe, expect, test } from 'vitest'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { compressBatch } from '../../src/core/batch/compress-batch.ts'
import { ATTRIBUTE_TRANSACTIONAL, CRC_START } from '../../src/core/batch/header-layout.ts'
import { readBatchHeaders } from '../../src/core/batch/record-batch.ts'
import { writeCrc } from '../../src/core/batch/write-crc.ts'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { CODECS } from '../../src/core/compression/codecs.ts'
import { KAFKA_RECORD_ERRORS_MAX, RECORD_ERRORS_MAX } from '../../src/core/limits.ts'
import { decideAppend } from '../../src/core/log/append.ts'
import type { AppendRequest } from '../../src/core/log/partition-api.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import { PRODUCE } from '../../src/kafka/apis/produce.ts'
import { ask, brokerOf, callerOf, topicOf } from './door.ts'

const INVALID_RECORD = 87
const INVALID_TIMESTAMP = 32
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53
const KEY_IS_MISSING = 'key: cleanup.policy=compact needs a key, got null'
const NOW_MS = Date.now()
const topic = topicOf('compacted', {
  partitions: 100,
  config: resolveTopicConfig({
    'cleanup.policy': 'compact',
    'message.timestamp.before.max.ms': '60000',
  }),
})

/** Decides like a partition, and stores nothing. */
async function append({ batches, checks }: AppendRequest) {
  const decision = decideAppend({
    headers: readBatchHeaders(batches),
    checks,
    producerRules: 'kafka',
    expectedOffset: undefined,
    logEndOffset: 0,
    config: topic.config,
    nowMs: NOW_MS,
    openTransactions: new Map(),
    producerState: () => undefined,
  })
  if ('error' in decision) return { error: decision.error.toBody() }
  const resultOf = { nextOffset: 0, logAppendTime: null, logStartOffset: 0, topicVersion: 1 }
  return { ok: { ...resultOf, baseOffsets: [0] } }
}

const caller = callerOf(
  brokerOf({
    coordinator: { getTopic: async () => ({ ok: topic }) },
    partition: () => ({ append }),
  }),
)

function record(key: string | null, timestamp = NOW_MS) {
  const bytes = key === null ? null : new TextEncoder().encode(key)
  return { timestamp, key: bytes, value: null, headers: [] }
}

async function produce(version: number, batches: readonly Uint8Array[]) {
  const partitions = batches.map((records, index) => ({ index, records }))
  const topics = [{ name: topic.name, topicId: topic.id, partitions }]
  const response = await ask(caller, PRODUCE, version, { acks: -1, timeoutMs: 1, topics })
  return response?.topics[0]?.partitions ?? []
}

describe('Produce', () => {
  const mixed = encodeBatch([record('a'), record(null), record('b'), record(null)])

  test.each([8, 9, 12, 13])(
    'names the rejected records of a batch in version %d',
    async (version) => {
      const [refused, stored] = await produce(version, [mixed, encodeBatch([record('a')])])
      expect(refused).toMatchObject({
        index: 0,
        errorCode: INVALID_RECORD,
        errorMessage: `records[1].${KEY_IS_MISSING}; 1 more refused`,
        baseOffset: -1,
        recordErrors: [
          { batchIndex: 1, batchIndexErrorMessage: KEY_IS_MISSING },
          { batchIndex: 3, batchIndexErrorMessage: KEY_IS_MISSING },
        ],
      })
      expect(stored).toMatchObject({ index: 1, errorCode: 0, errorMessage: null, recordErrors: [] })
    },
  )

  test('returns only the error number before version 8', async () => {
    const [refused] = await produce(7, [mixed])
    expect(refused).toMatchObject({
      errorCode: INVALID_RECORD,
      errorMessage: null,
      recordErrors: [],
    })
  })

  test('returns INVALID_TIMESTAMP if one of the rejected records has a wrong timestamp', async () => {
    const records = [record('a'), record(null), record('b', NOW_MS - 60_001), record('c', -1)]
    const [refused] = await produce(9, [encodeBatch(records)])
    expect(refused).toMatchObject({ errorCode: INVALID_TIMESTAMP })
    expect(refused?.recordErrors).toMatchObject([
      { batchIndex: 1, batchIndexErrorMessage: KEY_IS_MISSING },
      { batchIndex: 2, batchIndexErrorMessage: expect.stringContaining('timestamp: ') },
    ])
  })

  test('names the records of a compressed batch', async () => {
    const compressed = await compressBatch(mixed, 'gzip', CODECS)
    const [refused] = await produce(9, [compressed])
    expect(refused?.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([1, 3])
  })

  test('names no records if the batch as a whole is rejected', async () => {
    const [refused] = await produce(9, [mixed.subarray(0, 30)])
    expect(refused).toMatchObject({ errorCode: INVALID_RECORD, recordErrors: [] })
  })

  test('rejects two batches for one partition', async () => {
    const [refused] = await produce(9, [concatenate([mixed, mixed])])
    expect(refused).toMatchObject({
      errorCode: INVALID_RECORD,
      errorMessage: 'records: one batch is allowed, got 2',
    })
  })

  test('rejects a transactional batch without a transactional id', async () => {
    const batch = encodeBatch([record('a')], { producerId: 5n, producerEpoch: 0, baseSequence: 0 })
    new DataView(batch.buffer).setInt16(CRC_START, ATTRIBUTE_TRANSACTIONAL)
    writeCrc(batch)
    const [refused] = await produce(9, [batch])
    expect(refused).toMatchObject({ errorCode: TRANSACTIONAL_ID_AUTHORIZATION_FAILED })
  })

  test('names at most RECORD_ERRORS_MAX records of a batch and KAFKA_RECORD_ERRORS_MAX of a request', async () => {
    const many = encodeBatch(Array.from({ length: RECORD_ERRORS_MAX + 1 }, () => record(null)))
    const full = KAFKA_RECORD_ERRORS_MAX / RECORD_ERRORS_MAX
    const responses = await produce(9, new Array(full + 2).fill(many))
    const counts = responses.map(({ recordErrors }) => recordErrors.length)
    expect(Math.max(...counts)).toBe(RECORD_ERRORS_MAX)
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(KAFKA_RECORD_ERRORS_MAX)
    expect(responses.every(({ errorCode }) => errorCode === INVALID_RECORD)).toBe(true)
  })
})
