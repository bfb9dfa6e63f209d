/** Requests of a few bytes that name something twice, or too many things. */
import { expect, test, vi } from 'vitest'
import { NO_UUID } from '../../src/core/kafka/schema.ts'
import { KAFKA_NAMES_MAX, PARTITIONS_MAX } from '../../src/core/limits.ts'
import { ALTER_CONFIGS } from '../../src/kafka/apis/alter-configs.ts'
import { CONSUMER_GROUP_DESCRIBE } from '../../src/kafka/apis/consumer-group-describe.ts'
import { CREATE_PARTITIONS } from '../../src/kafka/apis/create-partitions.ts'
import { CREATE_TOPICS } from '../../src/kafka/apis/create-topics.ts'
import { DELETE_GROUPS } from '../../src/kafka/apis/delete-groups.ts'
import { DELETE_RECORDS } from '../../src/kafka/apis/delete-records.ts'
import { DELETE_TOPICS } from '../../src/kafka/apis/delete-topics.ts'
import { DESCRIBE_CONFIGS } from '../../src/kafka/apis/describe-configs.ts'
import { DESCRIBE_GROUPS } from '../../src/kafka/apis/describe-groups.ts'
import { FIND_COORDINATOR } from '../../src/kafka/apis/find-coordinator.ts'
import { INCREMENTAL_ALTER_CONFIGS } from '../../src/kafka/apis/incremental-alter-configs.ts'
import { METADATA } from '../../src/kafka/apis/metadata.ts'
import { OFFSET_FETCH } from '../../src/kafka/apis/offset-fetch.ts'
import { ask, brokerOf, callerOf, type Objects, topicOf } from './door.ts'

const INVALID_REQUEST = 42

function times<T>(count: number, item: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => item(index))
}

function caller(objects: Objects = {}) {
  return callerOf(brokerOf(objects))
}

const newTopic = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
const configured = { resourceType: 2, resourceName: 'twice', configs: [] }

test('changes nothing that one request names twice', async () => {
  const rows = await Promise.all([
    ask(caller(), CREATE_TOPICS, 7, {
      topics: times(2, () => ({ name: 'twice', ...newTopic })),
    }).then((response) => response?.topics),
    ask(caller(), DELETE_TOPICS, 6, {
      topics: times(2, () => ({ name: 'twice' })),
      timeoutMs: 1,
    }).then((response) => response?.responses),
    ask(caller(), CREATE_PARTITIONS, 3, {
      topics: times(2, () => ({ name: 'twice', count: 2, assignments: null })),
      timeoutMs: 1,
      validateOnly: false,
    }).then((response) => response?.results),
    ask(caller(), ALTER_CONFIGS, 2, {
      resources: times(2, () => configured),
      validateOnly: false,
    }).then((response) => response?.responses),
    ask(caller(), INCREMENTAL_ALTER_CONFIGS, 1, {
      resources: times(2, () => configured),
      validateOnly: false,
    }).then((response) => response?.responses),
    ask(caller(), DELETE_RECORDS, 2, {
      topics: times(2, () => ({ name: 'twice', partitions: [{ partitionIndex: 0, offset: 1 }] })),
      timeoutMs: 1,
    }).then((response) => response?.topics.flatMap(({ partitions }) => partitions)),
  ])
  for (const answered of rows) {
    expect(answered?.map(({ errorCode }) => errorCode)).toEqual([INVALID_REQUEST, INVALID_REQUEST])
  }
})

test('rejects too many names before any call', async () => {
  const createTopics = vi.fn()
  const topics = times(KAFKA_NAMES_MAX + 1, (index) => ({ name: `t${index}`, ...newTopic }))
  const response = await ask(caller({ coordinator: { createTopics } }), CREATE_TOPICS, 7, {
    topics,
  })
  expect(response?.topics).toHaveLength(topics.length)
  expect(response?.topics.every(({ errorCode }) => errorCode === INVALID_REQUEST)).toBe(true)
  expect(createTopics).not.toHaveBeenCalled()
})

test('returns a resource once that is requested twice', async () => {
  const groupOf = vi.fn(() => ({}))
  const asking = caller({ group: groupOf })
  const groups = times(3, () => 'g')
  expect((await ask(asking, DESCRIBE_GROUPS, 6, { groups }))?.groups).toHaveLength(1)
  const consumer = { groupIds: groups, includeAuthorizedOperations: false }
  expect((await ask(asking, CONSUMER_GROUP_DESCRIBE, 1, consumer))?.groups).toHaveLength(1)
  expect((await ask(asking, DELETE_GROUPS, 2, { groupsNames: groups }))?.results).toHaveLength(1)
  expect(groupOf).toHaveBeenCalledTimes(3)
  const keys = { keyType: 0, coordinatorKeys: groups }
  expect((await ask(asking, FIND_COORDINATOR, 6, keys))?.coordinators).toHaveLength(1)
  const broker = { resourceType: 4, resourceName: '1', configurationKeys: null }
  const resources = times(3, () => broker)
  expect((await ask(asking, DESCRIBE_CONFIGS, 4, { resources }))?.results).toHaveLength(1)
})

test('returns a committed offset once, however often it is requested', async () => {
  const offset = { topic: 't', topicId: 'id', partition: 0, offset: 5, leaderEpoch: -1 }
  const fetchOffsets = async () => ({ ok: [{ ...offset, metadata: 'm'.repeat(4_000) }] })
  const found = topicOf('t', { id: 'id' })
  const asking = caller({
    coordinator: { getTopic: async () => ({ ok: found }) },
    group: () => ({ fetchOffsets }),
  })
  const topic = { name: 't', partitionIndexes: times(1_000, () => 0) }
  const groups = times(3, () => ({ groupId: 'g', topics: times(3, () => topic) }))
  const response = await ask(asking, OFFSET_FETCH, 9, { groups })
  const partitions = response?.groups.flatMap((group) =>
    group.topics.flatMap((one) => one.partitions),
  )
  expect(partitions).toMatchObject([{ partitionIndex: 0, committedOffset: 5 }])
})

test('Metadata describes a topic once', async () => {
  const large = topicOf('large', { partitions: PARTITIONS_MAX })
  const broker = brokerOf({ coordinator: { getTopic: async () => ({ ok: large }) } })
  const topics = times(1_000, () => ({ name: 'large', topicId: NO_UUID }))
  const response = await ask(callerOf(broker), METADATA, 9, { topics })
  expect(response?.topics).toHaveLength(1)
  expect(response?.topics[0]?.partitions).toHaveLength(PARTITIONS_MAX)
})
