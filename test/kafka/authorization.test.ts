/**
 * Kafka's APIs with an authorizer that denies. Each API has a row with its response to a caller without any permission,
 * as Kafka's error numbers (29 topic, 30 group, 31 cluster, 53 transactional id).
 */
import { expect, test } from 'vitest'
import { type Authorizer, denyAll } from '../../src/core/access/authorizer.ts'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { CREATE_TOPICS } from '../../src/kafka/apis/create-topics.ts'
import { DESCRIBE_CLUSTER } from '../../src/kafka/apis/describe-cluster.ts'
import { FETCH } from '../../src/kafka/apis/fetch.ts'
import { LIST_GROUPS } from '../../src/kafka/apis/list-groups.ts'
import { LIST_TRANSACTIONS } from '../../src/kafka/apis/list-transactions.ts'
import { METADATA } from '../../src/kafka/apis/metadata.ts'
import { OFFSET_COMMIT } from '../../src/kafka/apis/offset-commit.ts'
import { OFFSET_FETCH } from '../../src/kafka/apis/offset-fetch.ts'
import { PRODUCE } from '../../src/kafka/apis/produce.ts'
import { ALL_MESSAGES } from './all-messages.ts'
import { ask, brokerOf, callerOf, type Objects, topicOf } from './door.ts'

const TOPIC = 29
const GROUP = 30
const TRANSACTIONAL_ID = 53
const CLUSTER = 31
const NONE = -0x8000_0000

const id = '00000000-0000-4000-8000-000000000001'
const secret = topicOf('secret', { id })
const open = topicOf('open')
const records = encodeBatch([{ timestamp: 0, key: null, value: null, headers: [] }])
const member = { groupId: 'g', memberId: 'm' }
const aclFilter = {
  resourceTypeFilter: 2,
  resourceNameFilter: null,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}
const acl = { principal: 'User:a', host: '*', operation: 3, permissionType: 3 }
const partitions = [{ partitionIndex: 0 }]
const producer = { transactionalId: 't', producerId: 1n, producerEpoch: 0 }
const fetched = { partition: 0, fetchOffset: 0, partitionMaxBytes: 9 }
const fetch = {
  replicaId: -1,
  maxWaitMs: 60_000,
  minBytes: 1,
  maxBytes: 9,
  forgottenTopicsData: [],
}
const offset = { partitionIndex: 0, committedOffset: 5, committedMetadata: null }
const wantedTopic = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
const resources = (configs: object) => [
  { resourceType: 2, resourceName: 'secret', ...configs },
  { resourceType: 4, resourceName: '1', ...configs },
  { resourceType: 32, resourceName: 'g', ...configs },
]

