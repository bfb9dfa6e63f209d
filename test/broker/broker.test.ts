/**
 * Checks that every operation of the broker calls the authorizer. The table below has a row for each method: a new
 * method without a row fails the first test, and one that does not call the authorizer fails the second.
 */
import { describe, expect, test } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { newCaches } from '../../src/broker/cluster.ts'
import type { ObjectBindings } from '../../src/broker/objects.ts'
import { StatementOperations } from '../../src/broker/sql/statement-operations.ts'
import { type Authorizer, denyAll } from '../../src/core/access/authorizer.ts'
import { ANONYMOUS } from '../../src/core/access/principal.ts'
import type { Resource } from '../../src/core/access/resource.ts'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import { parseGroupId } from '../../src/core/group/group-id.ts'
import type { Topic } from '../../src/core/topic/topic.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'

const name = parseTopicName('secret')
const id = '11111111-2222-4333-8444-555555555555'
const config = resolveTopicConfig({})
const topic: Topic = { id, name, partitions: 1, version: 1, config, overrides: {} }
const groupId = parseGroupId('group')
const committed = {
  topicId: id,
  topic: name,
  partition: 0,
  offset: 1,
  leaderEpoch: 0,
  metadata: '',
}
const named = { topic: name, partition: 0, offset: 1, leaderEpoch: 0, metadata: '' }
const wanted = { topic: { name }, partition: 0, offset: 1, leaderEpoch: 0, metadata: '' }
const holding = [{ topicId: id, topic: name, partitions: [0] }]
const description = { members: [{ topics: [name], assignment: holding, target: holding }] }
const noRecords = new Uint8Array(0)
const isolation = 'committed' as const
const manyOptions = { maxBytes: 1, minBytes: 0, maxWaitMs: 0, isolation }
const fetchOptions = { from: { offset: 0 }, ...manyOptions }
const scanOptions = { prefix: noRecords, partition: 0, limit: 1, maxWaitMs: 0 }
const tailOptions = { offset: 0, creditBytes: 1, isolation }
const wantedPartition = { topic: { name }, partition: 0, offset: 0, maxBytes: 1 }
const member = { memberId: 'm', instanceId: null }

const producer = { producerId: 1n, producerEpoch: 0 }
const call = { transactionalId: 't', ...producer, version: 1 as const }
const participant = { topicId: id, topic: name, partition: 0 }
const tag = { coordinator: 'id/t', transactionalId: 't', number: 1, version: 1 as const }

const transactionalBatch = encodeBatch([{ timestamp: 0, key: null, value: null, headers: [] }], {
  ...producer,
  baseSequence: 0,
  isTransactional: true,
})

type Operation = (broker: Broker) => Promise<unknown>

