/** Administration that one broker without security handles itself, as Kafka 4.3 does. */
import { describe, expect, test } from 'vitest'
import { EdgelogError } from '../../src/core/errors.ts'
import { KAFKA_NAMES_MAX } from '../../src/core/limits.ts'
import { ALTER_PARTITION_REASSIGNMENTS } from '../../src/kafka/apis/alter-partition-reassignments.ts'
import { ALTER_REPLICA_LOG_DIRS } from '../../src/kafka/apis/alter-replica-log-dirs.ts'
import { CREATE_ACLS } from '../../src/kafka/apis/create-acls.ts'
import { DELETE_ACLS } from '../../src/kafka/apis/delete-acls.ts'
import { DESCRIBE_ACLS } from '../../src/kafka/apis/describe-acls.ts'
import { DESCRIBE_QUORUM } from '../../src/kafka/apis/describe-quorum.ts'
import { DESCRIBE_USER_SCRAM_CREDENTIALS } from '../../src/kafka/apis/describe-user-scram-credentials.ts'
import { ELECT_LEADERS } from '../../src/kafka/apis/elect-leaders.ts'
import { LIST_PARTITION_REASSIGNMENTS } from '../../src/kafka/apis/list-partition-reassignments.ts'
import { ask, brokerOf, callerOf, topicOf } from './door.ts'

const UNKNOWN_TOPIC_OR_PARTITION = 3
const REQUEST_TIMED_OUT = 7
const INVALID_REPLICA_ASSIGNMENT = 39
const INVALID_REQUEST = 42
const SECURITY_DISABLED = 54
const LOG_DIR_NOT_FOUND = 57
const ELECTION_NOT_NEEDED = 84
const NO_REASSIGNMENT_IN_PROGRESS = 85
const RESOURCE_NOT_FOUND = 91
const DUPLICATE_RESOURCE = 92

const topic = topicOf('one-node', { partitions: 2 })
const caller = callerOf(
  brokerOf({
    coordinator: {
      getTopic: async (name: string) => {
        if (name === topic.name) return { ok: topic }
        if (name === 'silent') throw new Error('the coordinator is unavailable')
        return { error: new EdgelogError('unknown_topic_or_partition', 'none').toBody() }
      },
    },
  }),
)

describe('ElectLeaders', () => {
  const elect = async (version: number, electionType: number) =>
    await ask(caller, ELECT_LEADERS, version, {
      electionType,
      topicPartitions: [
        { topic: topic.name, partitions: [0, 2, -1] },
        { topic: 'missing', partitions: [0] },
        { topic: 'no name!', partitions: [0] },
        { topic: 'silent', partitions: [0] },
      ],
    })

  test.each([
    [0, 0],
    [2, 0],
    [2, 1],
  ])('v%i responds that no election of type %i is needed', async (version, type) => {
    const response = await elect(version, type)
    expect(response?.errorCode).toBe(0)
    expect(response?.replicaElectionResults.map(({ partitionResult }) => partitionResult)).toEqual([
      [
        {
          partitionId: 0,
          errorCode: ELECTION_NOT_NEEDED,
          errorMessage: 'Leader election not needed for topic partition.',
        },
        {
          partitionId: 2,
          errorCode: UNKNOWN_TOPIC_OR_PARTITION,
          errorMessage: 'No such partition as one-node-2',
        },
        {
          partitionId: -1,
          errorCode: UNKNOWN_TOPIC_OR_PARTITION,
          errorMessage: 'No such partition as one-node--1',
        },
      ],
      [
        {
          partitionId: 0,
          errorCode: UNKNOWN_TOPIC_OR_PARTITION,
          errorMessage: 'No such topic as missing',
        },
      ],
      [
        {
          partitionId: 0,
          errorCode: UNKNOWN_TOPIC_OR_PARTITION,
          errorMessage: 'No such topic as no name!',
        },
      ],
      [expect.objectContaining({ partitionId: 0, errorCode: REQUEST_TIMED_OUT })],
    ])
  })

  test('rejects an unknown type of election', async () => {
    const response = await elect(2, 5)
    expect(response?.errorCode).toBe(INVALID_REQUEST)
    const refused = { errorCode: INVALID_REQUEST, errorMessage: 'Unknown election type 5' }
    expect(response?.replicaElectionResults[0]?.partitionResult).toEqual([
      { partitionId: 0, ...refused },
      { partitionId: 2, ...refused },
      { partitionId: -1, ...refused },
    ])
  })

  test('returns no partition if all are requested', async () => {
    const response = await ask(caller, ELECT_LEADERS, 2, { topicPartitions: null })
    expect(response).toMatchObject({ errorCode: 0, replicaElectionResults: [] })
  })

  test('rejects more topics than one request may name', async () => {
    const topicPartitions = Array.from({ length: KAFKA_NAMES_MAX + 1 }, (_, index) => {
      return { topic: `t${index}`, partitions: [0] }
    })
    const response = await ask(caller, ELECT_LEADERS, 2, { topicPartitions })
    const codes = response?.replicaElectionResults.map((one) => one.partitionResult[0]?.errorCode)
    expect(new Set(codes)).toEqual(new Set([INVALID_REQUEST]))
  })
})