/** By API: a version, a request, and the error numbers in its response. */
const REFUSED: Record<string, readonly [number, Record<string, unknown>, readonly number[]]> = {
  Produce: [
    13,
    { acks: -1, timeoutMs: 1, topics: [{ topicId: id, partitions: [{ index: 0, records }] }] },
    [TOPIC],
  ],
  Fetch: [17, { ...fetch, topics: [{ topicId: id, partitions: [fetched] }] }, [TOPIC]],
  ListOffsets: [
    7,
    {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: 'secret', partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
    },
    [TOPIC],
  ],
  Metadata: [
    12,
    { topics: [{ name: 'secret', topicId: '00000000-0000-0000-0000-000000000000' }] },
    [TOPIC],
  ],
  OffsetCommit: [9, { ...member, topics: [{ name: 'secret', partitions: [offset] }] }, [GROUP]],
  OffsetFetch: [9, { groups: [{ groupId: 'g', topics: null }] }, [GROUP]],
  FindCoordinator: [4, { coordinatorKeys: ['g'] }, [GROUP]],
  JoinGroup: [
    9,
    { ...member, sessionTimeoutMs: 10_000, protocolType: 'consumer', protocols: [] },
    [GROUP],
  ],
  Heartbeat: [4, { ...member, generationId: 1 }, [GROUP]],
  LeaveGroup: [5, { groupId: 'g', members: [{ memberId: 'm' }] }, [GROUP]],
  SyncGroup: [5, { ...member, generationId: 1, assignments: [] }, [GROUP]],
  DescribeGroups: [6, { groups: ['g'] }, [GROUP]],
  CreateTopics: [7, { topics: [{ name: 'secret', ...wantedTopic }] }, [TOPIC]],
  DeleteTopics: [6, { topics: [{ name: 'secret' }], timeoutMs: 1 }, [TOPIC]],
  DeleteRecords: [
    2,
    { timeoutMs: 1, topics: [{ name: 'secret', partitions: [{ partitionIndex: 0, offset: 1 }] }] },
    [TOPIC],
  ],
  InitProducerId: [5, { transactionalId: null, transactionTimeoutMs: 1 }, [CLUSTER]],
  AddPartitionsToTxn: [
    3,
    {
      v3AndBelowTransactionalId: 't',
      v3AndBelowProducerId: 1n,
      v3AndBelowProducerEpoch: 0,
      v3AndBelowTopics: [{ name: 'secret', partitions: [0] }],
    },
    [TRANSACTIONAL_ID],
  ],
  AddOffsetsToTxn: [4, { ...producer, groupId: 'g' }, [TRANSACTIONAL_ID]],
  EndTxn: [5, { ...producer, committed: true }, [TRANSACTIONAL_ID]],
  TxnOffsetCommit: [
    5,
    { ...producer, groupId: 'g', topics: [{ name: 'secret', partitions: [offset] }] },
    [TRANSACTIONAL_ID],
  ],
  WriteTxnMarkers: [
    1,
    {
      markers: [
        {
          producerId: 1n,
          producerEpoch: 0,
          transactionResult: false,
          topics: [{ name: 'secret', partitionIndexes: [0] }],
          coordinatorEpoch: 1,
        },
      ],
    },
    [CLUSTER],
  ],
  DescribeProducers: [0, { topics: [{ name: 'secret', partitionIndexes: [0] }] }, [TOPIC]],
  DescribeTransactions: [0, { transactionalIds: ['t'] }, [TRANSACTIONAL_ID]],
  OffsetForLeaderEpoch: [
    4,
    { topics: [{ topic: 'secret', partitions: [{ partition: 0, leaderEpoch: 0 }] }] },
    [TOPIC],
  ],
  DescribeAcls: [3, aclFilter, [CLUSTER]],
  CreateAcls: [3, { creations: [{ resourceType: 2, resourceName: 'secret', ...acl }] }, [CLUSTER]],
  DeleteAcls: [3, { filters: [aclFilter] }, [CLUSTER]],
  DescribeConfigs: [
    4,
    { resources: resources({ configurationKeys: null }) },
    [TOPIC, CLUSTER, GROUP],
  ],
  AlterConfigs: [
    2,
    { resources: resources({ configs: [] }), validateOnly: false },
    [TOPIC, CLUSTER, GROUP],
  ],
  AlterReplicaLogDirs: [
    2,
    { dirs: [{ path: '/edgelog', topics: [{ name: 'secret', partitions: [0] }] }] },
    [CLUSTER],
  ],
  DescribeLogDirs: [4, { topics: null }, [CLUSTER, CLUSTER]],
  CreatePartitions: [
    3,
    {
      topics: [{ name: 'secret', count: 2, assignments: null }],
      timeoutMs: 1,
      validateOnly: false,
    },
    [TOPIC],
  ],
  DeleteGroups: [2, { groupsNames: ['g'] }, [GROUP]],
  ElectLeaders: [
    2,
    { topicPartitions: [{ topic: 'secret', partitions: [0] }] },
    [CLUSTER, CLUSTER],
  ],
  IncrementalAlterConfigs: [
    1,
    { resources: resources({ configs: [] }), validateOnly: false },
    [TOPIC, CLUSTER, GROUP],
  ],
  AlterPartitionReassignments: [1, { topics: [{ name: 'secret', partitions }] }, [CLUSTER]],
  ListPartitionReassignments: [0, {}, [CLUSTER]],
  OffsetDelete: [0, { groupId: 'g', topics: [{ name: 'secret', partitions }] }, [GROUP]],
  DescribeClientQuotas: [1, { components: [], strict: false }, [CLUSTER]],
  AlterClientQuotas: [
    1,
    {
      entries: [
        {
          entity: [{ entityType: 'user', entityName: 'a' }],
          ops: [{ key: 'producer_byte_rate', value: 1, remove: false }],
        },
      ],
      validateOnly: false,
    },
    [CLUSTER],
  ],
  DescribeUserScramCredentials: [0, { users: null }, [CLUSTER]],
  DescribeQuorum: [2, { topics: [] }, [CLUSTER]],
  UpdateFeatures: [2, { featureUpdates: [] }, [CLUSTER]],
  ConsumerGroupHeartbeat: [1, { ...member, memberEpoch: 1 }, [GROUP]],
  ConsumerGroupDescribe: [1, { groupIds: ['g'], includeAuthorizedOperations: true }, [GROUP]],
  ListConfigResources: [1, { resourceTypes: [] }, [CLUSTER]],
  DescribeTopicPartitions: [0, { topics: [{ name: 'secret' }] }, [TOPIC]],
}