/** Each throws, or returns errors, or an empty list. */
const OPERATIONS: Record<string, Operation> = {
  'records.produce': ({ records }) => records.produce(name, []),
  'records.produceToPartition': ({ records }) => records.produceToPartition(name, 0, [], {}),
  'records.appendBatches': ({ records }) => records.appendBatches({ name }, 0, noRecords, 'kafka'),
  'records.startAppend': ({ records }) => records.startAppend({ name }, 0, noRecords, 'kafka'),
  'records.fetchBatches': ({ records }) => records.fetchBatches(name, 0, fetchOptions),
  'records.fetchRecords': ({ records }) => records.fetchRecords(name, 0, fetchOptions),
  'records.fetchMany': ({ records }) => records.fetchMany([wantedPartition], manyOptions),
  'records.openSealed': ({ records }) => records.openSealed(id, 0, () => true),
  'records.tableGet': ({ records }) => records.tableGet(name, { key: noRecords, maxWaitMs: 0 }),
  'records.tableScan': ({ records }) => records.tableScan(name, scanOptions),
  'records.openTail': ({ records }) => records.openTail(name, 0, tailOptions),
  'records.describePartition': ({ records }) => records.describePartition(name, 0),
  'records.findByTimestamp': ({ records }) => records.findByTimestamp(name, 0, 1, 'committed'),
  'records.findMaxTimestamp': ({ records }) => records.findMaxTimestamp(name, 0, 'committed'),
  'records.deleteBefore': ({ records }) => records.deleteBefore({ name, id }, 0, 1),
  'records.verifyRemote': ({ records }) =>
    records.verifyRemote(name, 0, { fromOffset: 0, data: false }),
  'records.rebuildRemote': ({ records }) => records.rebuildRemote(name, 0, 9),
  'records.restore': ({ records }) =>
    records.restore(name, 0, { sourceId: id, from: 0, to: 1, batches: noRecords }),
  'topics.create': ({ topics }) => topics.create({ name, partitions: 1, overrides: {} }),
  'topics.createEach': ({ topics }) => topics.createEach([{ name, partitions: 1, overrides: {} }]),
  'topics.list': ({ topics }) => topics.list(),
  'topics.listForCluster': ({ topics }) => topics.listForCluster('describe'),
  'topics.find': ({ topics }) => topics.find({ name }, 'describe'),
  'topics.findForCluster': ({ topics }) => topics.findForCluster(name, 'describe'),
  'topics.lookUp': ({ topics }) => topics.lookUp(name, 'describe'),
  'topics.describePartitions': ({ topics }) => topics.describePartitions(topic),
  'topics.partitionSizes': ({ topics }) => topics.partitionSizes([{ topic, partition: 0 }], 1),
  'topics.change': ({ topics }) => topics.change(name, { partitions: 2 }),
  'topics.delete': ({ topics }) => topics.delete(name),
  'topics.deleteEach': ({ topics }) => topics.deleteEach([{ name }]),
  'groups.list': async ({ groups }) => (await groups.list({ after: '', limit: 9 })).groups,
  'groups.listAll': ({ groups }) => groups.listAll(9),
  'groups.checkExists': ({ groups }) => groups.checkExists(groupId, 'delete'),
  'groups.describe': ({ groups }) => groups.describe(groupId),
  'groups.describeClassic': ({ groups }) => groups.describeClassic(groupId, 1),
  'groups.describeLag': ({ groups }) => groups.describeLag(groupId, description as never),
  'groups.delete': ({ groups }) => groups.delete(groupId),
  'groups.config': ({ groups }) => groups.config(groupId),
  'groups.changeConfig': ({ groups }) => groups.changeConfig(groupId, { overrides: {} }, false),
  'groups.listConfigured': ({ groups }) => groups.listConfigured(),
  'members.heartbeat': ({ members }) =>
    members.heartbeat({ groupId, ...member, memberEpoch: 0, topics: [name] } as never),
  'members.join': ({ members }) => members.join({ groupId, protocols: [] } as never),
  'members.sync': ({ members }) => members.sync(groupId, { assignments: [] } as never),
  'members.classicHeartbeat': ({ members }) =>
    members.classicHeartbeat(groupId, { ...member, generation: 1 }),
  'members.leave': ({ members }) => members.leave(groupId, []),
  'offsets.commit': ({ offsets }) => offsets.commit(groupId, null, [named]),
  'offsets.commitEach': ({ offsets }) => offsets.commitEach(groupId, null, [wanted]),
  'offsets.fetch': ({ offsets }) => offsets.fetch(groupId, name),
  'offsets.fetchIfAny': ({ offsets }) => offsets.fetchIfAny(groupId, {}),
  'offsets.delete': ({ offsets }) => offsets.delete(groupId, name, 0),
  'offsets.reset': ({ offsets }) =>
    offsets.reset(groupId, { target: { to: 'latest' }, topics: [{ topic: name }], dryRun: true }),
  'transactions.initProducerId': ({ transactions }) => transactions.initProducerId('t', 1),
  'transactions.addPartitions': async ({ transactions }) => [
    ...(await transactions.addPartitions(call, [{ topic: name, partition: 0 }])).values(),
  ],
  'transactions.addGroup': ({ transactions }) => transactions.addGroup(call, groupId),
  'transactions.find': ({ transactions }) => transactions.find(call, []),
  'transactions.startAppend': ({ transactions }) =>
    transactions.startAppend(call, participant, noRecords, () => tag),
  'transactions.end': ({ transactions }) => transactions.end(call, 'commit'),
  'transactionAdmin.forceAbort': ({ transactionAdmin }) => transactionAdmin.forceAbort('t'),
  'transactionAdmin.describe': ({ transactionAdmin }) => transactionAdmin.describe('t'),
  'transactionAdmin.list': ({ transactionAdmin }) => transactionAdmin.list(),
  'transactionAdmin.listPage': async ({ transactionAdmin }) =>
    (await transactionAdmin.listPage({ after: '', limit: 9 })).transactions,
  'transactions.makeOneShot': ({ transactions }) =>
    transactions.makeOneShot({
      ...{ id: 't', bodyHash: '' },
      records: [{ topic: name, partition: 0, timestamp: 0, key: null, value: null, headers: [] }],
      offsets: [{ groupId, member: null, offsets: [named] }],
      expectations: [],
    }),
  'transactions.appendBatches': ({ transactions }) =>
    transactions.appendBatches('t', name, 0, transactionalBatch),
  'transactions.commitOffsets': ({ transactions }) =>
    transactions.commitOffsets(call, groupId, null, [named]),
  'transactionAdmin.describeProducers': ({ transactionAdmin }) =>
    transactionAdmin.describeProducers(name, 0, 1),
  'transactionAdmin.writeMarker': ({ transactionAdmin }) =>
    transactionAdmin.writeMarker(name, 0, { ...tag, ...producer, outcome: 'abort' }),
  'statements.run': (broker) => broker.with(StatementOperations).run({ text: 'SHOW STREAMS;' }),
  'statements.openQuery': (broker) =>
    broker.with(StatementOperations).openQuery({ text: 'PRINT t;' }, new AbortController().signal),
  'statements.hasSequence': (broker) => broker.with(StatementOperations).hasSequence(1, 0),
  'statements.openInserts': (broker) => broker.with(StatementOperations).openInserts('S'),
  'applications.list': ({ applications }) => applications.list(),
  'applications.summarize': ({ applications }) => applications.summarize('a'),
  'applications.describe': ({ applications }) => applications.describe('a'),
  'applications.deploy': ({ applications }) =>
    applications.deploy({ name: 'a', nodes: [] }, 'earliest'),
  'applications.change': ({ applications }) => applications.change('a', 'pause'),
  'applications.remove': ({ applications }) => applications.remove('a'),
  'applications.placement': ({ applications }) => applications.placement('a', 's'),
  'applications.queryKey': ({ applications }) =>
    applications.queryKey('a', 's', { kind: 'get', key: noRecords, maxWaitMs: 0 }),
  'applications.queryAll': ({ applications }) =>
    applications.queryAll('a', 's', { kind: 'range', limit: 1, maxWaitMs: 0 }),
  'quotas.list': ({ quotas }) => quotas.list({ components: [], strict: false } as never),
  'quotas.alter': ({ quotas }) => quotas.alter([], false),
}

