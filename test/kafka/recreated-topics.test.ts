/**
 * A recreated topic while the edge has the old one cached: requests by name reach the new topic, requests by id fail.
 */
import { expect, test, vi } from 'vitest'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import { NO_UUID } from '../../src/core/kafka/schema.ts'
import { DELETE_RECORDS } from '../../src/kafka/apis/delete-records.ts'
import { FETCH } from '../../src/kafka/apis/fetch.ts'
import { METADATA } from '../../src/kafka/apis/metadata.ts'
import { PRODUCE } from '../../src/kafka/apis/produce.ts'
import { ask, brokerOf, callerOf, topicOf } from './door.ts'

const before = topicOf('anew')
const now = topicOf('anew', { id: crypto.randomUUID() })
const { name } = before
const records = encodeBatch([{ timestamp: 0, key: null, value: null, headers: [] }])
const gone = new EdgelogError('unknown_topic_or_partition', 'gone').toBody()
const unknownId = new EdgelogError('unknown_topic_id', 'gone').toBody()

/** Makes a caller whose edge has the old topic cached; the partitions of that topic are gone. */
async function callerThatIsLate() {
  let known = before
  const position = {
    offset: 3,
    nextOffset: 3,
    highWatermark: 3,
    logStartOffset: 0,
    topicVersion: 1,
  }
  const appended = { baseOffsets: [7], nextOffset: 8, logAppendTime: null, topicVersion: 1 }
  const deleteRecords = vi.fn(async () => ({ ok: { logStartOffset: 1 } }))
  const broker = brokerOf({
    coordinator: {
      getTopic: async () => ({ ok: known }),
      openPartition: async () => ({ ok: known }),
      getTopicById: async () => ({ error: unknownId }),
    },
    partition: (object) => {
      const isThere = object.startsWith(now.id)
      return {
        append: async () =>
          isThere ? { ok: { ...appended, logStartOffset: 0 } } : { error: gone },
        read: async () =>
          isThere ? { ok: { ...position, batches: new Uint8Array(0) } } : { error: gone },
        deleteRecords: isThere ? deleteRecords : async () => ({ error: gone }),
      }
    },
  })
  await broker.topics.find({ name }, 'describe')
  known = now
  return { caller: callerOf(broker), deleteRecords }
}

const partitions = [{ index: 0, records }]
const limits = { replicaId: -1, maxWaitMs: 0, minBytes: 1, maxBytes: 9, forgottenTopicsData: [] }
const fetched = [{ partition: 0, fetchOffset: 3, partitionMaxBytes: 9 }]

test('Produce appends to the new topic by name, and rejects the old id', async () => {
  const { caller } = await callerThatIsLate()
  const request = { acks: -1, timeoutMs: 1 }
  const byName = { ...request, topics: [{ name, topicId: NO_UUID, partitions }] }
  const answered = await ask(caller, PRODUCE, 12, byName)
  expect(answered?.topics[0]?.partitions).toMatchObject([{ errorCode: 0, baseOffset: 7 }])
  const byId = { ...request, topics: [{ name: '', topicId: before.id, partitions }] }
  const refused = await ask((await callerThatIsLate()).caller, PRODUCE, 13, byId)
  expect(refused?.topics[0]?.partitions).toMatchObject([{ errorCode: 100 }])
})

test.each([1, 2])(
  'Fetch of %i partitions reads the new topic by name, and rejects the old id',
  async (count) => {
    const asked = Array.from({ length: count }, () => fetched).flat()
    const { caller } = await callerThatIsLate()
    const byName = { ...limits, topics: [{ topic: name, partitions: asked }] }
    const answered = await ask(caller, FETCH, 12, byName)
    const rows = asked.map(() => ({ errorCode: 0, highWatermark: 3 }))
    expect(answered?.topics[0]?.partitions).toMatchObject(rows)
    const byId = { ...limits, topics: [{ topicId: before.id, partitions: asked }] }
    const refused = await ask((await callerThatIsLate()).caller, FETCH, 13, byId)
    expect(refused?.topics[0]?.partitions).toMatchObject(asked.map(() => ({ errorCode: 100 })))
  },
)

test('DeleteRecords makes the client refresh its metadata', async () => {
  const { caller, deleteRecords } = await callerThatIsLate()
  const request = {
    timeoutMs: 1,
    topics: [{ name, partitions: [{ partitionIndex: 0, offset: 1 }] }],
  }
  const late = await ask(caller, DELETE_RECORDS, 2, request)
  expect(late?.topics[0]?.partitions).toMatchObject([{ errorCode: 3 }])
  expect(deleteRecords).not.toHaveBeenCalled()
  const again = await ask(caller, DELETE_RECORDS, 2, request)
  expect(again?.topics[0]?.partitions).toMatchObject([{ errorCode: 0, lowWatermark: 1 }])
})

test('rejects the id of zeros in every version that has ids', async () => {
  const { caller } = await callerThatIsLate()
  const produced = await ask(caller, PRODUCE, 13, {
    acks: -1,
    timeoutMs: 1,
    topics: [{ name: '', topicId: NO_UUID, partitions }],
  })
  expect(produced?.topics[0]?.partitions[0]?.errorCode).toBe(100)
  const topics = [{ topicId: NO_UUID, partitions: fetched }]
  const answered = await ask(caller, FETCH, 13, { ...limits, topics })
  expect(answered?.topics[0]?.partitions[0]?.errorCode).toBe(100)
  const described = await ask(caller, METADATA, 12, { topics: [{ name: null }] })
  expect(described?.topics[0]?.errorCode).toBe(100)
})