/** APIs by which a client authenticates and discovers the cluster. The last three respond, but list nothing. */
const OPEN = [
  'ApiVersions',
  'SaslHandshake',
  'SaslAuthenticate',
  'DescribeCluster',
  'ListGroups',
  'ListTransactions',
]

function objects(): Objects {
  const byName = new Map([secret, open].map((topic) => [topic.name as string, topic]))
  return {
    coordinator: {
      getTopic: async (name: string) => ({ ok: byName.get(name) }),
      getTopicById: async () => ({ ok: secret }),
      listTopics: async () => ({ ok: [open, secret] }),
      listGroups: async () => ({ ok: ['g'] }),
      listTransactions: async () => ({ ok: ['t'] }),
    },
  }
}

function numbersIn(value: unknown): number[] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return []
  return Object.entries(value).flatMap(([field, inner]) =>
    field === 'errorCode' || field === 'partitionErrorCode' ? [Number(inner)] : numbersIn(inner),
  )
}

const callerWith = (authorizer: Authorizer, more: Objects = {}) =>
  callerOf(brokerOf({ ...objects(), ...more }, authorizer))

test('has a row for each API but those open to all', () => {
  const names = ALL_MESSAGES.map(({ name }) => name)
  expect([...Object.keys(REFUSED), ...OPEN].sort()).toEqual(names.sort())
})

test.each(Object.entries(REFUSED))(
  'refuses %s to a caller without any permission',
  async (name, [version, request, numbers]) => {
    const messages = ALL_MESSAGES.find((one) => one.name === name)
    if (messages === undefined) throw new Error(`no API has the name ${name}`)
    const response = await ask(callerWith(denyAll), messages, version, request as never)
    expect(numbersIn(response).filter((number) => number !== 0)).toEqual(numbers)
  },
)

test('lists no group, no topic and no operation to a caller without any permission', async () => {
  const caller = callerWith(denyAll)
  expect((await ask(caller, LIST_GROUPS, 5, {}))?.groups).toEqual([])
  const filters = { stateFilters: [], producerIdFilters: [] }
  expect((await ask(caller, LIST_TRANSACTIONS, 2, filters))?.transactionStates).toEqual([])
  const metadata = await ask(caller, METADATA, 12, {
    topics: null,
    includeTopicAuthorizedOperations: true,
  })
  expect(metadata?.topics).toEqual([])
  const cluster = await ask(caller, DESCRIBE_CLUSTER, 1, {
    includeClusterAuthorizedOperations: true,
  })
  expect(cluster).toMatchObject({ errorCode: 0, clusterAuthorizedOperations: 0 })
})

const allButSecret: Authorizer = (_, __, { name }) => name !== 'secret'

test('lists and describes the topics that the caller may describe, and refuses the others', async () => {
  const caller = callerWith(allButSecret)
  const all = await ask(caller, METADATA, 12, { topics: null })
  expect(all?.topics.map(({ name }) => name)).toEqual(['open'])
  const named = await ask(caller, METADATA, 10, {
    topics: [{ name: 'open' }, { name: 'secret' }],
    includeTopicAuthorizedOperations: true,
  })
  expect(named?.topics).toMatchObject([
    { name: 'open', errorCode: 0, topicAuthorizedOperations: 3_576 },
    { name: 'secret', errorCode: TOPIC, partitions: [], topicAuthorizedOperations: NONE },
  ])
})