/** Makes a broker with an existing topic and group. A call without a stub here fails the test as unexpected. */
function brokerWith(authorizer: Authorizer): Broker {
  const getTopic = async () => ({ ok: topic })
  const group = {
    describe: async () => ({ ok: description }),
    fetchOffsets: async () => ({ ok: [committed] }),
    summarize: async () => ({ ok: { groupId } }),
  }
  const coordinator = {
    getTopic,
    getTopicById: getTopic,
    listTopics: async () => ({ ok: [topic] }),
    listGroups: async () => ({ ok: [groupId] }),
    listApplications: async () => ({ ok: ['a'] }),
    listTransactions: async () => ({ ok: ['t'] }),
  }
  const partition = {
    describe: async () => ({ ok: { logStartOffset: 0, highWatermark: 5, topicVersion: 1 } }),
  }
  const catalog = { read: async () => ({ ok: { sequence: 0, pending: [] } }) }
  const objects = {
    CATALOG: { getByName: () => catalog },
    COORDINATOR: { getByName: () => coordinator },
    GROUP: { getByName: () => group },
    PARTITION: { idFromName: (text: string) => text, get: () => partition },
  }
  return new Broker({
    objects: objects as unknown as ObjectBindings,
    caches: newCaches(),
    principal: ANONYMOUS,
    authorizer,
  })
}