describe('AlterPartitionReassignments', () => {
  const reassign = async (name: string, partitionIndex: number, replicas: number[] | null) => {
    const request = { topics: [{ name, partitions: [{ partitionIndex, replicas }] }] }
    const response = await ask(caller, ALTER_PARTITION_REASSIGNMENTS, 1, request)
    expect(response).toMatchObject({ errorCode: 0, allowReplicationFactorChange: true })
    return response?.responses[0]?.partitions[0]
  }
  const notRegistered = (nodeId: number) =>
    `The manual partition assignment includes broker ${nodeId}, but no such broker is registered.`

  test.each([
    [topic.name, 0, [1], 0, null],
    [topic.name, 0, null, NO_REASSIGNMENT_IN_PROGRESS, null],
    [topic.name, 0, [2], INVALID_REPLICA_ASSIGNMENT, notRegistered(2)],
    [topic.name, 0, [1, 3, 2], INVALID_REPLICA_ASSIGNMENT, notRegistered(2)],
    [
      topic.name,
      0,
      [1, 1],
      INVALID_REPLICA_ASSIGNMENT,
      'The manual partition assignment includes the broker 1 more than once.',
    ],
    [
      topic.name,
      0,
      [],
      INVALID_REPLICA_ASSIGNMENT,
      'The manual partition assignment includes an empty replica list.',
    ],
    [topic.name, 2, [1], UNKNOWN_TOPIC_OR_PARTITION, 'Unable to find partition one-node:2.'],
    ['missing', 0, [1], UNKNOWN_TOPIC_OR_PARTITION, 'Unable to find a topic named missing.'],
    ['missing', 0, null, UNKNOWN_TOPIC_OR_PARTITION, 'Unable to find a topic named missing.'],
  ])('of %s-%i to %j returns %i', async (name, partition, replicas, errorCode, errorMessage) => {
    const result = await reassign(name, partition, replicas)
    expect(result).toEqual({ partitionIndex: partition, errorCode, errorMessage })
  })

  test('makes clients retry while the topic cannot be looked up', async () => {
    expect(await reassign('silent', 0, [1])).toMatchObject({ errorCode: REQUEST_TIMED_OUT })
  })

  test('lists no running reassignment', async () => {
    await reassign(topic.name, 0, [1])
    const response = await ask(caller, LIST_PARTITION_REASSIGNMENTS, 0, { topics: null })
    expect(response).toMatchObject({ errorCode: 0, topics: [] })
  })
})

