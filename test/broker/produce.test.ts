/** Results of a produce of which some partitions fail; needs partitions that fail on demand. */
import { expect, test } from 'vitest'
import { connectCluster, newCaches } from '../../src/broker/cluster.ts'
import type { ObjectBindings } from '../../src/broker/objects.ts'
import { produceRecords, produceToPartition } from '../../src/broker/produce.ts'
import type { ProduceRecord } from '../../src/broker/record-shares.ts'
import type { AppendRequest } from '../../src/core/log/partition-api.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'

let topicsMade = 0

/** Makes a cluster with one topic of two partitions; `append` stands in for the second one. */
function clusterWith(append: (request: AppendRequest) => Promise<unknown>) {
  topicsMade += 1
  const name = parseTopicName(`fake-${topicsMade}`)
  const topic = {
    id: `id-${topicsMade}`,
    name,
    partitions: 2,
    version: 1,
    config: resolveTopicConfig({}),
    overrides: {},
  }
  const resultOf = { logAppendTime: null, logStartOffset: 0, topicVersion: 1 }
  const well = async () => ({ ok: { ...resultOf, baseOffsets: [7], nextOffset: 8 } })
  const env = {
    COORDINATOR: { getByName: () => ({ getTopic: async () => ({ ok: topic }) }) },
    PARTITION: {
      idFromName: (objectName: string) => objectName,
      get: (objectName: string) => ({ append: objectName.endsWith('/1') ? append : well }),
    },
  }
  return { cluster: connectCluster(env as unknown as ObjectBindings, newCaches()), name }
}

const records = [0, 1].map((partition) => ({
  timestamp: Date.now(),
  key: null,
  value: new Uint8Array(1),
  headers: [],
  partition,
}))

test('produceRecords() returns the appended records when one partition fails', async () => {
  const { cluster, name } = clusterWith(() => Promise.reject(new Error('connection lost')))
  await expect(produceRecords(cluster, name, records)).rejects.toMatchObject({
    code: 'partly_appended',
    retryable: false,
    details: { offsets: [{ partition: 0, offset: 7 }, null], cause: { code: 'unavailable' } },
  })
})

test('produceRecords() passes on the error of the only partition', async () => {
  const error = { code: 'throttled', message: 'too much', retryable: true }
  const { cluster, name } = clusterWith(async () => ({ error }))
  await expect(produceRecords(cluster, name, records.slice(1))).rejects.toMatchObject({
    code: 'throttled',
    retryable: true,
  })
})

test('produceRecords() throws throttled for an overloaded object', async () => {
  const overloaded = Object.assign(new Error('Durable Object is overloaded'), { overloaded: true })
  const { cluster, name } = clusterWith(() => Promise.reject(overloaded))
  await expect(produceRecords(cluster, name, records.slice(1))).rejects.toMatchObject({
    code: 'throttled',
  })
})

test('names the rejected records of a partition by their index in the request', async () => {
  const recordRules = { needsKey: true, timestamps: null }
  const details = { batchIndex: 0, recordRules }
  const error = { code: 'invalid_record', message: 'refused', retryable: false, details }
  const { cluster, name } = clusterWith(async () => ({ error }))
  const record = (partition: number, key: Uint8Array | null): ProduceRecord => {
    return { timestamp: Date.now(), key, value: null, headers: [], partition }
  }
  const [other, keyless] = [record(0, null), record(1, null)]
  const keyed = record(1, new Uint8Array(1))
  const named = { recordErrors: [{ index: 2 }, { index: 4 }], recordErrorsCount: 2 }
  const mixed = [other, keyed, keyless, other, keyless]
  await expect(produceRecords(cluster, name, mixed)).rejects.toMatchObject({
    code: 'partly_appended',
    details: { cause: { code: 'invalid_record', details: named } },
  })
  const alone = produceToPartition(cluster, name, 1, [keyed, keyed, keyless, keyed, keyless], {})
  await expect(alone).rejects.toMatchObject({ code: 'invalid_record', details: named })
})