function isAuthorizationError(error: unknown): boolean {
  return error instanceof EdgelogError && error.code.endsWith('_authorization_failed')
}

/** Returns whether everything that an operation returns is an authorization error. */
async function isRejected(operation: Operation, authorizer: Authorizer): Promise<boolean> {
  try {
    const result = await operation(brokerWith(authorizer))
    return Array.isArray(result) && result.every(isAuthorizationError)
  } catch (error) {
    return isAuthorizationError(error)
  }
}

test('has a row for each operation of the broker', () => {
  const broker = brokerWith(denyAll)
  const { access: _access, meter: _meter, ...own } = broker
  const nouns = { ...own, statements: broker.with(StatementOperations) }
  const methods = Object.entries(nouns).flatMap(([noun, operations]) =>
    Object.getOwnPropertyNames(Object.getPrototypeOf(operations))
      .filter((method) => method !== 'constructor')
      .map((method) => `${noun}.${method}`),
  )
  expect(Object.keys(OPERATIONS).sort()).toEqual(methods.sort())
})

test.each(Object.entries(OPERATIONS))(
  'refuses %s to a principal without any permission',
  async (_, operation) => {
    expect(await isRejected(operation, denyAll)).toBe(true)
  },
)

describe('a principal with all permissions but one', () => {
  const except =
    (operation: string, type: Resource['type']): Authorizer =>
    (_, asked, resource) =>
      asked !== operation || resource.type !== type

  test.each([
    ['records.produce', 'write', 'topic'],
    ['records.produceToPartition', 'write', 'topic'],
    ['records.appendBatches', 'write', 'topic'],
    ['records.startAppend', 'write', 'topic'],
    ['transactions.initProducerId', 'write', 'transactional_id'],
    ['transactions.addPartitions', 'write', 'transactional_id'],
    ['transactions.addPartitions', 'write', 'topic'],
    ['transactions.addGroup', 'write', 'transactional_id'],
    ['transactions.addGroup', 'read', 'group'],
    ['transactions.find', 'write', 'transactional_id'],
    ['transactions.startAppend', 'write', 'topic'],
    ['transactions.end', 'write', 'transactional_id'],
    ['transactionAdmin.forceAbort', 'write', 'transactional_id'],
    ['transactionAdmin.describe', 'describe', 'transactional_id'],
    ['transactionAdmin.list', 'describe', 'transactional_id'],
    ['transactionAdmin.describeProducers', 'read', 'topic'],
    ['records.fetchBatches', 'read', 'topic'],
    ['records.fetchRecords', 'read', 'topic'],
    ['records.fetchMany', 'read', 'topic'],
    ['records.tableGet', 'read', 'topic'],
    ['records.tableScan', 'read', 'topic'],
    ['records.openTail', 'read', 'topic'],
    ['records.describePartition', 'describe', 'topic'],
    ['records.deleteBefore', 'delete', 'topic'],
    ['records.verifyRemote', 'alter', 'topic'],
    ['records.rebuildRemote', 'alter', 'topic'],
    ['topics.list', 'describe', 'topic'],
    ['topics.change', 'alter', 'topic'],
    ['topics.delete', 'delete', 'topic'],
    ['topics.deleteEach', 'delete', 'topic'],
    ['groups.describe', 'describe', 'group'],
    ['groups.describe', 'describe', 'topic'],
    ['groups.describeLag', 'describe', 'topic'],
    ['members.heartbeat', 'read', 'group'],
    ['members.heartbeat', 'describe', 'topic'],
    ['offsets.commit', 'read', 'group'],
    ['offsets.commit', 'read', 'topic'],
    ['offsets.commitEach', 'read', 'group'],
    ['offsets.commitEach', 'read', 'topic'],
    ['offsets.fetch', 'describe', 'group'],
    ['offsets.fetch', 'describe', 'topic'],
    ['offsets.fetchIfAny', 'describe', 'topic'],
    ['offsets.delete', 'delete', 'group'],
    ['offsets.delete', 'read', 'topic'],
    ['offsets.reset', 'read', 'topic'],
    ['statements.run', 'describe', 'cluster'],
    ['statements.openQuery', 'describe', 'cluster'],
    ['statements.openQuery', 'read', 'topic'],
    ['statements.hasSequence', 'describe', 'cluster'],
    ['statements.openInserts', 'describe', 'cluster'],
    ['applications.summarize', 'describe', 'group'],
    ['applications.describe', 'describe', 'group'],
    ['applications.deploy', 'create', 'cluster'],
    ['applications.change', 'alter_configs', 'group'],
    ['applications.remove', 'delete', 'group'],
    ['applications.placement', 'read', 'group'],
    ['applications.queryKey', 'read', 'group'],
    ['applications.queryAll', 'read', 'group'],
    ['quotas.list', 'describe_configs', 'cluster'],
    ['quotas.alter', 'alter_configs', 'cluster'],
  ] as const)('is refused %s without %s on the %s', async (title, operation, type) => {
    expect(await isRejected(OPERATIONS[title] as Operation, except(operation, type))).toBe(true)
  })

  test('is refused a reset of all offsets without read on one of their topics', async () => {
    const request = { target: { to: 'latest' }, topics: null, dryRun: false } as const
    const reset: Operation = ({ offsets }) => offsets.reset(groupId, request)
    expect(await isRejected(reset, except('read', 'topic'))).toBe(true)
  })

  test('is refused a topic that it names by id', async () => {
    const find: Operation = ({ topics }) => topics.find({ id }, 'read')
    expect(await isRejected(find, except('read', 'topic'))).toBe(true)
    const commit: Operation = ({ offsets }) =>
      offsets.commitEach(groupId, null, [{ ...wanted, topic: { id } }])
    expect(await isRejected(commit, except('read', 'topic'))).toBe(true)
  })

  test('is refused a change of configs without alter_configs, and one of partitions without alter', async () => {
    const configs: Operation = ({ topics }) => topics.change(name, { overrides: {} })
    expect(await isRejected(configs, except('alter_configs', 'topic'))).toBe(true)
    const both: Operation = ({ topics }) => topics.change(name, { partitions: 2, overrides: {} })
    expect(await isRejected(both, except('alter_configs', 'topic'))).toBe(true)
    expect(await isRejected(both, except('alter', 'topic'))).toBe(true)
  })
})