describe('DescribeQuorum', () => {
  const of = async (version: number, topicName: string, ...partitions: number[]) => {
    const partitionsOf = partitions.map((partitionIndex) => ({ partitionIndex }))
    const topics = [{ topicName, partitions: partitionsOf }]
    return await ask(caller, DESCRIBE_QUORUM, version, { topics })
  }

  test('returns the one node as leader and only voter', async () => {
    const response = await of(2, '__cluster_metadata', 0)
    const [partition] = response?.topics[0]?.partitions ?? []
    expect(partition).toMatchObject({ errorCode: 0, leaderId: 1, observers: [] })
    expect(partition?.currentVoters).toHaveLength(1)
    const [voter] = partition?.currentVoters ?? []
    expect(voter).toMatchObject({ replicaId: 1, logEndOffset: partition?.highWatermark })
    expect(voter?.lastFetchTimestamp).toBeGreaterThan(0)
    expect(response?.nodes).toEqual([
      { nodeId: 1, listeners: [{ name: 'BRIDGE', host: 'localhost', port: 9092 }] },
    ])
  })

  test('responds in versions without nodes', async () => {
    const response = await of(0, '__cluster_metadata', 0)
    expect(response?.topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, leaderId: 1 })
  })

  test.each([
    ['__cluster_metadata', [1]],
    ['__cluster_metadata', [0, 1]],
    ['one-node', [0]],
  ])('does not host %s %j', async (name, partitions) => {
    const response = await of(2, name, ...partitions)
    const codes = response?.topics[0]?.partitions.map(({ errorCode }) => errorCode)
    expect(codes).toEqual(partitions.map(() => UNKNOWN_TOPIC_OR_PARTITION))
  })
})

describe('ACLs without an authorizer', () => {
  const filter = {
    resourceTypeFilter: 1,
    resourceNameFilter: null,
    patternTypeFilter: 1,
    principalFilter: null,
    hostFilter: null,
    operation: 1,
    permissionType: 1,
  }
  const creation = {
    resourceType: 2,
    resourceName: 't',
    resourcePatternType: 3,
    principal: 'User:a',
    host: '*',
    operation: 3,
    permissionType: 3,
  }
  const refused = {
    errorCode: SECURITY_DISABLED,
    errorMessage: 'No Authorizer is configured.',
  }

  test.each([1, 2, 3])('are rejected in v%i', async (version) => {
    expect(await ask(caller, DESCRIBE_ACLS, version, filter)).toMatchObject({
      errorCode: SECURITY_DISABLED,
      errorMessage: 'No Authorizer is configured on the broker',
      resources: [],
    })
    const creations = [creation, creation]
    const created = await ask(caller, CREATE_ACLS, version, { creations })
    expect(created?.results).toEqual([refused, refused])
    const deleted = await ask(caller, DELETE_ACLS, version, { filters: [filter] })
    expect(deleted?.filterResults).toEqual([{ ...refused, matchingAcls: [] }])
  })
})

describe('AlterReplicaLogDirs', () => {
  test('has one directory, which contains all partitions', async () => {
    const response = await ask(caller, ALTER_REPLICA_LOG_DIRS, 2, {
      dirs: [
        { path: '/elsewhere', topics: [{ name: topic.name, partitions: [1] }] },
        {
          path: '/edgelog',
          topics: [
            { name: topic.name, partitions: [0, 2] },
            { name: 'missing', partitions: [0] },
            { name: 'silent', partitions: [0] },
          ],
        },
      ],
    })
    const coded = response?.results.map(({ topicName, partitions }) => [
      topicName,
      ...partitions.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode]),
    ])
    expect(coded).toEqual([
      [topic.name, [1, LOG_DIR_NOT_FOUND], [0, 0], [2, UNKNOWN_TOPIC_OR_PARTITION]],
      ['missing', [0, UNKNOWN_TOPIC_OR_PARTITION]],
      ['silent', [0, REQUEST_TIMED_OUT]],
    ])
  })
})

describe('DescribeUserScramCredentials', () => {
  test.each([null, []])('lists no user for %j', async (users) => {
    const response = await ask(caller, DESCRIBE_USER_SCRAM_CREDENTIALS, 0, { users })
    expect(response).toMatchObject({ errorCode: 0, results: [] })
  })

  test('returns an error for each named user, because none has a credential', async () => {
    const users = [{ name: 'a' }, { name: 'b' }, { name: 'b' }]
    const response = await ask(caller, DESCRIBE_USER_SCRAM_CREDENTIALS, 0, { users })
    expect(response?.results.map(({ user, errorCode }) => [user, errorCode])).toEqual([
      ['a', RESOURCE_NOT_FOUND],
      ['b', DUPLICATE_RESOURCE],
    ])
  })
})