test('returns exactly the operations that the authorizer allows', async () => {
  const caller = callerWith((_, operation) => operation === 'describe' || operation === 'read')
  const response = await ask(caller, METADATA, 10, {
    topics: [{ name: 'open' }],
    includeTopicAuthorizedOperations: true,
    includeClusterAuthorizedOperations: true,
  })
  expect(response?.topics[0]?.topicAuthorizedOperations).toBe((1 << 3) | (1 << 8))
  expect(response?.clusterAuthorizedOperations).toBe(1 << 8)
})

test('creates no topic for a caller that may describe but not create it', async () => {
  const missing = { error: { code: 'unknown_topic_or_partition', message: '', retryable: false } }
  const broker = brokerOf(
    { coordinator: { getTopic: async () => missing } },
    (_, operation) => operation !== 'create',
  )
  const caller = callerOf(broker)
  const settings = { ...caller.settings, autoCreateTopics: true }
  const request = { topics: [{ name: 'new' }], allowAutoTopicCreation: true }
  const response = await ask({ ...caller, settings }, METADATA, 9, request)
  expect(response?.topics[0]?.errorCode).toBe(TOPIC)
})

test('shows no configs of a new topic to a caller that may only create it', async () => {
  const caller = callerWith((_, operation) => operation === 'create', {
    coordinator: { createTopics: async () => ({ ok: [{ ok: open }] }) },
  })
  const topics = [{ name: 'open', ...wantedTopic }]
  const response = await ask(caller, CREATE_TOPICS, 7, { topics, timeoutMs: 1 })
  expect(response?.topics[0]).toMatchObject({
    errorCode: 0,
    topicConfigErrorCode: TOPIC,
    configs: [],
  })
})

test('returns readable partitions beside denied ones, without waiting', async () => {
  const read = {
    offset: 0,
    nextOffset: 0,
    highWatermark: 0,
    logStartOffset: 0,
    topicVersion: 1,
    batches: new Uint8Array(0),
  }
  const caller = callerWith(allButSecret, {
    partition: () => ({ read: async () => ({ ok: read }) }),
  })
  const topics = ['open', 'secret'].map((topic) => ({ topic, partitions: [fetched] }))
  const response = await ask(caller, FETCH, 12, { ...fetch, topics })
  expect(numbersIn(response)).toEqual([0, 0, TOPIC])
})

test('appends to the topics that may be written, and refuses the others', async () => {
  const appended = {
    baseOffsets: [7],
    nextOffset: 8,
    logAppendTime: null,
    logStartOffset: 0,
    topicVersion: 1,
  }
  const caller = callerWith(allButSecret, {
    partition: () => ({ append: async () => ({ ok: appended }) }),
  })
  const topics = ['secret', 'open'].map((name) => {
    return { name, topicId: id, partitions: [{ index: 0, records }] }
  })
  const response = await ask(caller, PRODUCE, 9, { acks: -1, timeoutMs: 1, topics })
  expect(numbersIn(response)).toEqual([TOPIC, 0])
})

test('commits and fetches the offsets of topics that may be read, and refuses the others', async () => {
  const committed = { partition: 0, offset: 5, leaderEpoch: 0, metadata: '' }
  const caller = callerWith(allButSecret, {
    partition: () => ({ describe: async () => ({ ok: { logStartOffset: 0, highWatermark: 9 } }) }),
    group: () => ({
      commitOffsets: async () => ({ ok: null }),
      fetchOffsets: async () => ({
        ok: [secret, open].map(({ id: topicId, name }) => ({ ...committed, topicId, topic: name })),
      }),
    }),
  })
  const committing = ['secret', 'open'].map((name) => ({ name, partitions: [offset] }))
  const commit = await ask(caller, OFFSET_COMMIT, 9, { ...member, topics: committing })
  expect(numbersIn(commit)).toEqual([TOPIC, 0])
  const names = ['secret', 'open'].map((name) => ({ name, partitionIndexes: [0] }))
  const fetchOf = async (topics: typeof names | null) => {
    const response = await ask(caller, OFFSET_FETCH, 9, { groups: [{ groupId: 'g', topics }] })
    return response?.groups[0]?.topics.map(({ name, partitions: [one] }) => {
      return [name, one?.errorCode, one?.committedOffset]
    })
  }
  expect(await fetchOf(names)).toEqual([
    ['secret', TOPIC, -1],
    ['open', 0, 5],
  ])
  expect(await fetchOf(null)).toEqual([['open', 0, 5]])
})