test('lists what may be described, and all groups to a principal that may describe the cluster', async () => {
  const topicsOnly = brokerWith(
    (_, operation, { type }) => operation === 'describe' && type === 'topic',
  )
  expect(await topicsOnly.topics.list()).toEqual([topic])
  expect(await topicsOnly.groups.listAll(9)).toEqual([])
  const clusterOnly = brokerWith((_, __, { type }) => type === 'cluster')
  expect(await clusterOnly.topics.list()).toEqual([])
  expect(await clusterOnly.groups.listAll(9)).toEqual([{ groupId }])
})

test('commits the offsets of topics that may be read, beside refusals for the others', async () => {
  const commits: unknown[] = []
  const objects = {
    COORDINATOR: {
      getByName: () => ({
        getTopic: async (asked: string) => ({
          ok: { ...topic, name: asked, id: `id of ${asked}` },
        }),
      }),
    },
    GROUP: {
      getByName: () => ({
        commitOffsets: async ({ offsets }: { offsets: ReadonlyArray<{ topic: string }> }) => {
          commits.push(...offsets.map((one) => one.topic))
          return { ok: null }
        },
      }),
    },
    PARTITION: {
      idFromName: (text: string) => text,
      get: () => ({ describe: async () => ({ ok: { logStartOffset: 0, highWatermark: 9 } }) }),
    },
  }
  const { offsets } = new Broker({
    objects: objects as unknown as ObjectBindings,
    caches: newCaches(),
    principal: ANONYMOUS,
    authorizer: (_, __, resource) => resource.name !== 'secret',
  })
  const of = (topicName: string) => ({ ...wanted, topic: { name: topicName } })
  const results = await offsets.commitEach(groupId, null, [of('open'), of('secret'), of('free')])
  expect(results.map((outcome) => outcome?.code ?? null)).toEqual([
    null,
    'topic_authorization_failed',
    null,
  ])
  expect(commits).toEqual(['open', 'free'])
})
